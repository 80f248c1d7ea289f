"""The Python interpreters of this machine, on which bots run and for which dependencies are installed."""

import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitops.process import CommandTimedOut, plain_environment, run

OLDEST = (3, 11)
"""The oldest minor version of Python that a bot may run on."""

_NAME = re.compile(r"python3\.(\d+)")
_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter: its minor version ("3.11"), its full version, and where it is."""

    minor: str
    version: str
    path: Path

    @property
    def name(self) -> str:
        """Return the name that it is known by, such as python3.11."""
        return f"python{self.minor}"


@cache
def interpreters() -> dict[str, Interpreter]:
    """Return the interpreters by name (`python3.11`), each tried out; looked for once in a process."""
    found: dict[str, Interpreter] = {}
    own = Path(sys.executable).resolve()
    for path in (own, *_candidates()):
        if path.name not in found and (interpreter := _try(path)):
            found.setdefault(interpreter.name, interpreter)
    return dict(sorted(found.items(), key=lambda item: int(item[0].rpartition(".")[2])))


def _candidates() -> list[Path]:
    folders = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep) if name]
    folders += [Path("/usr/local/bin"), Path("/usr/bin"), *Path.home().glob(".pyenv/versions/*/bin")]
    return [
        path
        for folder in dict.fromkeys(folders)
        if folder.is_dir()
        for path in sorted(folder.glob("python3.*"))
        if (match := _NAME.fullmatch(path.name)) and (3, int(match[1])) >= OLDEST
    ]


def _try(path: Path) -> Interpreter | None:
    """Run an interpreter: a name on the path may be a stub of a version switcher that leads nowhere."""
    try:
        asked = run([path, "-I", "-S", "-c", _ASK], environment=plain_environment(), timeout=_PATIENCE)
    except (OSError, CommandTimedOut):
        return None
    version = asked.stdout.decode(errors="replace").strip()
    parts = version.split(".")
    if asked.code != 0 or len(parts) != 3 or (int(parts[0]), int(parts[1])) < OLDEST:
        return None
    return Interpreter(f"{parts[0]}.{parts[1]}", version, path)
