"""Measure the eight tables in a bucket, over HTTP and HTTPS, against local disk, and the erasure of a customer.

    python -m benchmarks.bench_locations [--scale 10] [--erasure-scale 100] [--runs 11]

The bucket is versitygw's on loopback. All build what `benchmarks.build_tables` does, in turns, landing files and
tables in the bucket or on disk. An erasure is timed with its verification, on local disk, in a copy of the files.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import boto3
import duckdb

from benchmarks.bench_peers import PACKAGES, PROJECT, TIMES, landing_root, runs_from
from benchmarks.build_tables import build_tables
from benchmarks.measure import Spread, describe_machine, format_seconds, print_markdown_table
from stedi_assets.contract import CUSTOMERS
from stedi_assets.defs.assets import QUERIES
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.erasure.certificate import Certificate
from stedi_assets.erasure.erase import erase
from stedi_assets.erasure.plan import plan_erasure
from stedi_assets.lakehouse.lakehouse import Lakehouse
from stedi_assets.privacy.pseudonyms import Pseudonyms
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.servers import HOST, versitygw
from stedi_assets_tests.support.tls import Certificate as ServerCertificate

KEY = bytes(32)


def timed_build(landing: str, root: str) -> float:
    """Measure the building of the tables."""
    started = time.perf_counter()
    build_tables(landing, root)
    return time.perf_counter() - started


def bucket_turns(landing: Path, runs: int, scratch: Path) -> Iterator[tuple[float, float, float]]:
    """Measure disk, bucket over HTTP and bucket over HTTPS in turns, after one turn that does not count."""
    store, certificates = scratch / "store", scratch / "certificates"
    store.mkdir()
    certificates.mkdir()
    certificate = ServerCertificate.issued(certificates, HOST)
    with versitygw(store) as server, versitygw(store, certificate) as encrypted:
        os.environ |= {
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
            "AWS_CA_BUNDLE": str(certificate.authority),
            "AWS_REGION": "us-east-1",
        }
        client = boto3.client("s3", endpoint_url=server.endpoint)
        client.create_bucket(Bucket="landing")
        for file in landing.rglob("*.json"):
            client.upload_file(str(file), "landing", file.relative_to(landing).as_posix())
        for turn in range(runs + 1):
            measured = [timed_build(str(landing), str(scratch / f"lakehouse-{turn}"))]
            for each in (server, encrypted):
                os.environ["AWS_ENDPOINT_URL"] = each.endpoint
                bucket = f"lakehouse-{turn}-{each.scheme}"
                client.create_bucket(Bucket=bucket)
                measured.append(timed_build("s3://landing", f"s3://{bucket}/tables"))
            if turn:
                disk, plain, over_tls = measured
                yield disk, plain, over_tls


def timed_erasure(landing: Path, scratch: Path) -> tuple[float, int, Certificate]:
    """Measure the erasure of one customer, and count the files that named them."""
    copy, root = scratch / "landing", scratch / "lakehouse"
    shutil.copytree(landing, copy)
    build_tables(str(copy), str(root))
    pseudonyms = Pseudonyms(KEY)
    with duckdb.connect() as connection:
        engine = DuckDBEngine(connection, None, pseudonyms)
        lakehouse = Lakehouse(Location.parse(str(root)), Location.parse(str(copy)), engine, pseudonyms=pseudonyms)
        ((email,),) = duckdb.sql(
            f"SELECT min(email) FROM read_json('{copy}/{CUSTOMERS.path}/*.json') WHERE shareWithResearchAsOfDate > 0"
        ).fetchall()
        started = time.perf_counter()
        plan = plan_erasure(lakehouse, email)
        certificate = erase(lakehouse, plan, QUERIES, "benchmark", "benchmark")
        return time.perf_counter() - started, len(plan.files), certificate


def _compared(name: str, pairs: Sequence[tuple[float, float]], goal: str) -> list[str]:
    ratio = Spread.of(bucket / disk for bucket, disk in pairs)
    return [
        name,
        format_seconds(Spread.of(bucket for bucket, _ in pairs)),
        format_seconds(Spread.of(disk for _, disk in pairs)),
        f"{ratio.median:.2f} ({ratio.minimum:.2f}–{ratio.maximum:.2f})",
        goal,
    ]


def main() -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=int, default=10, help="size of the data for the bucket; 10 by default")
    parser.add_argument("--erasure-scale", type=int, default=100, help="size for the erasure; 100 by default")
    parser.add_argument("--runs", type=runs_from, default=11, help="turns after one that does not count; 11 by default")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".bench", help="where data is kept; .bench by default")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="runs-", dir=folder) as scratch:
        turns = list(bucket_turns(landing_root(folder, arguments.scale), arguments.runs, Path(scratch)))
    with tempfile.TemporaryDirectory(prefix="runs-", dir=folder) as scratch:
        seconds, named, certificate = timed_erasure(landing_root(folder, arguments.erasure_scale), Path(scratch))
    print(f"\nMedian (minimum–maximum) of {arguments.runs} runs on {describe_machine(PACKAGES)}.\n")
    print_markdown_table(
        [f"{arguments.scale}{TIMES}, tables in one process", "bucket", "disk", "ratio", "goal"],
        [
            _compared("over HTTP", [(plain, disk) for disk, plain, _ in turns], "≤ 2.1"),
            _compared("over HTTPS, verified", [(over_tls, disk) for disk, _, over_tls in turns], "none"),
        ],
    )
    print_markdown_table(
        [f"erasure of one customer, {arguments.erasure_scale}{TIMES}", "measured"],
        [
            ["with rebuilding, vacuum and verification", f"{seconds:.1f} s"],
            ["raw files rewritten / that named the customer", f"{len(certificate.records_by_file)} / {named}"],
            ["complete", str(certificate.is_complete)],
        ],
    )


if __name__ == "__main__":
    main()
