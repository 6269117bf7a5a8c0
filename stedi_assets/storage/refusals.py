"""Explains in one line why a store refused a request, with the remedy: for boto3 and for delta-rs."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stedi_assets.errors import CredentialsError, StediError
from stedi_assets.storage.causes import ABOUT_KMS, CAUSES, KMS, Cause
from stedi_assets.storage.credentials import credentials_refused, is_about_credentials

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

REQUEST = re.compile(r"performing (GET|HEAD|PUT|POST|DELETE) (\S+)")
ERROR_CODE = re.compile(r"<Code>(\w+)</Code>")
STATUS = re.compile(r"\b([45]\d\d) [A-Z]")
"""How delta-rs passes on its request, the store's error code, and the HTTP status."""

UNTRUSTED_IN_DELTA_RS = "invalid peer certificate"

ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "DELETE": "s3:DeleteObject"}
"""From a request's method to the permission that it needs."""


def refusal(code: str, path: str, action: str) -> StediError:
    """Explains why a store refused, with the object and the action.

    Args:
        code: The store's error code, or the HTTP status.
        path: The bucket, folder or object.
        action: The permission that the request needs, such as s3:ListBucket.

    Returns:
        A `CredentialsError` where other credentials or permissions would help.
    """
    unknown = Cause(f"the store answered {code}", "Try again, or see the store's own log")
    cause = CAUSES.get(code, unknown)
    what, remedy = f"{cause.sentence[0].upper()}{cause.sentence[1:]}: {action} on {path}.", f"{cause.remedy}."
    if cause.is_about_credentials:
        return CredentialsError(what, remedy, code=code, service=action.partition(":")[0])
    return StediError(what, remedy)


def unreachable(path: str, why: str) -> StediError:
    """Explains that a request got no answer.

    Args:
        path: The bucket, folder or object.
        why: The words of the library that sent the request.
    """
    return StediError(
        f"The store of {path} could not be reached: {why}.",
        "Check AWS_ENDPOINT_URL, the proxy and the network, and try again.",
    )


def untrusted(path: str) -> StediError:
    """Explains that no known authority vouches for a server.

    Args:
        path: The bucket, folder or object.
    """
    return StediError(
        f"The server of {path} showed a certificate that is not trusted.",
        "Correct the endpoint, or set AWS_CA_BUNDLE to a file, in PEM, with the certificate of the server's authority.",
    )


def unanswered(error: Exception, path: str) -> StediError:
    """Explains why a request of boto3 got no answer, or was not sent.

    Args:
        error: The `BotoCoreError`.
        path: The bucket, folder or object.
    """
    from botocore.exceptions import ProxyConnectionError, SSLError  # noqa: PLC0415

    # botocore renews credentials in the middle of a request.
    if is_about_credentials(error):
        profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
        return credentials_refused(error, profile, profile)
    if isinstance(error, SSLError):
        return untrusted(path)
    if isinstance(error, ProxyConnectionError):
        return StediError(f"The proxy to {path} could not be reached.", "Correct HTTPS_PROXY, HTTP_PROXY or NO_PROXY.")
    return unreachable(path, type(error).__name__)


def refusal_in_text(text: str, path: str) -> StediError:
    """Explains why a store refused delta-rs, whose message quotes the store's answer.

    Args:
        text: The message.
        path: The table's folder, named where the message names no object.
    """
    if UNTRUSTED_IN_DELTA_RS in text:
        return untrusted(path)
    request = REQUEST.search(text)
    code = ERROR_CODE.search(text) or STATUS.search(text)
    if request is None or code is None:
        return unreachable(path, text.splitlines()[0].removesuffix("."))
    method, target = request.groups()
    action = "s3:ListBucket" if "list-type" in target else ACTIONS.get(method, "s3:PutObject")
    return refusal(KMS if ABOUT_KMS in text else code[1], path, action)


@contextmanager
def refusals_explained(path: str, action: str) -> Iterator[None]:
    """Explains the exceptions of boto3 when a store refuses a request of the block.

    Args:
        path: The bucket, folder or object.
        action: The permission that the request needs, such as s3:ListBucket.

    Raises:
        StediError: The store refuses, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise refusal(error_code(error), path, action) from None
    except BotoCoreError as error:
        raise unanswered(error, path) from None


def error_code(error: "ClientError") -> str:
    """Returns the code by which a store refused boto3: `KMS` for all refusals that are about a key.

    Args:
        error: The exception of boto3.
    """
    code = error.response["Error"].get("Code", "")
    is_about_key = code.startswith("KMS.") or ABOUT_KMS in error.response["Error"].get("Message", "")
    return KMS if is_about_key else code
