"""Which service is meant, and its token: named on the command line, by variables, or found by itself.

The order: options of the command (`--url`, `--data` or `--env`), the variables HERDSMAN_URL and
HERDSMAN_DATA, then HERDSMAN_ENV, the current environment (`herdsman env use`), the service this user started
last. A token is `--token-file`, HERDSMAN_TOKEN_FILE, HERDSMAN_TOKEN, or the one kept for the address; an
environment that the command line names takes no token from variables.

The standard library alone: `git-credential` runs at every push, and is only as fast as its imports.
"""

import json
import os
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.environments import LOCAL, Environment, read_environments
from cli.token_store import read_token
from schemas.errors import UsageError

SERVICE_FILE = "service.json"
"""In the data folder while the service runs: `{"url", "pid", "fleet"}`."""
TOKEN_FILE = "admin-token"  # noqa: S105

named: ContextVar[str] = ContextVar("named", default="")
"""The environment that this process' command line names with `--env`, "" where it names none."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service is, and the token for it (never printed)."""

    url: str
    token: str = field(repr=False)
    ca_file: str = ""
    """Certificates to trust for it, "" for the system's."""
    environment: str = ""
    """The name it was added by, "" where it was not."""
    protected: bool = False
    """A change of it is asked about first."""


def default_data() -> Path:
    """Return the data folder where none is named."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "herdsman"


def current_file() -> Path:
    """Return the file that names the data folder of the service started last by this user."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "herdsman" / "current"


def find_service(url: str | None = None, token_file: Path | None = None, data: Path | None = None) -> Service:
    """Return the service that is meant. Raises UsageError where none is, or no token is known for it."""
    name = named.get()
    if name and (url or data):
        other = "--url" if url else "--data"
        raise UsageError(f"--env {name} and {other} name two services: give one of them")
    if name and name != LOCAL:
        one = read_environments().named(name)
        return _service(one.url, token_file.read_text().strip() if token_file else read_token(one))
    environment = None if name or url or data else implied_environment()
    if environment:
        return _service(environment.url, find_token(environment.url, token_file, None, None))
    return _found_here(None if name else url or os.environ.get("HERDSMAN_URL"), token_file, data)


def implied_environment() -> Environment | None:
    """Return the environment that is meant where the command line names no service, None where none is."""
    if os.environ.get("HERDSMAN_URL") or os.environ.get("HERDSMAN_DATA"):
        return None
    environments = read_environments()
    name = os.environ.get("HERDSMAN_ENV") or environments.current
    return environments.named(name) if name and name != LOCAL else None


def _found_here(url: str | None, token_file: Path | None, data: Path | None) -> Service:
    """Return the service at an address, or the one whose data folder is known on this machine."""
    token_file = token_file or path_of("HERDSMAN_TOKEN_FILE")
    folder = data or path_of("HERDSMAN_DATA") or known_folder()
    known = read_service(folder) if folder else None
    address = url or (known or {}).get("url")
    if not address:
        raise UsageError(
            "no running herdsman found: start one with `herdsman up`, name another with --url and "
            "--token-file, or keep it by name with `herdsman env add`"
        )
    return _service(str(address), find_token(str(address), token_file, folder, known))


def _service(url: str, token: str) -> Service:
    """Return a service; an address that was added by name is that environment, however it was named."""
    url = url.rstrip("/")
    one = read_environments().at(url) or Environment("", url)
    return Service(url, token, os.environ.get("HERDSMAN_CA_FILE") or one.ca_file, one.name, one.protected)


def path_of(variable: str) -> Path | None:
    """Return the path in an environment variable, None where it is not set."""
    value = os.environ.get(variable)
    return Path(value) if value else None


def find_token(url: str, token_file: Path | None, folder: Path | None, known: dict[str, Any] | None) -> str:
    """Return the token for an address; one that is kept for an address goes to that address alone."""
    file = token_file or path_of("HERDSMAN_TOKEN_FILE")
    if file:
        return file.read_text().strip()
    token = os.environ.get("HERDSMAN_TOKEN")
    if token:
        return token
    if folder and known and known.get("url", "").rstrip("/") == url.rstrip("/"):
        return (folder / TOKEN_FILE).read_text().strip()
    environment = read_environments().at(url)
    if environment:
        return read_token(environment)
    raise UsageError(f"no token for {url}: give --token-file, or set HERDSMAN_TOKEN")


def local_url() -> str:
    """Return the address of the service that is found by itself on this machine, "" where there is none."""
    folder = path_of("HERDSMAN_DATA") or known_folder()
    return str(((read_service(folder) if folder else None) or {}).get("url", ""))


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
