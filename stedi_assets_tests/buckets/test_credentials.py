"""What AWS's chain of settings and credentials can fail with: a line that says which profile, and what to run."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from stedi_assets.errors import CredentialsError
from stedi_assets.storage.aws import Aws
from stedi_assets_tests.support.commands import run

STORE = {"STEDI_LAKEHOUSE": "s3://steps-1/lakehouse", "AWS_REGION": "eu-north-1", "AWS_EC2_METADATA_DISABLED": "true"}

SESSION = "[sso-session company]\nsso_start_url = https://company.example.com\nsso_region = eu-north-1\n"
SSO = f"{SESSION}[profile steps]\nsso_session = company\nsso_account_id = 123456789012\nsso_role_name = Reader\n"

EXPIRED = {"accessToken": "t", "expiresAt": "2020-01-01T00:00:00Z", "startUrl": "https://company.example.com"}


@dataclass(frozen=True)
class Case:
    """A situation, and the line that it ends in.

    Attributes:
        line: A regular expression for the whole line.
        configuration: The text of AWS's configuration file.
        variables: AWS's environment variables.
    """

    line: str
    configuration: str = ""
    variables: dict[str, str] = field(default_factory=lambda: {"AWS_PROFILE": "steps"})


CASES = {
    "a profile that does not exist": Case(
        r"The AWS profile 'steps' does not exist\. Correct AWS_PROFILE, or configure the profile\.",
        "[profile other]\nregion = eu-north-1\n",
    ),
    "a file that does not parse": Case(
        r"AWS's configuration cannot be read: Unable to parse config file: .*config\. Correct the file\.",
        "[profile steps\nregion = x\n",
    ),
    "a source profile that is missing": Case(
        r"The AWS profile 'steps' is not legal: .*source_profile \"gone\".*\. Correct the profile in AWS's .*",
        "[profile steps]\nrole_arn = arn:aws:iam::123456789012:role/reader\nsource_profile = gone\n",
    ),
    "a source profile in a circle": Case(
        r"The AWS profile 'steps' is not legal: Infinite loop .*\. Correct the profile in AWS's .*",
        "[profile steps]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = other\n"
        "[profile other]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = steps\n",
    ),
    "a program that fails": Case(
        r"The AWS profile 'steps' gave no credentials: its credential_process failed\. "
        r"Run aws sts get-caller-identity --profile steps to see why\.",
        "[profile steps]\ncredential_process = sh -c 'echo the-secret >&2; exit 3'\n",
    ),
    "a program that prints nonsense": Case(
        r"The AWS settings or what a credential_process prints cannot be used: \w+\. Correct the AWS_\* variables .*",
        "[profile steps]\ncredential_process = echo the-secret\n",
    ),
    "a program that prints a list": Case(
        r"The AWS settings or what a credential_process prints cannot be used: \w+\. Correct the AWS_\* variables .*",
        "[profile steps]\ncredential_process = echo '[\"the-secret\"]'\n",
    ),
    "a program that prints no key": Case(
        r"No AWS credentials were found for the profile 'steps'\. Set .*|The AWS settings or what .*",
        "[profile steps]\ncredential_process = "
        """echo '{"Version": 1, "AccessKeyId": null, "SecretAccessKey": null}'\n""",
    ),
    "a profile that takes its role with a session": Case(
        r"The session of the AWS profile 'steps' has expired, or it never signed in\. "
        r"Run aws sso login --profile company\.",
        f"{SESSION}[profile company]\nsso_session = company\nsso_account_id = 123456789012\nsso_role_name = Reader\n"
        "[profile steps]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = company\n",
    ),
    "a token left over": Case(
        r"AWS_SESSION_TOKEN is set without AWS_ACCESS_KEY_ID\. Unset it, or set the keys too\.",
        "[profile steps]\naws_access_key_id = key\naws_secret_access_key = secret\n",
        {"AWS_PROFILE": "steps", "AWS_SESSION_TOKEN": "the-secret"},
    ),
    "a default profile that never signed in": Case(
        r".* Run aws sso login --profile steps\.", SSO, {"AWS_DEFAULT_PROFILE": "steps"}
    ),
    "a program that is not there": Case(
        r"The credentials of the AWS profile 'steps' cannot be read: .*No such file .*",
        "[profile steps]\ncredential_process = /no/such/program\n",
    ),
    "half of a key": Case(
        r"Of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY one is set and not the other\. Set both, or neither\.",
        variables={"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": ""},
    ),
    "half of a profile's key": Case(
        r"The credentials of the AWS profile 'steps' are not whole: .*aws_secret_access_key\. Correct the profile .*",
        "[profile steps]\naws_access_key_id = key\n",
    ),
    "never signed in": Case(
        r"The session of the AWS profile 'steps' has expired, or it never signed in\. "
        r"Run aws sso login --profile steps\.",
        SSO,
    ),
    "a token file that is not there": Case(
        r"The credentials of the AWS profile 'default' cannot be read: .*No such file .*",
        variables={
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such/token",
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
        },
    ),
    "a profile without credentials": Case(
        r"No AWS credentials were found for the profile 'steps'\. Set AWS_PROFILE, or .*",
        "[profile steps]\nregion = eu-north-1\n",
    ),
    "nothing at all": Case(r"No AWS credentials were found\. Set AWS_PROFILE, or .*", variables={}),
}

SETTINGS = {
    "an endpoint without a scheme": ({"AWS_ENDPOINT_URL": "localhost:9000"}, r"AWS_ENDPOINT_URL is not legal\. Set .*"),
    "an endpoint without a host": ({"AWS_ENDPOINT_URL_S3": "https://"}, r"AWS_ENDPOINT_URL_S3 is not legal\. Set .*"),
    "an endpoint of another protocol": ({"AWS_ENDPOINT_URL": "s3://b"}, r"AWS_ENDPOINT_URL is not legal\. Set .*"),
    "an endpoint with a wrong port": (
        {"AWS_ENDPOINT_URL": "http://h:99999"},
        r"AWS_ENDPOINT_URL is not legal\. Set .*",
    ),
    "an endpoint with a space": ({"AWS_ENDPOINT_URL": "http://a b"}, r"AWS_ENDPOINT_URL is not legal\. Set .*"),
    "an endpoint with a password": (
        {"AWS_ENDPOINT_URL": "http://me:the-secret@h"},
        r"AWS_ENDPOINT_URL is not legal\. Set .*",
    ),
    "a region with a space": ({"AWS_REGION": "eu north 1"}, r"AWS_REGION is not legal: 'eu north 1'\. Set it to .*"),
    "a default region with a slash": (
        {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu/1"},
        r"AWS_DEFAULT_REGION is not legal: 'eu/1'\. Set .*",
    ),
    "an endpoint with a password alone": (
        {"AWS_ENDPOINT_URL": "http://:the-secret@h"},
        r"AWS_ENDPOINT_URL is not legal\. Set .*",
    ),
    "a proxy of another protocol": (
        {"HTTPS_PROXY": "socks5://h:1"},
        r"HTTPS_PROXY is not legal\. Set it to http://h.*",
    ),
    "a proxy that speaks TLS": ({"HTTPS_PROXY": "https://h:1"}, r"HTTPS_PROXY is not legal\. Set it to http://host.*"),
    "a proxy with a wrong port": (
        {"HTTP_PROXY": "http://h:many"},
        r"HTTP_PROXY is not legal\. Set it to http://host.*",
    ),
    "a proxy with a slash in its password": (
        {"HTTP_PROXY": "http://me:the-secret/x@h:1"},
        r"HTTP_PROXY is not legal\. Set it to http://host.*",
    ),
    "a number of attempts that is none": ({"AWS_MAX_ATTEMPTS": "many"}, r".*"),
    "a mode of retries that is none": ({"AWS_RETRY_MODE": "hard"}, r".*"),
    "an empty mode": ({"AWS_DEFAULTS_MODE": ""}, r"The AWS settings cannot be used: .*defaults mode.*"),
}


def line_of(output: str) -> str:
    assert output.startswith("Error: "), output
    assert len(output.splitlines()) == 1, output
    assert "the-secret" not in output
    return output.removeprefix("Error: ").strip()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_credentials_that_are_not_to_be_had_are_one_line(tmp_path: Path, case: Case) -> None:
    (tmp_path / "config").write_text(case.configuration)
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    finished = run("stedi", "tables", folder=tmp_path, HOME=str(tmp_path), **STORE, **variables, **case.variables)
    assert finished.exit_code == 1
    assert re.fullmatch(case.line, line_of(finished.output)), finished.output


def test_a_session_that_has_expired_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(SSO)
    cache = tmp_path / ".aws/sso/cache"
    cache.mkdir(parents=True)
    (cache / f"{sha1(b'company').hexdigest()}.json").write_text(json.dumps(EXPIRED))
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "steps", "HOME": str(tmp_path)}
    finished = run("stedi", "tables", folder=tmp_path, **STORE, **variables)
    assert finished.exit_code == 1
    assert line_of(finished.output) == (
        "The session of the AWS profile 'steps' has expired, or it never signed in. Run aws sso login --profile steps."
    )


@pytest.mark.parametrize(
    ("configuration", "code"),
    [("", "ProfileNotFound"), (SSO, "SSOTokenLoadError"), ("[profile steps]\nregion = x\n", "NoCredentialsError")],
    ids=["unknown", "never signed in", "empty"],
)
def test_credentials_that_are_not_to_be_had_are_an_error_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configuration: str, code: str
) -> None:
    (tmp_path / "config").write_text(configuration)
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    for name, value in {**variables, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CredentialsError) as refused:
        Aws(profile="steps").credentials()
    assert (refused.value.code, refused.value.service, refused.value.profile) == (code, None, "steps")


@pytest.mark.parametrize(
    "command",
    [
        ("tables",),
        ("query", "SELECT 1"),
        ("history", "customer_trusted"),
        ("vacuum",),
        ("clean", "--yes"),
        ("erase", "ada@example.com"),
        ("report",),
        ("duckdb", "file.duckdb"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_says_the_same_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "config").write_text(SSO)
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "steps", "HOME": str(tmp_path)}
    finished = run("stedi", *command, folder=tmp_path, STEDI_PSEUDONYM_KEY="ab" * 32, **STORE, **variables)
    assert finished.exit_code == 1
    assert line_of(finished.output).endswith("Run aws sso login --profile steps.")


def test_an_upload_does_not_blame_the_network(tmp_path: Path) -> None:
    landing = tmp_path / "customer/landing"
    landing.mkdir(parents=True)
    (landing / "customer-1.json").write_text("{}")
    (tmp_path / "config").write_text(SSO)
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "steps", "HOME": str(tmp_path)}
    finished = run("stedi", "upload", str(tmp_path), "s3://steps-1", folder=tmp_path, **variables)
    assert finished.exit_code == 1
    assert line_of(finished.output).endswith("Run aws sso login --profile steps.")


def test_a_run_says_it_for_each_table_that_it_could_not_begin(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(SSO)
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "steps", "HOME": str(tmp_path)}
    finished = run("stedi", "run", "--select", "customer_landing", folder=tmp_path, **STORE, **variables)
    assert finished.exit_code == 1
    assert finished.output.rstrip().splitlines()[-2].endswith("Run aws sso login --profile steps.")


@pytest.mark.parametrize(("variables", "line"), SETTINGS.values(), ids=SETTINGS)
def test_settings_that_make_no_sense_are_one_line(tmp_path: Path, variables: dict[str, str], line: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    closed = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    finished = run("stedi", "tables", folder=tmp_path, **{**STORE, **closed, **keys, **variables})
    assert finished.exit_code == 1
    assert re.fullmatch(line, line_of(finished.output)), finished.output


def test_settings_of_aws_do_not_matter_on_local_disk(tmp_path: Path) -> None:
    variables = {"AWS_ENDPOINT_URL": "localhost:9000", "AWS_REGION": "eu north 1", "AWS_PROFILE": "nobody"}
    finished = run("stedi", "tables", folder=tmp_path, STEDI_LAKEHOUSE=str(tmp_path), **variables)
    assert finished.exit_code == 0, finished.output


@pytest.fixture
def silent_service() -> Iterator[str]:
    """A service that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_role_service_that_never_answers_is_given_up_soon(tmp_path: Path, silent_service: str) -> None:
    variables = {**STORE, "AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": silent_service}
    before = ("timeout", "20")
    finished = run("stedi", "tables", folder=tmp_path, before=before, HOME=str(tmp_path), **variables)
    assert finished.exit_code == 1
    assert line_of(finished.output).startswith("No AWS credentials were found.")


class Refusing(BaseHTTPRequestHandler):
    """Refuses to give credentials as AWS's token service does."""

    def do_POST(self) -> None:
        body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not trusted</Message></Error></ErrorResponse>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def test_a_role_that_may_not_be_taken_is_one_line(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "config").write_text(
        "[profile steps]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = other\n"
        "[profile other]\naws_access_key_id = key\naws_secret_access_key = the-secret\n"
    )
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "steps"}
    endpoint = {"AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{server.server_port}"}
    finished = run("stedi", "tables", folder=tmp_path, HOME=str(tmp_path), **STORE, **variables, **endpoint)
    server.shutdown()
    assert finished.exit_code == 1
    assert re.fullmatch(
        r"AWS refused to give credentials for the profile 'steps': .*AccessDenied.*AssumeRole.*\. Correct the .*",
        line_of(finished.output),
    )
