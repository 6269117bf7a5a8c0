"""Why AWS's chain of settings and credentials gave nothing, in one line that names the profile and what to run."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stedi_assets.errors import StediError

SIGN_IN = (
    "The session of the AWS profile {profile!r} has expired, or it never signed in.",
    "Run aws sso login --profile {source}.",
)

NEEDS_CODE = (
    "The AWS profile {profile!r} needs a one-time code, for which there is nobody to ask.",
    "Get credentials with aws sts get-session-token, and set them as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
    "AWS_SESSION_TOKEN.",
)

ASK_NETWORK = "Check the network, and the proxy that HTTPS_PROXY names."

CORRECT_SETTINGS = "Correct the AWS_* variables or the profile."

CORRECT_PROFILE = "Correct the profile in AWS's configuration file, or choose another one with AWS_PROFILE."

REASONS = {
    "ProfileNotFound": (
        "The AWS profile {profile!r} does not exist.",
        "Correct AWS_PROFILE, or configure the profile.",
    ),
    "ConfigParseError": ("AWS's configuration cannot be read: {error}.", "Correct the file."),
    "ConfigNotFound": ("AWS's configuration cannot be read: {error}.", "Correct AWS_CONFIG_FILE."),
    "InvalidConfigError": ("The AWS profile {profile!r} is not legal: {error}.", CORRECT_PROFILE),
    "PartialCredentialsError": (
        "The credentials of the AWS profile {profile!r} are not whole: {error}.",
        CORRECT_PROFILE,
    ),
    "SSOError": SIGN_IN,
    "TokenRetrievalError": SIGN_IN,
    "NoAuthTokenError": SIGN_IN,
    "CredentialRetrievalError": (
        # What the provider wrote may hold a secret.
        "The AWS profile {profile!r} gave no credentials: {provider} failed.",
        "Run aws sts get-caller-identity --profile {profile} to see why.",
    ),
    "MetadataRetrievalError": (
        "The role of this machine or container gave no credentials: {error}.",
        "Give the machine a role, or set AWS_PROFILE.",
    ),
    "ClientError": (
        "AWS refused to give credentials for the profile {profile!r}: {error}.",
        "Correct the profile's role and its trust policy.",
    ),
    # What these say may hold the URL of a proxy, or what a program printed.
    **dict.fromkeys(
        ("HTTPClientError", "ConnectionError"),
        ("AWS could not be asked for the credentials of the profile {profile!r}: {kind}.", ASK_NETWORK),
    ),
    **dict.fromkeys(
        ("ValueError", "LookupError", "TypeError", "AttributeError"),
        ("The AWS settings or what a credential_process prints cannot be used: {kind}.", CORRECT_SETTINGS),
    ),
    "EOFError": NEEDS_CODE,
    "RefreshWithMFAUnsupportedError": NEEDS_CODE,
    "UnauthorizedSSOTokenError": SIGN_IN,
    "OSError": ("The credentials of the AWS profile {profile!r} cannot be read: {error}.", CORRECT_PROFILE),
    "BotoCoreError": ("The AWS settings cannot be used: {error}.", CORRECT_SETTINGS),
}
"""From the name of an exception's class to what is wrong and what to do."""

PROVIDERS = {
    "custom-process": "its credential_process",
    "sso": "its single sign-on",
    "login": "its sign-in",
    "assume-role": "its role",
    "container-role": "the role of the container",
    "iam-role": "the role of the machine",
}
"""What botocore calls the sources of credentials, and what users do."""

FROM_WITHIN = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError)
"""What botocore raises for a file or the output of a program that it does not validate."""

GENERAL = {
    "ClientError",
    "HTTPClientError",
    "ConnectionError",
    "BotoCoreError",
    *(each.__name__ for each in FROM_WITHIN),
}
"""The classes that say nothing about credentials when a request fails."""


@contextmanager
def credentials_explained(profile: str | None, find_source: Callable[[], str | None] | None = None) -> Iterator[None]:
    """Explains what boto3 raises while it reads its settings and looks for credentials.

    Args:
        profile: The profile, where one is chosen.
        find_source: Finds the profile that it takes its credentials from.

    Raises:
        StediError: The settings or the credentials cannot be used.
    """
    try:
        yield
    except Exception as error:
        # boto3 is imported by whoever is explained: it is an extra.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        if not isinstance(error, (BotoCoreError, ClientError, *FROM_WITHIN)):
            raise
        raise credentials_refused(error, profile, find_source() if find_source else profile) from None


def unreachable(error: Exception, path: str) -> StediError:
    """Says why a request did not reach a store.

    Args:
        error: What boto3 raised.
        path: The bucket, folder or object.
    """
    from botocore.exceptions import ProxyConnectionError, SSLError  # noqa: PLC0415

    if _is_about_credentials(error):
        profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
        return credentials_refused(error, profile, profile)
    if isinstance(error, SSLError):
        return untrusted(path)
    if isinstance(error, ProxyConnectionError):
        return StediError(f"The proxy to {path} could not be reached.", "Correct HTTPS_PROXY, HTTP_PROXY or NO_PROXY.")
    return StediError(
        f"The store of {path} could not be reached: {type(error).__name__}.",
        "Check AWS_ENDPOINT_URL and the network, and try again.",
    )


def untrusted(path: str) -> StediError:
    """Says that a server is not who it should be.

    Args:
        path: The bucket, folder or object.
    """
    return StediError(
        f"The server of {path} showed a certificate that is not trusted.",
        "Correct the endpoint, or set AWS_CA_BUNDLE to a file, in PEM, with the certificate of the server's authority.",
    )


def _is_about_credentials(error: Exception) -> bool:
    # Credentials are renewed in the middle of a request.
    return bool({each.__name__ for each in type(error).__mro__} & (REASONS.keys() - GENERAL))


def credentials_refused(error: Exception, profile: str | None, source: str | None) -> StediError:
    """Says why there are no credentials.

    Args:
        error: What boto3 raised.
        profile: The profile, where one is chosen.
        source: The profile that it takes its credentials from.
    """
    name = next(each.__name__ for each in type(error).__mro__ if each.__name__ in REASONS)
    what, remedy = REASONS[name]
    provider = getattr(error, "kwargs", {}).get("provider", "")
    shown = {
        "profile": profile or "default",
        "source": source or "default",
        "kind": type(error).__name__,
        "error": " ".join(str(error).split()).removesuffix("."),
        "provider": PROVIDERS.get(provider, provider),
    }
    return StediError(what.format(**shown), remedy.format(**shown))
