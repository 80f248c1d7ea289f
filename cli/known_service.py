"""Which service is meant, and its token: what `up` leaves for other commands to find.

The standard library alone: `git-credential` runs at every push, and is only as fast as its imports.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.errors import UsageError

SERVICE_FILE = "service.json"
"""In the data folder while the service runs: `{"url", "pid", "fleet"}`."""
TOKEN_FILE = "admin-token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service is, and the token for it (never printed)."""

    url: str
    token: str = field(repr=False)


def default_data() -> Path:
    """Return the data folder where none is named."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "herdsman"


def current_file() -> Path:
    """Return the file that names the data folder of the service started last by this user."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "herdsman" / "current"


def find_service(url: str | None = None, token_file: Path | None = None, data: Path | None = None) -> Service:
    """Return the service that is meant: by option, environment, or the one this user started last."""
    url = url or os.environ.get("HERDSMAN_URL")
    token_file = token_file or path_of("HERDSMAN_TOKEN_FILE")
    folder = data or path_of("HERDSMAN_DATA") or known_folder()
    known = read_service(folder) if folder else None
    address = url or (known or {}).get("url")
    if not address:
        raise UsageError(
            "no running herdsman found: start one with `herdsman up`, or give --url and --token-file"
        )
    return Service(str(address).rstrip("/"), find_token(str(address), token_file, folder, known))


def path_of(variable: str) -> Path | None:
    """Return the path in an environment variable, None where it is not set."""
    value = os.environ.get(variable)
    return Path(value) if value else None


def find_token(url: str, token_file: Path | None, folder: Path | None, known: dict[str, Any] | None) -> str:
    """Return the token for an address; a known folder's token goes to its own address alone."""
    if token_file:
        return token_file.read_text().strip()
    token = os.environ.get("HERDSMAN_TOKEN")
    if token:
        return token
    if folder and known and known.get("url", "").rstrip("/") == url.rstrip("/"):
        return (folder / TOKEN_FILE).read_text().strip()
    raise UsageError(f"no token for {url}: give --token-file, or set HERDSMAN_TOKEN")


def known_folder() -> Path | None:
    """Return the data folder of the service started last, if it is recorded."""
    try:
        return Path(current_file().read_text().strip())
    except OSError:
        return default_data() if (default_data() / SERVICE_FILE).exists() else None


def read_service(folder: Path) -> dict[str, Any] | None:
    """Return what the service in this folder wrote of itself."""
    try:
        found = json.loads((folder / SERVICE_FILE).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
