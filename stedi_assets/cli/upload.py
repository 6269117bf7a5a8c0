"""stedi upload: copies local landing files to a bucket."""

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("bucket", metavar="S3://BUCKET/PREFIX")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as an object, for programs.")
def upload(folder: Path, bucket: str, as_json: bool) -> None:
    """Copies the landing files of DIR to a bucket, for STEDI_LANDING=s3://bucket/prefix.

    DIR holds {folders}, or some of them. Files that the bucket already has are skipped, so an interrupted upload can be
    run again. Nothing is deleted.

    Example: stedi upload data s3://my-bucket
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.filesize import decimal  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn  # noqa: PLC0415

    from stedi_assets.landing.upload import plan_upload, upload_files  # noqa: PLC0415
    from stedi_assets.settings import read_settings, refuse_overlapping_roots  # noqa: PLC0415
    from stedi_assets.storage.location import Location  # noqa: PLC0415

    settings = read_settings()
    try:
        target = Location.parse(bucket, settings.aws)
        settings.aws.refuse_nonsense()
    except ValueError as error:
        raise click.UsageError(f"{bucket}: {error}.") from None
    if target.is_local:
        raise click.UsageError(f"{bucket} is not s3://bucket/prefix.")
    refuse_overlapping_roots(target, settings.lakehouse)
    deliveries = plan_upload(Location.parse(str(folder)), target)
    screen = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=sum(delivery.file.size for delivery in deliveries))
        done = upload_files(deliveries, settings.aws, lambda size: progress.advance(task, size))
    if as_json:
        click.echo(json.dumps({"target": str(target), **asdict(done)}, indent=2))
        return
    click.echo(
        f"{target}: {len(done.uploaded):,} files uploaded, {decimal(done.bytes)} in {done.seconds:.1f} seconds; "
        f"{done.skipped:,} skipped, because the bucket already has them"
    )
