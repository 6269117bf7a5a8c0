"""A lakehouse in a bucket: how it is reached, what it says when it is refused, and what it survives."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import dagster
import duckdb
import pytest
from pydantic import SecretStr

from stedi_assets.contract import TABLES
from stedi_assets.engines.duckdb import s3 as s3_module
from stedi_assets.engines.duckdb.engine import DuckDBEngine
from stedi_assets.errors import CredentialsError, StediError
from stedi_assets.query import Query
from stedi_assets.storage import aws as aws_module
from stedi_assets.storage import bucket as bucket_module
from stedi_assets.storage.aws import Aws
from stedi_assets.storage.lease import lease_held, take_lease
from stedi_assets.storage.location import Location
from stedi_assets_tests.support.buckets import REGION, bucket
from stedi_assets_tests.support.commands import MATERIALIZE_ALL, run
from stedi_assets_tests.support.faulty_proxy import Fault, Rule
from stedi_assets_tests.support.grid import in_a_bucket
from stedi_assets_tests.support.places import Place
from stedi_assets_tests.support.projects import REPLACED_TABLES, SELECTED_TABLES, Project, with_landing_files
from stedi_assets_tests.support.records import EXPECTED_COUNTS, customer
from stedi_assets_tests.support.runs import failure
from stedi_assets_tests.support.servers import FaultyProxy, MotoServer, Versitygw, faulty_proxy, versitygw

pytestmark = in_a_bucket


KEY = "ab" * 32
"""Under which a table of pseudonyms has the same rows in every build."""

COMMITS = r"/_delta_log/\d{20}\.json"


@pytest.fixture
def proxy(gateway: Versitygw) -> Iterator[FaultyProxy]:
    with faulty_proxy(gateway.endpoint) as proxy:
        yield proxy


@pytest.fixture
def behind_proxy(project: Project, gateway: Versitygw, proxy: FaultyProxy) -> Project:
    """The project, reached through the proxy; what the tests look at does not pass it."""
    aws = gateway.aws(endpoint_url=proxy.endpoint)
    place = Place(project.place.root, aws, {**project.place.variables, "AWS_ENDPOINT_URL": proxy.endpoint})
    return Project(place, project.landing, project.lakehouse, project.engine)


def reached_by(project: Project, aws: Aws) -> Project:
    return Project(Place(project.place.root, aws, {}), project.landing, project.lakehouse, project.engine)


# How a bucket is reached.


def test_a_command_finds_the_bucket_by_what_every_aws_tool_reads(project: Project) -> None:
    finished = run(*MATERIALIZE_ALL, folder=Path.cwd(), **project.variables)
    assert finished.exit_code == 0, finished.output
    assert project.counts() == EXPECTED_COUNTS


def test_landing_files_on_local_disk_become_tables_in_a_bucket(project: Project, tmp_path: Path) -> None:
    project.landing = tmp_path / "landing"
    assert with_landing_files(project).materialize().success
    assert project.counts() == EXPECTED_COUNTS


def test_landing_files_in_a_bucket_become_tables_on_local_disk(project: Project, tmp_path: Path) -> None:
    project.lakehouse = tmp_path / "lakehouse"
    assert project.materialize().success
    assert project.counts() == EXPECTED_COUNTS


def test_a_bucket_for_landing_files_may_hold_the_lakehouse_too(project: Project) -> None:
    project.lakehouse = project.landing / "lakehouse"
    assert project.materialize().success
    assert project.counts() == EXPECTED_COUNTS


def test_the_metadata_shows_the_location(project: Project) -> None:
    event = project.materialize("customer_landing").get_asset_materialization_events()[0]
    assert event.materialization.metadata["dagster/uri"].value == f"{project.lakehouse}/customer/landing"


def test_empty_variables_do_not_mask_a_profile(project: Project, gateway: Versitygw, tmp_path: Path) -> None:
    profile = (
        f"[steps]\naws_access_key_id = {gateway.access_key_id}\naws_secret_access_key = {gateway.secret_access_key}\n"
    )
    (tmp_path / "credentials").write_text(profile)
    variables = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "")
    variables |= {"AWS_PROFILE": "steps", "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    finished = run(*MATERIALIZE_ALL, folder=tmp_path, **{**project.variables, **variables})
    assert finished.exit_code == 0, finished.output
    assert project.counts() == EXPECTED_COUNTS


def test_a_profile_that_does_not_exist_is_named(project: Project) -> None:
    result = reached_by(project, Aws(profile="nobody")).materialize("customer_landing")
    assert failure(result, "customer_landing").startswith("The AWS profile 'nobody' does not exist. Correct")


def test_the_endpoint_of_the_store_alone_is_preferred(project: Project, gateway: Versitygw) -> None:
    aws = gateway.aws(endpoint_url="http://127.0.0.1:1", endpoint_url_s3=gateway.endpoint)
    assert reached_by(project, aws).materialize("customer_landing").success


class Role(BaseHTTPRequestHandler):
    """Gives credentials as a container's role does, other ones each time, which expire at once."""

    given: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.given.append(f"key-{len(self.given)}")
        expiration = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        credentials = {"AccessKeyId": self.given[-1], "SecretAccessKey": "s", "Token": "t", "Expiration": expiration}
        body = json.dumps(credentials).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Role.given.clear()
    server = HTTPServer(("127.0.0.1", 0), Role)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/")
    yield
    server.shutdown()


