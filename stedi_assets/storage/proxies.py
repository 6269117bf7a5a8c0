"""The proxy between this machine and a store: botocore chooses it, and every other library is set to the same."""

import os
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from stedi_assets.errors import StediError

DEFAULT_PORT = 80

NOWHERE = "http://127.0.0.1:9"
"""A proxy at which nothing listens. delta-rs never asks it, because the store's host is excluded from it."""

DELTA_RS_VARIABLE = "AWS_PROXY_URL"
"""A variable that only delta-rs reads."""


def proxy_to(endpoint: str) -> str:
    """Returns the URL of the proxy that botocore uses for an endpoint; empty where it uses none.

    Args:
        endpoint: The endpoint's URL, without the name of a bucket.

    Raises:
        StediError: The variable names a proxy that not every library can use.
    """
    from botocore.utils import get_environ_proxies  # noqa: PLC0415

    scheme = urlsplit(endpoint).scheme
    found: Mapping[str, str] = get_environ_proxies(endpoint)
    return _legal(scheme, found[scheme]) if found.get(scheme) else ""


def refuse_wrong_proxies() -> None:
    """Validates HTTP_PROXY and HTTPS_PROXY.

    Raises:
        StediError: One of them names a proxy that not every library can use.
    """
    for scheme, url in getproxies().items():
        if scheme in ("http", "https"):
            _legal(scheme, url)


def for_duckdb(proxy: str) -> dict[str, str]:
    """Returns DuckDB's settings for a proxy's URL, or for none where the URL is empty.

    Empty settings are necessary: without them DuckDB uses HTTP_PROXY, even for a host that NO_PROXY names.
    """
    parts = urlsplit(proxy)
    return {
        "http_proxy": parts.netloc.rpartition("@")[2],
        "http_proxy_username": unquote(parts.username or ""),
        "http_proxy_password": unquote(parts.password or ""),
    }


def for_delta_rs(proxy: str, host: str) -> dict[str, str]:
    """Returns deltalake's options, which keep it from reading the variables otherwise than botocore.

    Args:
        proxy: The proxy's URL; empty for none.
        host: The store's host, with its port where it has one.
    """
    if proxy:
        return {"proxy_url": proxy}
    if not any(value and _names_proxy(name) for name, value in os.environ.items()):
        return {}
    # delta-rs has no option for no proxy: it gets one that excludes the store's host.
    return {"proxy_url": NOWHERE, "proxy_excludes": urlsplit(f"//{host}").hostname or ""}


def for_hadoop(proxy: str) -> dict[str, str]:
    """Returns s3a's options for a proxy's URL; none where it is empty."""
    if not proxy:
        return {}
    parts = urlsplit(proxy)
    return {
        "proxy.host": parts.hostname or "",
        "proxy.port": str(parts.port or DEFAULT_PORT),
        "proxy.username": unquote(parts.username or ""),
        "proxy.password": unquote(parts.password or ""),
    }


def are_proxies_named_oddly() -> bool:
    """Whether a variable names a proxy that other libraries would use, and botocore does not."""
    is_emptied = any(os.environ.get(f"{scheme}_proxy") == "" for scheme in ("http", "https"))
    return is_emptied or "all" in getproxies()


def _names_proxy(variable: str) -> bool:
    return variable == DELTA_RS_VARIABLE or variable.lower() in ("http_proxy", "https_proxy", "all_proxy")


def _legal(scheme: str, url: str) -> str:
    # botocore completes a URL without a scheme in this way.
    whole = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(whole)
        is_legal = parts.scheme == "http" and parts.hostname and parts.port != 0 and parts.path in ("", "/")
    except ValueError:
        is_legal = False
    if not is_legal or parts.query or parts.fragment:
        # The value may hold a password.
        raise StediError(
            f"{scheme.upper()}_PROXY is not legal.",
            "Set it to http://host:port, or http://user:password@host:port with special characters as %XX. DuckDB can "
            "use no other proxies.",
        )
    return f"http://{parts.netloc}"
