"""Explains in one line why botocore found no credentials: the line names the profile and the command to run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stedi_assets.errors import CredentialsError, StediError
from stedi_assets.storage.causes import CAUSES_WITHOUT_REQUEST

PROVIDERS = {
    "custom-process": "its credential_process",
    "sso": "its single sign-on",
    "login": "its sign-in",
    "assume-role": "its role",
    "container-role": "the role of the container",
    "iam-role": "the role of the machine",
}
"""From botocore's name of a source of credentials to a user's name of it."""

RAISED_WITHIN = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError)
"""What botocore raises for a file, or the output of a credential_process, that it does not validate."""

GENERAL = {"ClientError", "HTTPClientError", "ConnectionError", "BotoCoreError", *(e.__name__ for e in RAISED_WITHIN)}
"""The classes that say nothing about credentials when a request to a store fails."""


@contextmanager
def credentials_explained(profile: str | None, find_source: Callable[[], str | None] | None = None) -> Iterator[None]:
    """Explains the exceptions of boto3 while it reads its settings and looks for credentials.

    Args:
        profile: The chosen profile; None where none is chosen.
        find_source: Finds the profile that this one takes its credentials from. It is called only after a failure.

    Raises:
        CredentialsError: The settings or the credentials cannot be used.
    """
    try:
        yield
    except StediError:
        # Explained already, such as that boto3 is not installed.
        raise
    except Exception as error:
        # boto3 is an extra, but it is installed where one of its exceptions was raised.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        if not isinstance(error, (BotoCoreError, ClientError, *RAISED_WITHIN)):
            raise
        raise credentials_refused(error, profile, find_source() if find_source else profile) from None


def is_about_credentials(error: Exception) -> bool:
    """Whether a request failed before it was sent, because botocore could not renew its credentials."""
    return bool({each.__name__ for each in type(error).__mro__} & (CAUSES_WITHOUT_REQUEST.keys() - GENERAL))


def credentials_refused(error: Exception, profile: str | None, source: str | None) -> CredentialsError:
    """Explains why there are no credentials.

    Args:
        error: An exception of boto3.
        profile: The chosen profile; None where none is chosen.
        source: The profile that the chosen one takes its credentials from, or the chosen one itself.
    """
    name = next(each.__name__ for each in type(error).__mro__ if each.__name__ in CAUSES_WITHOUT_REQUEST)
    cause = CAUSES_WITHOUT_REQUEST[name]
    provider = getattr(error, "kwargs", {}).get("provider", "")
    shown = {
        "profile": profile or "default",
        "source": source or "default",
        "kind": type(error).__name__,
        "error": " ".join(str(error).split()).removesuffix("."),
        "provider": PROVIDERS.get(provider, provider),
    }
    what, remedy = (f"{template.format(**shown)}." for template in (cause.sentence, cause.remedy))
    return CredentialsError(what, remedy, code=type(error).__name__, profile=profile)
