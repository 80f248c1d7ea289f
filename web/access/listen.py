"""Where the service may listen: loopback freely, anywhere else with TLS or on somebody's explicit word."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from schemas.errors import UsageError
from web.access.hosts import is_loopback


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate chain and its key, PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; port 0 takes a free one."""

    host: str
    port: int

    def url(self, *, tls: bool) -> str:
        """Return the address as a URL for people; a wildcard is shown as this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  compared only
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if tls else 'http'}://{name}:{self.port}"


def parse_listen(text: str) -> Listen:
    """Parse HOST:PORT ("127.0.0.1:8420", "[::1]:8420", ":8420" for loopback). Raises UsageError."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        port, parts = None, None
    if parts is None or port is None or parts.path or parts.username is not None:
        raise UsageError(f'--listen "{text}" is not an address: give HOST:PORT, such as 127.0.0.1:8420')
    return Listen(parts.hostname or "127.0.0.1", port)


def tls_files(certificate: Path | None, key: Path | None) -> Tls | None:
    """Return the TLS files, None where none are given. Raises UsageError for one alone or missing."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "--tls-cert" if certificate is None else "--tls-key"
        raise UsageError(f"TLS needs both --tls-cert and --tls-key; {missing} is missing")
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if not path.is_file():
            raise UsageError(f"{option} {path} is not a file that can be read")
    return Tls(certificate, key)


def check_listen(listen: Listen, tls: Tls | None, *, insecure: bool) -> None:
    """Raise UsageError where tokens would travel in clear over a network without an explicit word."""
    if tls is not None or insecure or is_loopback(listen.host):
        return
    raise UsageError(
        f"--listen {listen.host}:{listen.port} can be reached from other machines, and without TLS every "
        "token and every push would travel in clear text.\n"
        "Give --tls-cert and --tls-key; or listen on 127.0.0.1 behind a proxy that does TLS; "
        "or, on a network that you trust, say --insecure."
    )
