"""Why AWS and object stores refuse a request: from an error code to its cause and its remedy.

S3, Glue and botocore have their own codes for the same causes. boto3, delta-rs, DuckDB and Spark pass on different
parts of a store's answer: `refusals`, and the `errors` of each engine, find the code in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One cause of a refusal.

    Attributes:
        sentence: What is wrong, without a full stop.
        remedy: What to do, without a full stop.
        is_about_credentials: Whether other credentials, or more permissions for these, would help.
    """

    sentence: str
    remedy: str
    is_about_credentials: bool = False


ACCESS_DENIED = Cause("access was denied", "Allow the action, or use other credentials", is_about_credentials=True)

UNKNOWN_KEY = Cause(
    "the access key is not known", "Correct AWS_ACCESS_KEY_ID or AWS_PROFILE", is_about_credentials=True
)

WRONG_SECRET = Cause(
    "the secret key is wrong", "Correct AWS_SECRET_ACCESS_KEY or AWS_PROFILE", is_about_credentials=True
)

EXPIRED = Cause("the session has expired", "Sign in again, or unset AWS_SESSION_TOKEN", is_about_credentials=True)

OTHER_REGION = Cause("the bucket is in another region", "Set AWS_REGION to the bucket's")

KMS = "KMS"
"""Stands for all codes of AWS KMS."""

ABOUT_KMS = "kms:"
"""Begins the name of every action on a key. AWS reports a forbidden key as AccessDenied and names the action."""

CAUSES: Mapping[str, Cause] = {
    "AccessDenied": ACCESS_DENIED,
    "AccessDeniedException": ACCESS_DENIED,
    "InvalidAccessKeyId": UNKNOWN_KEY,
    "UnrecognizedClientException": UNKNOWN_KEY,
    "SignatureDoesNotMatch": WRONG_SECRET,
    "InvalidSignatureException": WRONG_SECRET,
    "ExpiredToken": EXPIRED,
    "InvalidToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "PermanentRedirect": OTHER_REGION,
    "AuthorizationHeaderMalformed": OTHER_REGION,
    "IllegalLocationConstraintException": OTHER_REGION,
    "NoSuchBucket": Cause("the bucket does not exist", "Create it, or correct STEDI_LANDING and STEDI_LAKEHOUSE"),
    "PreconditionFailed": Cause("the file has changed since it was listed", "Materialize the asset again"),
    "InvalidObjectState": Cause(
        "the object is archived (GLACIER or DEEP_ARCHIVE) and cannot be read now",
        "Restore it with aws s3api restore-object, or take it out of the folder",
    ),
    KMS: Cause(
        "the object is encrypted with a key that may not be used",
        "Allow kms:Decrypt and kms:GenerateDataKey on the key, or use other credentials",
        is_about_credentials=True,
    ),
    "RequestTimeTooSkewed": Cause("the clock of this machine is wrong", "Set it right"),
    # A store answers a HEAD request without a body, and the status is all that a library can pass on.
    "403": Cause(
        "access was denied",
        "Allow the action, and with a key of AWS KMS kms:Decrypt and kms:GenerateDataKey, or use other credentials",
        is_about_credentials=True,
    ),
    "404": Cause("it does not exist", "Correct STEDI_LANDING and STEDI_LAKEHOUSE"),
}
"""From the error code of a service, or the HTTP status where the answer has no code."""


SIGN_IN = Cause(
    "The session of the AWS profile {profile!r} has expired, or it never signed in",
    "Run aws sso login --profile {source}",
)

NEEDS_CODE = Cause(
    "The AWS profile {profile!r} needs a one-time code, which nobody can enter here",
    "Get credentials with aws sts get-session-token, and set them as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
    "AWS_SESSION_TOKEN",
)

CORRECT_SETTINGS = "Correct the AWS_* variables or the profile"

CORRECT_PROFILE = "Correct the profile in AWS's configuration file, or choose another one with AWS_PROFILE"

NOT_ASKED = Cause(
    # The exception's message may hold the URL of a proxy with its password.
    "AWS could not be asked for the credentials of the profile {profile!r}: {kind}",
    "Check the network, and the proxy that HTTPS_PROXY names",
)

UNUSABLE = Cause(
    # The exception's message may hold what the credential_process printed.
    "The AWS settings or what a credential_process prints cannot be used: {kind}",
    CORRECT_SETTINGS,
)

CAUSES_WITHOUT_REQUEST: Mapping[str, Cause] = {
    "ProfileNotFound": Cause(
        "The AWS profile {profile!r} does not exist", "Correct AWS_PROFILE, or configure the profile"
    ),
    "ConfigParseError": Cause("AWS's configuration cannot be read: {error}", "Correct the file"),
    "ConfigNotFound": Cause("AWS's configuration cannot be read: {error}", "Correct AWS_CONFIG_FILE"),
    "InvalidConfigError": Cause("The AWS profile {profile!r} is not legal: {error}", CORRECT_PROFILE),
    "PartialCredentialsError": Cause(
        "The credentials of the AWS profile {profile!r} are not whole: {error}", CORRECT_PROFILE
    ),
    "SSOError": SIGN_IN,
    "TokenRetrievalError": SIGN_IN,
    "NoAuthTokenError": SIGN_IN,
    "UnauthorizedSSOTokenError": SIGN_IN,
    "CredentialRetrievalError": Cause(
        # The exception's message may hold a secret that the provider wrote.
        "The AWS profile {profile!r} gave no credentials: {provider} failed",
        "Run aws sts get-caller-identity --profile {profile} to see why",
    ),
    "MetadataRetrievalError": Cause(
        "The role of this machine or container gave no credentials: {error}",
        "Give the machine a role, or set AWS_PROFILE",
    ),
    "EOFError": NEEDS_CODE,
    "RefreshWithMFAUnsupportedError": NEEDS_CODE,
    "ClientError": Cause(
        "AWS refused to give credentials for the profile {profile!r}: {error}",
        "Correct the profile's role and its trust policy",
    ),
    "HTTPClientError": NOT_ASKED,
    "ConnectionError": NOT_ASKED,
    "ValueError": UNUSABLE,
    "LookupError": UNUSABLE,
    "TypeError": UNUSABLE,
    "AttributeError": UNUSABLE,
    "OSError": Cause("The credentials of the AWS profile {profile!r} cannot be read: {error}", CORRECT_PROFILE),
    "BotoCoreError": Cause("The AWS settings cannot be used: {error}", CORRECT_SETTINGS),
}
"""From the name of an exception's class, raised while botocore reads settings and credentials. No store was asked.

Sentences and remedies are templates for `str.format`: `credentials.credentials_refused` fills them.
"""
