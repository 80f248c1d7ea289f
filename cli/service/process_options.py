"""What `herdsman controller` and `herdsman web` were asked for, checked once."""

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.service.options import UpOptions
from controller.database.opening import libpq_address, parse_address
from schemas.errors import UsageError


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """The options of `herdsman controller`; `up` holds those that it shares with `herdsman up`."""

    up: UpOptions
    database: str
    name: str = ""
    """What this controller is called; "" for the machine's name and the process's id."""
    own_url: str = ""
    """How the web reaches this one; "" for where it listens."""
    web_url: str = ""

    def __post_init__(self) -> None:
        for option, url in (("--own-url", self.own_url), ("--web-url", self.web_url)):
            if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
                raise UsageError(f'{option} "{url}" is no address: give http://HOST:PORT')
        if not self.own_url and self.up.listen.host in ("0.0.0.0", "::"):  # noqa: S104  compared only
            raise UsageError(
                "the web reaches the leader at an address of its own: say it with --own-url http://HOST:PORT"
            )

    @property
    def called(self) -> str:
        """Return this controller's name."""
        return self.name or f"{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The options of `herdsman web`; `up` holds those that it shares with `herdsman up`."""

    up: UpOptions
    database: str


def database_address(given: str, file: Path | None, *, typed: bool) -> str:
    """Return the URL of the PostgreSQL database, out of an option, a file or HERDSMAN_DATABASE.

    `typed`: it stands in the command line, where every user of the machine can read it, and so must hold no
    password. Raises UsageError.
    """
    if given and typed and file is not None:
        raise UsageError("give --database or --database-file, not both")
    if file is not None:
        given, typed = _read(file), False
    if not given:
        raise UsageError(
            "say where the database is: --database-file FILE, or HERDSMAN_DATABASE, or --database "
            "postgresql://USER@HOST/NAME without a password (libpq reads ~/.pgpass)"
        )
    if typed and parse_address(given).password:
        raise UsageError(
            "--database holds a password, which every user of this machine could read: put the URL into a "
            "file (mode 0600) and say --database-file FILE, or into HERDSMAN_DATABASE"
        )
    libpq_address(given)
    return given


def _read(file: Path) -> str:
    try:
        mode, text = stat.S_IMODE(file.stat().st_mode), file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--database-file {file} cannot be read: {error}") from error
    if mode & 0o077:
        raise UsageError(f"--database-file {file} can be read by others ({mode:04o}): chmod 600 {file}")
    return text
