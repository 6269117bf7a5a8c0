"""Measure this project's whole command against what a user would pick instead, each building the same eight tables.

    python -m benchmarks.bench_peers [--scales 1,100] [--runs 3] [--only stedi_assets,bare_duckdb]

Run it in the project's own environment. Every other peer gets an environment of its own, from its pinned
requirements, the first time. Landing files are made once a scale.
"""

import argparse
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from deltalake import DeltaTable

from benchmarks.graph import EMPTY_GRAPH, described
from benchmarks.measure import (
    EN_DASH,
    Command,
    CommandError,
    Measurement,
    compare,
    describe_machine,
    format_megabytes,
    format_seconds,
    peak_bytes,
    print_markdown_table,
    wall_ratio,
    wall_seconds,
)
from stedi_assets.contract import TABLES
from stedi_assets.landing.sample_data import write_sample_data

PROJECT = Path(__file__).resolve().parent.parent
BENCHMARKS = PROJECT / "benchmarks"
PEERS = BENCHMARKS / "peers"
BASELINE = "stedi_assets"
PACKAGES = ("dagster", "duckdb", "deltalake")
TIMES = "\N{MULTIPLICATION SIGN}"

# What peers build is fixed, so that the project may grow tables of its own.
TABLE_NAMES = (
    "customer_landing",
    "accelerometer_landing",
    "step_trainer_landing",
    "customer_trusted",
    "accelerometer_trusted",
    "customer_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
)

RowCounter = Callable[[Path, str], int]

ITS_OWN = (PROJECT / ".dagster" / "dagster.yaml").read_text()
"""How the project configures Dagster, whose history of runs it keeps by connections that stay open."""

DAGSTERS_OWN = "telemetry:\n  enabled: false\n"
"""How Dagster is without being configured, but that it tells nobody of it."""


def count_delta_rows(output: Path, table: str) -> int:
    """Count the rows of one of this project's tables, as its Delta log has them."""
    actions = DeltaTable(output / TABLES[table].path).get_add_actions(flatten=True)
    return sum(actions.column("num_records").to_pylist())


def count_file_rows(output: Path, table: str) -> int:
    """Count the rows of a table that is one Parquet file."""
    return count_query_rows(duckdb.connect(), f"read_parquet('{output}/{table}.parquet')")


def count_folder_rows(output: Path, table: str) -> int:
    """Count the rows of a table that is a folder of Parquet files."""
    return count_query_rows(duckdb.connect(), f"read_parquet('{output}/{table}/*.parquet')")


def count_database_rows(output: Path, table: str) -> int:
    """Count the rows of a table in a DuckDB database."""
    with duckdb.connect(output / "stedi.duckdb", read_only=True) as connection:
        return count_query_rows(connection, f"public.{table}")


def count_query_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Count the rows of whatever a FROM clause can name."""
    return connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]


@dataclass(frozen=True)
class Contender:
    """One way to build the tables.

    Attributes:
        name: What it is called on the command line.
        title: What it is called in the results; `{version}` is the version of its package.
        arguments: Its command. `{programs}` is the folder of its environment's programs, `{landing}` the landing
            root, `{expected_counts}` the content of its expected_counts.json, `{output}` the folder for its tables and
            `{scratch}` one for anything else.
        count_rows: Counts the rows of a table it has built; none if it builds none, so that scale does not matter.
        requirements: The pinned packages of its environment; none for the project's own.
        package: The pinned package that it is about.
        dagster_yaml: How Dagster is configured, where it is Dagster that runs.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    count_rows: RowCounter | None
    requirements: Path | None = None
    package: str = ""
    dagster_yaml: str = DAGSTERS_OWN


MATERIALIZE = ("{programs}/dagster", "asset", "materialize", "--select")
MATERIALIZE_ALL = (*MATERIALIZE, "*")
ALL_TABLES = "(group:landing or group:trusted or group:curated or group:machine_learning)"
"""Of this project; lakehouse_report needs an extra that is not installed with them."""
EIGHT_TABLES = f"{ALL_TABLES} and not key:machine_learning_pseudonymized"
"""What peers build too, and the quarantines."""