@pytest.mark.usefixtures("role")
def test_credentials_that_expired_are_fetched_again_by_each_library(moto: MotoServer, tmp_path: Path) -> None:
    aws = Aws(region=REGION, endpoint_url=moto.endpoint)
    place = bucket(moto.endpoint, "any", "any", tmp_path)
    root = Location.parse(str(place.root), aws)
    with duckdb.connect() as connection:
        engine = DuckDBEngine(connection, aws)
        seen = []
        for _ in range(2):
            engine.write(Query("SELECT 1 AS one"), root / "table")
            secrets = connection.sql("SELECT secret_string FROM duckdb_secrets()").fetchall()
            seen.append((str(secrets), (root.delta_options or {})["aws_access_key_id"]))
            time.sleep(1.1)
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] != seen[1][1]


def test_no_credentials_at_all_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    aws = Aws(region=REGION, endpoint_url=project.place.aws.endpoint_url)
    result = reached_by(project, aws).materialize("customer_landing")
    assert failure(result, "customer_landing").startswith("No AWS credentials were found. Set AWS_PROFILE, or")


@pytest.mark.parametrize("is_refused", [False, True])
def test_no_key_appears_in_a_log_an_error_or_metadata(project: Project, gateway: Versitygw, is_refused: bool) -> None:
    secret = "a-wrong-secret" if is_refused else gateway.secret_access_key
    variables = {**project.variables, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": ""}
    finished = run("stedi", "run", folder=Path.cwd(), **variables)
    assert finished.exit_code == is_refused
    assert secret not in finished.output
    assert gateway.access_key_id not in finished.output
    with dagster.DagsterInstance.ephemeral() as instance:
        aws = gateway.aws(secret_access_key=SecretStr(secret))
        definitions = reached_by(project, aws).definitions()
        job = definitions.resolve_job_def("lakehouse")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        events = "".join(str(record) for record in instance.all_logs(result.run_id))
        snapshot = str(instance.get_run_by_id(result.run_id))
    assert "customer_landing" in events
    for text in (events, snapshot, repr(definitions), repr(project.settings(aws=aws))):
        assert secret not in text


def test_a_missing_extension_of_duckdb_is_told_when_a_bucket_is_written(
    gateway: Versitygw, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: duckdb.DuckDBPyConnection) -> None:
        raise StediError("DuckDB's httpfs extension is not installed.", "Install it.")

    monkeypatch.setattr(s3_module, "_load_extension", refuse)
    aws = gateway.aws()
    with duckdb.connect() as connection:
        engine = DuckDBEngine(connection, aws)
        with pytest.raises(StediError, match="httpfs extension is not installed"):
            engine.write(Query("SELECT 1 AS one"), Location.parse(str(place.root), aws) / "table")


# What a refusal says.


def refusals(project: Project, aws: Aws) -> dict[str, str]:
    result = reached_by(project, aws).materialize()
    assert not result.success
    return {event.step_key or "": failure(result, event.step_key or "") for event in result.get_step_failure_events()}


def test_a_wrong_secret_is_one_clear_error_that_names_the_bucket_and_the_action(
    project: Project, gateway: Versitygw
) -> None:
    messages = refusals(project, gateway.aws(secret_access_key=SecretStr("wrong")))
    assert messages["customer_landing"] == (
        f"The secret key is wrong: s3:GetObject on {project.lakehouse}/.lease. "
        "Correct AWS_SECRET_ACCESS_KEY or AWS_PROFILE."
    )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"secret_access_key": SecretStr("wrong")}, "SignatureDoesNotMatch"),
        ({"access_key_id": "nobody"}, "InvalidAccessKeyId"),
    ],
    ids=["a wrong secret", "an unknown key"],
)
def test_refused_credentials_are_an_error_of_their_own(
    project: Project, gateway: Versitygw, wrong: dict[str, Any], code: str
) -> None:
    folder = Location(str(project.lakehouse), gateway.aws(**wrong))
    with pytest.raises(CredentialsError) as refused:
        folder.files.write(f"{folder}/file", b"")
    assert (refused.value.code, refused.value.service, refused.value.profile) == (code, "s3", None)


