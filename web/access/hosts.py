"""Which names and origins we answer to: the guard against DNS rebinding and cross-site posts."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def host_name(header: str) -> str:
    """Return the name or address in a Host header, without its port, lower case; "" for rubbish."""
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
    return name.rstrip(".").lower()


def is_loopback(host: str) -> bool:
    """Say whether a name or address can only mean this machine."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Say whether a host is a numeric address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def host_allowed(header: str, configured: frozenset[str], *, any_address: bool = False) -> bool:
    """Say whether a request with this Host header is meant for us.

    A page of somebody else whose name was made to point at 127.0.0.1 sends its own name here, and is
    refused; loopback addresses and configured names pass.
    """
    name = host_name(header)
    return bool(name) and (name in configured or is_loopback(name) or (any_address and is_address(name)))


def refused_origin(method: str, headers: Mapping[str, str], *, cookie: bool) -> str:
    """Return why an unsafe request must be refused for where it comes from, "" where it may pass.

    `headers` holds lower-case names. A browser marks what it sends (Sec-Fetch-Site, or Origin); whatever is
    marked as another site's is refused for every kind of credential, since browsers attach Basic ones by
    themselves too. A session's cookie is only ever sent by browsers, so without any mark it is refused.
    """
    if method in SAFE_METHODS:
        return ""
    if site := headers.get("sec-fetch-site", ""):
        return "" if site == "same-origin" else f"the browser says that it comes from another place ({site})"
    if origin := headers.get("origin", ""):
        # The scheme is left out: behind a proxy that does TLS we are spoken to by plain http.
        own = headers.get("host", "").lower()
        return "" if urlsplit(origin).netloc.lower() == own else f"it comes from {origin}, not from {own}"
    return "it does not say where it comes from" if cookie else ""
