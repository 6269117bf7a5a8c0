"""Why a store refuses: its codes, and what each library passes on of them, as one line with what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stedi_assets.errors import StediError
from stedi_assets.storage.aws_errors import unreachable, untrusted

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

REFUSALS = {
    "NoSuchBucket": ("The bucket does not exist", "Create it, or correct STEDI_LANDING and STEDI_LAKEHOUSE"),
    "AccessDenied": ("Access was denied", "Allow the action, or use other credentials"),
    "InvalidAccessKeyId": ("The access key is not known", "Correct AWS_ACCESS_KEY_ID or AWS_PROFILE"),
    "SignatureDoesNotMatch": ("The secret key is wrong", "Correct AWS_SECRET_ACCESS_KEY or AWS_PROFILE"),
    **dict.fromkeys(
        ("ExpiredToken", "InvalidToken"), ("The session has expired", "Sign in again, or unset AWS_SESSION_TOKEN")
    ),
    "PreconditionFailed": ("The file has changed since it was listed", "Materialize the asset again"),
    "InvalidObjectState": (
        "The object is archived (GLACIER or DEEP_ARCHIVE) and cannot be read now",
        "Restore it with aws s3api restore-object, or take it out of the folder",
    ),
    "KMS": (
        "The object is encrypted with a key that may not be used",
        "Allow kms:Decrypt and kms:GenerateDataKey on the key, or use other credentials",
    ),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
        ("The bucket is in another region", "Set AWS_REGION to the bucket's"),
    ),
    "RequestTimeTooSkewed": ("The clock of this machine is wrong", "Set it right"),
    "403": (
        "Access was denied",
        "Allow the action, and with a key of AWS KMS kms:Decrypt and kms:GenerateDataKey, or use other credentials",
    ),
    "404": ("It does not exist", "Correct STEDI_LANDING and STEDI_LAKEHOUSE"),
}
"""From a store's error code to what is wrong and what to do."""

REQUEST = re.compile(r"performing (GET|HEAD|PUT|POST|DELETE) (\S+)")
ERROR_CODE = re.compile(r"<Code>(\w+)</Code>")
STATUS = re.compile(r"\b([45]\d\d) [A-Z]")

ABOUT_KEY = "kms:"
"""In the name of the action that a store misses, where it is about a key."""

UNTRUSTED = "invalid peer certificate"

ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "DELETE": "s3:DeleteObject"}


def refusal(code: str, path: str, action: str) -> StediError:
    """Says why a store refused, naming the bucket and the action.

    Args:
        code: The store's error code, or the HTTP status.
        path: The bucket, folder or object.
        action: Which permission is needed, such as s3:ListBucket.
    """
    what, remedy = REFUSALS.get(code, (f"The store answered {code}", "Try again, or see the store's own log"))
    return StediError(f"{what}: {action} on {path}.", f"{remedy}.")


def refusal_told(text: str, path: str) -> StediError:
    """Says why a store refused deltalake, which passes on what the store said.

    Args:
        text: Its message.
        path: The table's folder.
    """
    if UNTRUSTED in text:
        return untrusted(path)
    request = REQUEST.search(text)
    code = ERROR_CODE.search(text) or STATUS.search(text)
    if request is None or code is None:
        what = text.splitlines()[0].removesuffix(".")
        return StediError(f"The store of {path} could not be reached: {what}.", "Check the network, and try again.")
    method, target = request.groups()
    action = "s3:ListBucket" if "list-type" in target else ACTIONS.get(method, "s3:PutObject")
    return refusal("KMS" if ABOUT_KEY in text else code[1], path, action)


@contextmanager
def refusals_explained(path: str, action: str) -> Iterator[None]:
    """Explains why a store refuses what the block asks of it.

    Args:
        path: The bucket, folder or object.
        action: Which permission is needed, such as s3:ListBucket.

    Raises:
        StediError: The store refuses, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise refusal(error_code(error), path, action) from None
    except BotoCoreError as error:
        raise unreachable(error, path) from None


def error_code(error: "ClientError") -> str:
    """Returns the code by which a store refused boto3.

    Args:
        error: What boto3 raised.
    """
    code = error.response["Error"].get("Code", "")
    # AWS reports a forbidden key as AccessDenied, and names the action on the key in the message.
    is_about_key = code.startswith("KMS.") or ABOUT_KEY in error.response["Error"].get("Message", "")
    return "KMS" if is_about_key else code