def test_an_unknown_key_is_one_clear_error_that_names_the_bucket_and_the_action(
    project: Project, gateway: Versitygw
) -> None:
    messages = refusals(project, gateway.aws(access_key_id="nobody"))
    assert messages["customer_landing"].startswith(
        f"The access key is not known: s3:GetObject on {project.lakehouse}/.lease. Correct AWS_ACCESS_KEY_ID"
    )


def outcome(definitions: dagster.Definitions) -> dagster.ExecuteInProcessResult:
    with dagster.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def("lakehouse").execute_in_process(instance=instance, raise_on_error=False)


def test_a_missing_bucket_for_landing_files_is_named(project: Project) -> None:
    result = outcome(project.definitions(landing="s3://no-such-bucket"))
    assert failure(result, "customer_landing") == (
        "The bucket does not exist: s3:ListBucket on s3://no-such-bucket/customer/landing. "
        "Create it, or correct STEDI_LANDING and STEDI_LAKEHOUSE."
    )


def test_a_missing_bucket_for_tables_is_named(project: Project) -> None:
    result = outcome(project.definitions(lakehouse="s3://no-such-bucket"))
    message = failure(result, "customer_landing")
    assert message.startswith("The bucket does not exist: s3:GetObject on s3://no-such-bucket/.lease.")


def test_a_store_that_is_not_there_is_one_clear_error(
    project: Project, gateway: Versitygw, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch)
    messages = refusals(project, gateway.aws(endpoint_url="http://127.0.0.1:1"))
    assert messages["customer_landing"] == (
        f"The store of {project.lakehouse}/.lease could not be reached: EndpointConnectionError. "
        "Check AWS_ENDPOINT_URL, the proxy and the network, and try again."
    )


# What it survives.


def test_a_store_that_now_and_then_asks_to_slow_down_is_ridden_out(behind_proxy: Project, proxy: FaultyProxy) -> None:
    proxy.fail(Rule(Fault.SLOW_DOWN, every=7))
    assert behind_proxy.materialize().success
    proxy.fail()
    assert behind_proxy.counts() == EXPECTED_COUNTS
    assert {behind_proxy.delta(table).version() for table in SELECTED_TABLES} == {0}


def test_a_store_that_is_gone_for_eight_seconds_is_ridden_out(behind_proxy: Project, proxy: FaultyProxy) -> None:
    with ThreadPoolExecutor(max_workers=1) as beside:
        running = beside.submit(behind_proxy.materialize)
        time.sleep(0.3)
        proxy.fail(Rule(Fault.GONE, seconds=8, times=1))
        assert running.result().success
    assert behind_proxy.counts() == EXPECTED_COUNTS
    assert {behind_proxy.delta(table).version() for table in SELECTED_TABLES} == {0}


