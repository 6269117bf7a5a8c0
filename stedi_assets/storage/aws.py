"""Access to AWS, or to a store that speaks its protocol: settings, credentials, and clients of boto3."""

import re
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from stedi_assets.errors import CredentialsError, StediError
from stedi_assets.storage.bucket import Bucket
from stedi_assets.storage.certificates import authorities
from stedi_assets.storage.credentials import credentials_explained
from stedi_assets.storage.proxies import refuse_wrong_proxies

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.credentials import ReadOnlyCredentials
    from botocore.loaders import Loader
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

DEFAULT_REGION = "us-east-1"

REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.IGNORECASE)

ATTEMPTS = 8
"""The most times that boto3 sends a request. The waits in between double, and add up to about a minute."""

MACHINE_ROLES = ("iam-role", "container-role")
"""botocore's names for the credentials that a machine or a container has by itself."""


class Aws(BaseSettings):
    """The settings and credentials that AWS's own tools use: AWS_* variables, a profile, or the role of the machine.

    An empty variable counts as unset, so that it does not hide a role. boto3 renews temporary credentials before they
    expire: call `credentials` at each use.
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
    default_profile: str | None = None
    endpoint_url: str | None = None
    endpoint_url_s3: str | None = None
    endpoint_url_glue: str | None = None
    ignore_configured_endpoint_urls: str | None = None
    ca_bundle: str | None = None

    def refuse_nonsense(self) -> None:
        """Validates the settings, without a request.

        Raises:
            StediError: A variable or the profile is not legal.
        """
        refuse_wrong_proxies()
        if self.session_token and not self.access_key_id:
            raise StediError("AWS_SESSION_TOKEN is set without AWS_ACCESS_KEY_ID.", "Unset it, or set the keys too.")
        for name in ("endpoint_url", "endpoint_url_s3", "endpoint_url_glue"):
            _refuse_endpoint(f"AWS_{name.upper()}", getattr(self, name))
        for name in ("region", "default_region"):
            _refuse_region(f"AWS_{name.upper()}", getattr(self, name))
        _refuse_endpoint("endpoint_url of the AWS profile", self._of_profile("endpoint_url"))
        _refuse_endpoint("endpoint_url of the profile's services section", self._of_services("s3"))
        _refuse_region("region of the AWS profile", self._session.region_name)
        _ = self.authorities

    @overload
    def client(self, service: Literal["s3"], region: str | None = None) -> "S3Client": ...

    @overload
    def client(self, service: Literal["glue"], region: str | None = None) -> "GlueClient": ...

    def client(self, service: Any, region: str | None = None) -> Any:
        """Opens a client of boto3, which retries while a service is unreachable or asks to slow down.

        Args:
            service: The name of the service.
            region: The region; by default that of the settings.

        Raises:
            StediError: The settings are not legal.
        """
        from botocore.config import Config  # noqa: PLC0415

        with credentials_explained(self.profile_name):
            client = self._session.client(
                service,
                endpoint_url=self._endpoint_of(service),
                region_name=region or self._session.region_name or DEFAULT_REGION,
                verify=self.authorities,
                config=Config(
                    # The newer modes share one quota of retries among the threads, which use it up in a second.
                    retries={"mode": "legacy", "total_max_attempts": ATTEMPTS},
                    # Objects are read by ranges: boto3 would compute a checksum of each, and compare it with nothing.
                    response_checksum_validation="when_required",
                    # Over TLS boto3 sends the checksum after the body, which not every store understands: versitygw 1.8
                    # answers one in a hundred of the next requests on the connection with 400.
                    request_checksum_calculation="when_required",
                    # DuckDB always uses the regional endpoint. boto3 would use the older global one in us-east-1.
                    s3={"us_east_1_regional_endpoint": "regional"},
                ),
            )
        client.meta.events.register_first(f"needs-retry.{service}", _give_up_on_certificates)
        return client

    @cached_property
    def s3(self) -> "S3Client":
        """The client of the object store, which threads may share.

        Raises:
            StediError: There are no credentials, or the settings are not legal.
        """
        self.credentials()
        return self.client("s3")

    @cached_property
    def authorities(self) -> str:
        """The file of certificates, in PEM, that servers are verified with.

        Raises:
            StediError: AWS_CA_BUNDLE does not name a readable file of certificates.
        """
        return authorities(self.bundle)

    @property
    def bundle(self) -> str | None:
        """The file of certificates that AWS_CA_BUNDLE or the profile names; None where neither does."""
        return self.ca_bundle or self._of_profile("ca_bundle")

    @cached_property
    def buckets(self) -> dict[str, Bucket]:
        """All buckets that `bucket` was called for, by name."""
        return {}

    def bucket(self, name: str) -> Bucket:
        """Returns the bucket of a name, without a request."""
        return self.buckets.setdefault(name, Bucket(self, name))

    def credentials(self) -> "ReadOnlyCredentials":
        """Returns the current credentials, and renews temporary ones that are about to expire.

        Raises:
            CredentialsError: There are none, or they cannot be renewed.
            StediError: The settings are not legal.
        """
        with credentials_explained(self.profile_name, self._source_profile):
            found = self._session.get_credentials()
            frozen: ReadOnlyCredentials | None = found.get_frozen_credentials() if found else None
        if frozen and frozen.access_key and frozen.secret_key:
            return frozen
        raise CredentialsError(
            f"No AWS credentials were found{f' for the profile {self.profile_name!r}' if self.profile_name else ''}.",
            "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role gives them.",
            code="NoCredentialsError",
            profile=self.profile_name,
        )

    @property
    def profile_name(self) -> str | None:
        """The chosen profile; None where none is chosen."""
        return self.profile or self.default_profile

    @property
    def is_role_of_machine(self) -> bool:
        """Whether the credentials are those of the machine or the container."""
        return getattr(self._session.get_credentials(), "method", None) in MACHINE_ROLES

    def _endpoint_of(self, service: str) -> str | None:
        if (self.ignore_configured_endpoint_urls or "").lower() == "true":
            return None
        own = {"s3": self.endpoint_url_s3, "glue": self.endpoint_url_glue}
        return own[service] or self.endpoint_url

    def _of_profile(self, name: str) -> str | None:
        with credentials_explained(self.profile_name):
            value: str | None = self._chain.get_scoped_config().get(name)
        return value or None

    def _of_services(self, service: str) -> str | None:
        section = self._of_profile("services")
        with credentials_explained(self.profile_name):
            services: dict[str, Any] = self._chain.full_config.get("services", {}).get(section, {})
        return services.get(service, {}).get("endpoint_url") or None

    def _source_profile(self) -> str | None:
        """The profile at the end of the chosen one's chain of `source_profile`, or the chosen one itself."""
        profiles = self._chain.full_config["profiles"]
        name, seen = self.profile_name, set[str | None]()
        while name not in seen and (source := profiles.get(name, {}).get("source_profile")):
            seen.add(name)
            name = source
        return name

    @cached_property
    def _chain(self) -> "botocore.session.Session":
        # Imported late, because boto3 is an extra and takes a tenth of a second.
        try:
            import botocore.session  # noqa: PLC0415
        except ImportError:
            raise StediError("S3 needs boto3, which is not installed.", "pip install 'stedi_assets[s3]'.") from None

        # Where AWS_PROFILE is empty, botocore by itself would look for a profile with an empty name.
        chain = botocore.session.get_session({"profile": (None, None, self.profile_name, None)})
        chain.register_component("data_loader", _service_descriptions())
        return chain

    @cached_property
    def _session(self) -> "boto3.Session":
        chain = self._chain
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise StediError(
                "Of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY one is set and not the other.", "Set both, or neither."
            )
        import boto3  # noqa: PLC0415

        with credentials_explained(self.profile_name):
            return boto3.Session(
                aws_access_key_id=self.access_key_id,
                aws_secret_access_key=_plain(self.secret_access_key),
                aws_session_token=_plain(self.session_token),
                region_name=self.region or self.default_region,
                botocore_session=chain,
            )


@cache
def _service_descriptions() -> "Loader":
    """The descriptions of services in botocore, which take a tenth of a second to read: all sessions share them."""
    from botocore.session import get_session  # noqa: PLC0415

    loader: Loader = get_session().get_component("data_loader")
    return loader


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _give_up_on_certificates(caught_exception: Exception | None = None, **_: object) -> None:
    """Ends the retries of a request to a server with an untrusted certificate, which no wait would change."""
    from botocore.exceptions import SSLError  # noqa: PLC0415

    if isinstance(caught_exception, SSLError):
        raise caught_exception


def _refuse_endpoint(name: str, value: str | None) -> None:
    if value is None:
        return
    try:
        parts = urlsplit(value)
        is_endpoint = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_endpoint = False
    if not is_endpoint or "@" in parts.netloc or parts.query or parts.fragment or re.search(r"\s", value):
        # The value may hold a password.
        raise StediError(f"{name} is not legal.", "Set it to a URL such as https://s3.example.com:9000.")


def _refuse_region(name: str, value: str | None) -> None:
    if value is not None and not REGION.fullmatch(value):
        raise StediError(f"{name} is not legal: {value!r}.", "Set it to a region such as us-east-1.")
