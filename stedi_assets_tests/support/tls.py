"""Certificates for servers on loopback, of authorities that the tests make."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme


@dataclass(frozen=True)
class Certificate:
    """A server's certificate.

    Attributes:
        authority: The file with the certificate of the authority that vouches for it.
        chain: The file with the certificate itself.
        key: The file with its key.
    """

    authority: Path
    chain: Path
    key: Path

    @classmethod
    def issued(cls, folder: Path, *hosts: str) -> Self:
        """Makes a certificate, and an authority for it.

        Args:
            folder: An existing one.
            hosts: The names and addresses that the certificate is for.
        """
        authority = trustme.CA()
        issued = authority.issue_cert(*hosts)
        made = cls(folder / "authority.pem", folder / "server.pem", folder / "server.key")
        authority.cert_pem.write_to_path(made.authority)
        issued.private_key_pem.write_to_path(made.key)
        made.chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        return made