def test_a_commit_whose_acknowledgement_is_lost_is_made_once_and_reported_as_made(
    behind_proxy: Project, proxy: FaultyProxy
) -> None:
    for version, tables in enumerate((TABLES, REPLACED_TABLES)):
        proxy.fail(Rule(Fault.LOST_ACKNOWLEDGEMENT, method="PUT", target=COMMITS, times=100))
        result = behind_proxy.materialize(full_refresh=True)
        lost = proxy.requests("PUT", COMMITS)
        proxy.fail()
        assert result.success
        assert len(lost) >= len(tables)
        assert {behind_proxy.delta(table).version() for table in tables} == {version}
        assert behind_proxy.counts() == EXPECTED_COUNTS


def test_an_amendment_whose_acknowledgement_is_lost_is_made_once(behind_proxy: Project, proxy: FaultyProxy) -> None:
    assert behind_proxy.materialize("customer_landing").success
    behind_proxy.land("customer", "customer-2.json", [customer("fay", research=1)])
    proxy.fail(Rule(Fault.LOST_ACKNOWLEDGEMENT, method="PUT", target=COMMITS, times=100))
    assert behind_proxy.materialize("customer_landing").success
    proxy.fail()
    assert behind_proxy.delta("customer_landing").version() == 1
    assert behind_proxy.delta("customer_landing").count() == EXPECTED_COUNTS["customer_landing"] + 1


def test_a_lease_whose_acknowledgement_is_lost_is_taken_all_the_same(behind_proxy: Project, proxy: FaultyProxy) -> None:
    proxy.fail(Rule(Fault.LOST_ACKNOWLEDGEMENT, method="PUT", target=r"/\.lease", times=3))
    with lease_held(behind_proxy.location(), "run 1", 0) as lease:
        lease.confirm()
    proxy.fail()
    take_lease(behind_proxy.location(), "run 2", 0).release()


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for a store that is gone no longer than a test can."""
    monkeypatch.setattr(aws_module, "ATTEMPTS", 1)
    monkeypatch.setattr(bucket_module, "RETRY_SECONDS", 1)
    monkeypatch.setitem(s3_module.SETTINGS, "http_retries", 1)


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6])
def test_a_server_that_is_killed_in_a_run_leaves_every_table_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    be_impatient(monkeypatch)
    (tmp_path / "store").mkdir()
    with versitygw(tmp_path / "store") as server:
        place = bucket(server.endpoint, server.access_key_id, server.secret_access_key, tmp_path)
        project = with_landing_files(Project.at(place, "duckdb"))
        assert project.materialize(pseudonym_key=KEY).success
        rows = {table: project.rows(table) for table in SELECTED_TABLES}
        with ThreadPoolExecutor(max_workers=1) as beside:
            running = beside.submit(project.materialize, full_refresh=True, pseudonym_key=KEY)
            time.sleep(seconds)
            server.kill()
            result = running.result()
        server.start()
        stored = {event.step_key for event in result.get_asset_materialization_events()} & {*REPLACED_TABLES}
        assert not result.success
        for table in SELECTED_TABLES:
            assert project.rows(table) == rows[table]
        landed = {table for table in SELECTED_TABLES if project.delta(table).version() == 1}
        assert stored & set(SELECTED_TABLES) <= landed
        # The server may die between taking a commit and saying so.
        assert len(landed - stored) <= 1
        assert project.materialize(full_refresh=True, pseudonym_key=KEY).success
        assert {table: project.rows(table) for table in SELECTED_TABLES} == rows


@pytest.mark.parametrize("round_", range(5))
def test_two_runs_at_once_follow_one_another(project: Project, round_: int) -> None:
    assert project.materialize("customer_landing").success
    before = project.delta("customer_landing").version()
    project.land("customer", "customer-1.json", [customer("ada", research=round_ + 1)])
    ready = threading.Barrier(2)

    def materialize() -> bool:
        ready.wait()
        return project.materialize("customer_landing").success

    with ThreadPoolExecutor(max_workers=2) as beside:
        succeeded = [done.result() for done in [beside.submit(materialize) for _ in range(2)]]
    assert succeeded == [True, True]
    # The second found nothing to read.
    assert project.delta("customer_landing").version() == before + 1
    assert project.delta("customer_landing").to_pyarrow_table().column("email").to_pylist() == ["ada@example.com"]
