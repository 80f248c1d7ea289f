"""Files that a fleet and its programs start from: the templates beside this module, with a name put in.

`templates/fleet` holds the settings, `templates/<runtime>/<type>` a program; its `bot.yaml` is the manifest
of the first bot.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

PLACEHOLDER = "PROGRAM"
"""Stands for the program's name in every template."""
BOT = "bot.yaml"


def runtimes() -> list[str]:
    """Return the runtimes that there are templates for."""
    found = [entry.name for entry in _templates().iterdir() if entry.is_dir()]
    return sorted(name for name in found if name != "fleet" and not name.startswith("_"))


def fleet_files() -> dict[str, str]:
    """Return the files of a new fleet by path, without a program."""
    return {path: entry.read_text() for path, entry in _files(_templates() / "fleet")}


def program_files(program: str, runtime: str, kind: str) -> dict[str, str]:
    """Return the files of a program and of its first bot by path in the fleet."""
    found = {}
    for path, entry in _files(_templates() / runtime / kind):
        where = f"bots/{program}.yaml" if path == BOT else f"programs/{program}/{path}"
        found[where] = entry.read_text().replace(PLACEHOLDER, program)
    return found


def write_missing(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Write the files that are not there yet and return their paths; what is there is left alone."""
    written = []
    for path, text in wanted.items():
        target = folder / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            written.append(path)
    return sorted(written)


def _templates() -> Traversable:
    return files("cli").joinpath("templates")


def _files(folder: Traversable, under: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if not entry.is_dir():
            yield f"{under}{entry.name}", entry
        elif entry.name != "__pycache__":
            yield from _files(entry, f"{under}{entry.name}/")