CONTENDERS = (
    Contender(
        name=BASELINE,
        title="this project: Dagster, DuckDB, Delta tables, checks",
        arguments=(*MATERIALIZE, ALL_TABLES, "-m", "stedi_assets.definitions"),
        count_rows=count_delta_rows,
        dagster_yaml=ITS_OWN,
    ),
    Contender(
        name="stedi_assets_eight",
        title="this project, those eight tables alone, with the quarantines and all their checks",
        arguments=(*MATERIALIZE, EIGHT_TABLES, "-m", "stedi_assets.definitions"),
        count_rows=count_delta_rows,
        dagster_yaml=ITS_OWN,
    ),
    Contender(
        name="empty_graph",
        title="empty Dagster graph, with the assets and checks of this project",
        arguments=(*MATERIALIZE_ALL, "-f", f"{BENCHMARKS}/empty_graph.py"),
        count_rows=None,
    ),
    Contender(
        name="bare_duckdb",
        title="bare DuckDB script, plain Parquet",
        arguments=("{programs}/python", f"{PEERS}/bare_duckdb.py", "{landing}", "{output}"),
        count_rows=count_file_rows,
    ),
    Contender(
        name="polars_script",
        title="bare Polars {version} script, streaming sinks, plain Parquet",
        arguments=("{programs}/python", f"{PEERS}/polars_script.py", "{landing}", "{output}"),
        count_rows=count_file_rows,
        requirements=PEERS / "polars_script.requirements.txt",
        package="polars",
    ),
    Contender(
        name="dbt_project",
        title="dbt-duckdb {version}, `dbt build`, 8 external models, 8 tests, the profile of `dbt init`",
        arguments=(
            *("{programs}/dbt", "build"),
            *("--project-dir", f"{PEERS}/dbt_project", "--profiles-dir", f"{PEERS}/dbt_project"),
            *("--target-path", "{scratch}/target", "--log-path", "{scratch}/logs"),
            *("--vars", "{expected_counts}"),
        ),
        count_rows=count_file_rows,
        requirements=PEERS / "dbt_project" / "requirements.txt",
        package="dbt-duckdb",
    ),
    Contender(
        name="dbt_tuned",
        title="dbt-duckdb {version}, the same in memory with two threads, rows in any order",
        arguments=(
            *("{programs}/dbt", "build"),
            *("--project-dir", f"{PEERS}/dbt_project", "--profiles-dir", f"{PEERS}/dbt_project"),
            *("--target-path", "{scratch}/target", "--log-path", "{scratch}/logs"),
            *("--vars", "{expected_counts}", "--target", "tuned"),
        ),
        count_rows=count_file_rows,
        requirements=PEERS / "dbt_project" / "requirements.txt",
        package="dbt-duckdb",
    ),
    Contender(
        name="dagster_duckdb_pandas",
        title="dagster-duckdb-pandas {version}: its own I/O manager, pandas assets, no checks",
        arguments=(*MATERIALIZE_ALL, "-f", f"{PEERS}/dagster_duckdb_pandas/definitions.py"),
        count_rows=count_database_rows,
        requirements=PEERS / "dagster_duckdb_pandas" / "requirements.txt",
        package="dagster-duckdb-pandas",
    ),
    Contender(
        name="pyspark_script",
        title="bare PySpark {version} script, plain Parquet",
        arguments=("{programs}/python", f"{PEERS}/pyspark_script.py", "{landing}", "{output}"),
        count_rows=count_folder_rows,
        requirements=PEERS / "pyspark_script.requirements.txt",
        package="pyspark",
    ),
)


