"""Fixtures of the tests that reach buckets."""

import pytest


@pytest.fixture(autouse=True)
def no_certificates_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the variables away again that the program sets for delta-rs."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
