"""Access to AWS, or to a store that speaks its protocol: one object that knows how each library spells it."""

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from stedi_assets.errors import StediError

if TYPE_CHECKING:
    import boto3
    from botocore.credentials import ReadOnlyCredentials
    from botocore.loaders import Loader
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

DEFAULT_REGION = "us-east-1"

PATIENCE_SECONDS = 60
"""About how long a store that is gone, or asks to slow down, is waited for."""

ATTEMPTS = 8
"""How often boto3 sends a request; the waits between them double up to about `PATIENCE_SECONDS`."""

MACHINE_ROLES = ("iam-role", "container-role")
"""What boto3 calls the credentials that a machine or a container has by itself."""

DELTA_RETRIES = {
    "max_retries": "100",
    "backoff_config.init_backoff": "200ms",
    "backoff_config.max_backoff": "2s",
    "backoff_config.base": "2",
}
"""What makes deltalake wait as long; by default it gives up after two or three seconds."""


class Aws(BaseSettings):
    """The AWS chain as users know it: AWS_* variables, a profile, or the role of the machine or container.

    What is not set is not passed on, and what is empty counts as not set, so that nothing masks a role. Temporary
    credentials are fetched again before they expire: ask for them at each use.
    """

    model_config = SettingsConfigDict(
        env_prefix="AWS_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    region: str | None = None
    default_region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    endpoint_url_s3: str | None = None

    @overload
    def client(self, service: Literal["s3"]) -> "S3Client": ...

    @overload
    def client(self, service: Literal["glue"]) -> "GlueClient": ...

    def client(self, service: Any) -> Any:
        """Opens a client of boto3, which waits for a service that is gone or asks to slow down.

        Args:
            service: The service's name, such as s3.

        Raises:
            StediError: The profile does not exist.
        """
        from botocore.config import Config  # noqa: PLC0415

        endpoint = self.endpoint_url_s3 if service == "s3" else None
        return self._session.client(
            service,
            endpoint_url=endpoint or self.endpoint_url,
            region_name=self._session.region_name or DEFAULT_REGION,
            config=Config(
                # The newer modes hold a client's requests to one quota of retries, which threads use up in a second.
                retries={"mode": "legacy", "total_max_attempts": ATTEMPTS},
                # An object is read from a position on: its checksum would be computed, but not compared.
                response_checksum_validation="when_required",
            ),
        )

    @cached_property
    def s3(self) -> "S3Client":
        """The client of the object store, opened once; it may be used by several threads.

        Raises:
            StediError: There are no credentials, or the profile does not exist.
        """
        self.credentials()
        return self.client("s3")

    def duckdb_secret(self) -> dict[str, str]:
        """Returns the options of DuckDB's CREATE SECRET."""
        credentials = self.credentials()
        options = {
            "TYPE": "s3",
            "KEY_ID": credentials.access_key,
            "SECRET": credentials.secret_key,
            "SESSION_TOKEN": credentials.token,
            "REGION": self.s3.meta.region_name,
        }
        if self._store:
            endpoint = urlsplit(self._store)
            options |= {
                "ENDPOINT": endpoint.netloc + endpoint.path.rstrip("/"),
                "URL_STYLE": "path",
                "USE_SSL": str(endpoint.scheme == "https"),
            }
        return {name: value for name, value in options.items() if value}

    def delta_options(self) -> dict[str, str]:
        """Returns deltalake's storage options."""
        credentials = self.credentials()
        options = {
            "aws_access_key_id": credentials.access_key,
            "aws_secret_access_key": credentials.secret_key,
            "aws_session_token": credentials.token,
            "aws_region": self.s3.meta.region_name,
            "aws_conditional_put": "etag",
            **DELTA_RETRIES,
            "retry_timeout": f"{PATIENCE_SECONDS}s",
        }
        if self._store:
            is_plain = self._store.startswith("http://")
            options |= {"aws_endpoint_url": self._store, "aws_allow_http": str(is_plain).lower()}
        return {name: value for name, value in options.items() if value}

    def hadoop_options(self) -> dict[str, str]:
        """Returns the options of Hadoop's s3a file system.

        A role of an instance or a container is left to s3a, which finds it on every machine and renews its credentials.
        """
        options = {**self._hadoop_credentials(), "fs.s3a.endpoint.region": self.s3.meta.region_name}
        if self._store:
            options |= {
                "fs.s3a.endpoint": self._store,
                "fs.s3a.path.style.access": "true",
                "fs.s3a.connection.ssl.enabled": str(self._store.startswith("https://")).lower(),
            }
        return {name: value for name, value in options.items() if value}

    def _hadoop_credentials(self) -> dict[str, str]:
        credentials = self.credentials()
        if getattr(self._session.get_credentials(), "method", None) in MACHINE_ROLES:
            return {}
        provider = "TemporaryAWSCredentialsProvider" if credentials.token else "SimpleAWSCredentialsProvider"
        return {
            "fs.s3a.access.key": credentials.access_key or "",
            "fs.s3a.secret.key": credentials.secret_key or "",
            "fs.s3a.session.token": credentials.token or "",
            "fs.s3a.aws.credentials.provider": f"org.apache.hadoop.fs.s3a.{provider}",
        }

    def credentials(self) -> "ReadOnlyCredentials":
        """Returns the credentials that hold now.

        Raises:
            StediError: There are none, or the profile does not exist.
        """
        found = self._session.get_credentials()
        if found is None:
            raise StediError(
                "No AWS credentials were found.",
                "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role gives them.",
            )
        frozen: ReadOnlyCredentials = found.get_frozen_credentials()
        return frozen

    @property
    def _store(self) -> str | None:
        """The endpoint of a store that is not AWS's own."""
        host = urlsplit(self.s3.meta.endpoint_url).hostname or ""
        is_aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return None if is_aws else self.s3.meta.endpoint_url

    @cached_property
    def _session(self) -> "boto3.Session":
        # Imported here: boto3 is an extra, and it takes a tenth of a second.
        try:
            import boto3  # noqa: PLC0415
            import botocore.session  # noqa: PLC0415
            from botocore.exceptions import ProfileNotFound  # noqa: PLC0415
        except ImportError:
            raise StediError("S3 needs boto3, which is not installed.", "pip install 'stedi_assets[s3]'.") from None

        described = botocore.session.get_session()
        try:
            session = boto3.Session(
                aws_access_key_id=self.access_key_id,
                aws_secret_access_key=_plain(self.secret_access_key),
                aws_session_token=_plain(self.session_token),
                region_name=self.region or self.default_region,
                profile_name=self.profile,
                botocore_session=described,
            )
        except ProfileNotFound:
            raise StediError(
                f"The AWS profile {self.profile!r} does not exist.", "Correct AWS_PROFILE, or configure the profile."
            ) from None
        described.register_component("data_loader", _service_descriptions())
        return session


@cache
def _service_descriptions() -> "Loader":
    """What botocore knows of AWS's services: the same for every session, and a tenth of a second to read."""
    from botocore.session import get_session  # noqa: PLC0415

    loader: Loader = get_session().get_component("data_loader")
    return loader


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
