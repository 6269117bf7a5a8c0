"""The authorities that vouch for servers: one file for every library, each of which would look elsewhere by itself."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stedi_assets.errors import StediError

VARIABLE = "SSL_CERT_FILE"
"""Where OpenSSL and delta-rs look for another file than the machine's."""

FOLDER_VARIABLE = "SSL_CERT_DIR"


def authorities(bundle: str | None) -> str:
    """Finds the file of certificates that every library verifies servers with.

    Args:
        bundle: The file of AWS_CA_BUNDLE or of a profile's `ca_bundle`, where there is one. It alone counts then.

    Returns:
        The path of a file of certificates in PEM: the bundle, that of SSL_CERT_FILE, the machine's, or certifi's.

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
    # Imported here: machines with certificates of their own need not wait for it.
    import certifi  # noqa: PLC0415

    return certifi.where()


def show_delta_rs(file: str) -> None:
    """Makes delta-rs verify servers with a file. It takes no option for that, and reads the variable at each use.

    Args:
        file: Certificates in PEM.
    """
    if file != ssl.get_default_verify_paths().cafile:
        os.environ[VARIABLE] = file
        # What lies there would count besides.
        os.environ.pop(FOLDER_VARIABLE, None)


def write_java_trust_store(file: str, target: Path, password: str) -> None:
    """Writes the trust store by which Java verifies servers.

    Args:
        file: Certificates in PEM.
        target: The trust store, in PKCS 12.
        password: Java reads none without one. It protects nothing: the certificates are public.
    """
    # Imported here: Spark alone needs it.
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
