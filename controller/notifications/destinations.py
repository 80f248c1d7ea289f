"""The service's file of destinations: names and their addresses, which hold credentials."""

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import UsageError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_SERVICE = re.compile(r"[a-z][a-z0-9+.-]*")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where messages go; `url` holds credentials and is shown nowhere."""

    name: str
    url: str = field(repr=False)

    @property
    def service(self) -> str:
        """Return the kind of address, such as `slack`."""
        return self.url.partition("://")[0]


def read_destinations(file: Path) -> tuple[Destination, ...]:
    """Return the destinations of a file (mode 0600) with a line `NAME: URL` for each. Raises UsageError."""
    try:
        mode, text = stat.S_IMODE(file.stat().st_mode), file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--notify-file {file} cannot be read: {error}") from error
    if mode & 0o077:
        raise UsageError(f"--notify-file {file} can be read by others ({mode:04o}): chmod 600 {file}")
    found: dict[str, Destination] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            one = _destination(f"--notify-file {file}, line {number}", line)
            if one.name in found:
                raise UsageError(f"--notify-file {file}, line {number}: {one.name} is there twice")
            found[one.name] = one
    if not found:
        raise UsageError(f"--notify-file {file} names no destination: write lines such as desk: slack://...")
    return tuple(found.values())


def _destination(where: str, line: str) -> Destination:
    """Parse a line; what is said of a wrong one never repeats the address."""
    name, _, url = (part.strip() for part in line.partition(":"))
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{where}: a line is NAME: URL, its name of 1 to 40 lower-case letters, digits and hyphens"
        )
    url = url.strip("\"'")
    service, found, rest = url.partition("://")
    if not (found and rest and _SERVICE.fullmatch(service)):
        raise UsageError(f"{where}: {name} has no address such as slack://..., mailtos://... or jsons://...")
    return Destination(name, url)