def programs_folder(contender: Contender, folder: Path) -> Path:
    """Give the folder of a contender's programs, creating its environment unless one of the same pins exists.

    Args:
        contender: Whose programs.
        folder: Where environments are kept.
    """
    if contender.requirements is None:
        return Path(sys.executable).parent
    environment = folder / contender.name
    # Written when all is installed, so an environment that was interrupted is made again.
    installed = environment / "requirements.txt"
    if not installed.exists() or installed.read_text() != contender.requirements.read_text():
        print(f"{contender.name}: installing {contender.requirements.name}", file=sys.stderr, flush=True)
        venv.create(environment, clear=True, symlinks=True, with_pip=True)
        pip = [environment / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--requirement", contender.requirements], check=True)
        shutil.copyfile(contender.requirements, installed)
    return environment / "bin"


def landing_root(folder: Path, scale: int) -> Path:
    """Give a landing root of made-up data with its expected_counts.json, writing it unless it exists.

    Args:
        folder: Where landing roots are kept.
        scale: How many times the data of scale 1 it holds.
    """
    root = folder / f"landing-{scale}"
    if not (root / "expected_counts.json").exists():
        print(f"writing landing files at scale {scale}", file=sys.stderr, flush=True)
        write_sample_data(root, scale)
    return root


def make_empty(folder: Path) -> None:
    """Make a folder empty, creating it if need be."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def verify_rows(contender: Contender, output: Path, expected: dict[str, int]) -> None:
    """Count the rows of the tables a contender has built.

    Raises:
        CommandError: A table has another number of rows than expected.
    """
    if contender.count_rows is None:
        return
    counted = {table: contender.count_rows(output, table) for table in TABLE_NAMES}
    wrong = [
        f"{table} has {rows:,} rows instead of {expected[table]:,}"
        for table, rows in counted.items()
        if rows != expected[table]
    ]
    if wrong:
        raise CommandError(f"{contender.name} built wrong tables: {'; '.join(wrong)}")


def command_for(contender: Contender, programs: Path, landing: Path, folder: Path) -> Command:
    """Make the command by which a contender builds the tables of one landing root.

    Args:
        contender: Who builds the tables.
        programs: The folder of its programs.
        landing: The landing root.
        folder: A folder for all that it writes.
    """
    output, scratch, dagster_home = folder / "output", folder / "scratch", folder / "dagster_home"
    make_empty(scratch)
    make_empty(dagster_home)
    (dagster_home / "dagster.yaml").write_text(contender.dagster_yaml)
    expected_counts = (landing / "expected_counts.json").read_text()
    places = {
        "programs": programs,
        "landing": landing,
        "expected_counts": expected_counts,
        "output": output,
        "scratch": scratch,
    }
    return Command(
        name=contender.name,
        arguments=[argument.format_map(places) for argument in contender.arguments],
        environment={
            "STEDI_LANDING": str(landing),
            "STEDI_LAKEHOUSE": str(output),
            "SCRATCH": str(scratch),
            "DAGSTER_HOME": str(dagster_home),
            EMPTY_GRAPH: described(),
        },
        folder=PROJECT,
        prepare=partial(make_empty, output),
        verify=partial(verify_rows, contender, output, json.loads(expected_counts)),
    )


def measure_scale(contenders: Sequence[Contender], folder: Path, scale: int, runs: int) -> dict[str, list[Measurement]]:
    """Measure contenders on the landing files of one scale.

    Args:
        contenders: Whom to measure.
        folder: Where environments and landing roots are kept.
        scale: How many times the data of scale 1 is read.
        runs: How often each one is measured.

    Returns:
        The measurements by contender name.
    """
    landing = landing_root(folder, scale)
    with TemporaryDirectory(prefix="runs-", dir=folder) as outputs:
        commands = [
            command_for(contender, programs_folder(contender, folder), landing, Path(outputs, contender.name))
            for contender in contenders
        ]
        print(f"scale {scale}", file=sys.stderr, flush=True)
        return compare(commands, runs)


def scale_cells(name: str, measurements: dict[str, list[Measurement]]) -> list[str]:
    """Write the seconds of one contender at one scale and their ratio to this project's."""
    if name not in measurements:
        return [EN_DASH, EN_DASH]
    ratio = EN_DASH
    if BASELINE in measurements:
        ratio = f"{wall_ratio(measurements[name], measurements[BASELINE]).median:.2f}"
    return [format_seconds(wall_seconds(measurements[name])), ratio]


def memory_cell(name: str, measurements: dict[str, list[Measurement]]) -> str:
    """Write the peak memory of one contender at one scale."""
    return format_megabytes(peak_bytes(measurements[name]).median) if name in measurements else EN_DASH


def contender_title(contender: Contender) -> str:
    """Write what a contender is called in the results, with the version that its requirements pin."""
    if contender.requirements is None:
        return contender.title
    pins = dict(line.split("==") for line in contender.requirements.read_text().splitlines())
    return contender.title.format(version=pins[contender.package])


def print_results(contenders: Sequence[Contender], results: dict[int, dict[str, list[Measurement]]]) -> None:
    """Print what was measured as one Markdown table.

    Args:
        contenders: Whom the rows are about.
        results: The measurements by scale and contender name.
    """
    largest = max(results)
    header = ["peer"]
    for scale in results:
        header += [f"{scale}{TIMES}: seconds", f"{scale}{TIMES}: ratio"]
    rows = [
        [
            contender_title(contender),
            *(cell for measurements in results.values() for cell in scale_cells(contender.name, measurements)),
            memory_cell(contender.name, results[largest]),
        ]
        for contender in contenders
    ]
    print_markdown_table([*header, f"peak memory at {largest}{TIMES}"], rows)


def scales_from(text: str) -> list[int]:
    """Read comma-separated scales, smallest first."""
    return sorted({int(scale) for scale in text.split(",")})


def contenders_from(text: str) -> list[Contender]:
    """Read comma-separated names of contenders, to be given in the order of the results."""
    names = text.split(",")
    known = [contender.name for contender in CONTENDERS]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"no peer is called {', '.join(unknown)}: there are {', '.join(known)}")
    return [contender for contender in CONTENDERS if contender.name in names]


def runs_from(text: str) -> int:
    """Read a number of runs that has a median."""
    runs = int(text)
    if runs < 1:
        raise argparse.ArgumentTypeError("at least one run is needed")
    return runs


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure this project against what a user would pick instead.")
    parser.add_argument("--scales", type=scales_from, default=[1, 100], help="sizes of the data; 1,100 by default")
    parser.add_argument("--runs", type=runs_from, default=3, help="runs of each after its warm-up; 3 by default")
    parser.add_argument(
        "--only",
        type=contenders_from,
        default=list(CONTENDERS),
        help=f"peers to measure, with {BASELINE} for their ratio to it; all by default",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=PROJECT / ".bench",
        help="where environments and data are kept; .bench by default",
    )
    return parser.parse_args()


def main() -> None:
    """Measure and print the results."""
    arguments = parse_arguments()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    results = {}
    for scale in arguments.scales:
        # A contender that reads no data takes the same at every scale.
        contenders = [one for one in arguments.only if one.count_rows or scale == min(arguments.scales)]
        results[scale] = measure_scale(contenders, folder, scale, arguments.runs)
    print(f"\nMedian (minimum{EN_DASH}maximum) of {arguments.runs} runs on {describe_machine(PACKAGES)}.\n")
    print_results(arguments.only, results)


if __name__ == "__main__":
    try:
        main()
    except (CommandError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench_peers: {error}")
