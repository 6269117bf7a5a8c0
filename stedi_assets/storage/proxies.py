"""The proxy on the way to a store: the one that botocore takes, spelled for each library."""

import os
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from stedi_assets.errors import StediError

DEFAULT_PORT = 80

NOWHERE = "http://127.0.0.1:9"
"""A proxy that is never asked."""

OTHER_VARIABLE = "AWS_PROXY_URL"
"""A variable that delta-rs alone reads."""


def proxy_to(endpoint: str) -> str:
    """Finds the proxy that botocore takes to an endpoint.

    Args:
        endpoint: The endpoint's URL, without the name of a bucket.

    Returns:
        The proxy's URL; empty where there is none.

    Raises:
        StediError: The variable does not name a proxy that every library can ask.
    """
    from botocore.utils import get_environ_proxies  # noqa: PLC0415

    scheme = urlsplit(endpoint).scheme
    found: Mapping[str, str] = get_environ_proxies(endpoint)
    return _legal(scheme, found[scheme]) if found.get(scheme) else ""


def refuse_wrong_proxies() -> None:
    """Looks at the variables that name proxies.

    Raises:
        StediError: One does not name a proxy that every library can ask.
    """
    for scheme, url in getproxies().items():
        if scheme in ("http", "https"):
            _legal(scheme, url)


def for_duckdb(proxy: str) -> dict[str, str]:
    """Returns DuckDB's settings.

    Empty ones count too: DuckDB would take HTTP_PROXY by itself, also for a host that NO_PROXY names.

    Args:
        proxy: The proxy's URL, or nothing.
    """
    parts = urlsplit(proxy)
    return {
        "http_proxy": parts.netloc.rpartition("@")[2],
        "http_proxy_username": unquote(parts.username or ""),
        "http_proxy_password": unquote(parts.password or ""),
    }


def for_delta_rs(proxy: str, host: str) -> dict[str, str]:
    """Returns deltalake's options: by itself it reads the variables differently from botocore.

    Args:
        proxy: The proxy's URL, or nothing.
        host: The store's host, with its port where it has one.
    """
    if proxy:
        return {"proxy_url": proxy}
    is_tempted = any(value and _names_proxy(name) for name, value in os.environ.items())
    return {"proxy_url": NOWHERE, "proxy_excludes": urlsplit(f"//{host}").hostname or ""} if is_tempted else {}


def for_hadoop(proxy: str) -> dict[str, str]:
    """Returns s3a's options.

    Args:
        proxy: The proxy's URL, or nothing.
    """
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
    """Whether a variable names a proxy that botocore does not take, where other libraries would."""
    is_emptied = any(os.environ.get(f"{scheme}_proxy") == "" for scheme in ("http", "https"))
    return is_emptied or "all" in getproxies()


def _names_proxy(variable: str) -> bool:
    return variable == OTHER_VARIABLE or variable.lower() in ("http_proxy", "https_proxy", "all_proxy")


def _legal(scheme: str, url: str) -> str:
    # As botocore completes it.
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
            "Set it to http://host:port, or http://user:password@host:port with special characters as %XX. DuckDB asks "
            "no other proxies.",
        )
    return f"http://{parts.netloc}"
