"""The certificate authorities that servers are verified with: one file for all libraries.

By default botocore, DuckDB, delta-rs and Java each look in another place.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stedi_assets.errors import StediError

VARIABLE = "SSL_CERT_FILE"
"""The variable that replaces the machine's file of certificates for OpenSSL and delta-rs."""

FOLDER_VARIABLE = "SSL_CERT_DIR"
"""The variable that adds a folder of certificates to it."""


def authorities(bundle: str | None) -> str:
    """Returns the path of the file of certificates, in PEM, that every library verifies servers with.

    Args:
        bundle: The file that AWS_CA_BUNDLE or a profile's `ca_bundle` names. Without one, the file is that of
            SSL_CERT_FILE, else the machine's, else certifi's.

    Raises:
        StediError: The bundle cannot be read, or holds no certificate.
    """
    if bundle:
        with _refusals_explained(bundle):
            ssl.create_default_context(cafile=bundle)
        return str(Path(bundle).absolute())
    of_machine = ssl.get_default_verify_paths().cafile
    if of_machine:
        return of_machine
    # Imported late, because most machines have certificates and need no certifi.
    import certifi  # noqa: PLC0415

    return certifi.where()


def show_delta_rs(file: str) -> None:
    """Makes delta-rs verify servers with a file of certificates in PEM.

    delta-rs has no option for the file. It reads the variable each time it opens a store.
    """
    if file != ssl.get_default_verify_paths().cafile:
        os.environ[VARIABLE] = file
        # delta-rs would trust the certificates of that folder too.
        os.environ.pop(FOLDER_VARIABLE, None)


def write_java_trust_store(file: str, target: Path, password: str) -> None:
    """Writes a trust store for Java in PKCS 12.

    Args:
        file: The certificates in PEM.
        target: The file to write.
        password: Java reads no trust store without a password. It protects nothing, because certificates are public.
    """
    # Imported late, because only Spark needs it.
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization.pkcs12 import (  # noqa: PLC0415
        PKCS12Certificate,
        serialize_java_truststore,
    )
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

    certificates = load_pem_x509_certificates(Path(file).read_bytes())
    named = [PKCS12Certificate(each, f"authority-{number}".encode()) for number, each in enumerate(certificates)]
    target.write_bytes(serialize_java_truststore(named, BestAvailableEncryption(password.encode())))


@contextmanager
def _refusals_explained(bundle: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        is_readable = isinstance(error, ssl.SSLError)
        reason = "it holds no certificate in PEM" if is_readable else error.strerror
        raise StediError(
            f"The file of certificates {bundle} cannot be used: {reason}.",
            "Correct AWS_CA_BUNDLE, or ca_bundle of the AWS profile.",
        ) from None
