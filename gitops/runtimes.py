"""What runs bots on this machine, and installs their dependencies: its Pythons, and its Node.js."""

import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitops.platforms import OLDEST, OLDEST_NODE
from gitops.process import CommandTimedOut, plain_environment, run
from schemas.errors import RuntimeMissing

_NAME = re.compile(r"python3\.(\d+)")
_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
_NODE_VERSION = re.compile(r"v((\d+)\.\d+\.\d+)")
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


@dataclass(frozen=True, slots=True)
class Node:
    """One Node.js: its major version (20), its full version ("20.11.1"), and where it is."""

    major: int
    version: str
    path: Path


@cache
def interpreters() -> dict[str, Interpreter]:
    """Return the interpreters by name (`python3.11`), each tried out; looked for once in a process."""
    found: dict[str, Interpreter] = {}
    own = Path(sys.executable).resolve()
    for path in (own, *_candidates()):
        if path.name not in found and (interpreter := _try(path)):
            found.setdefault(interpreter.name, interpreter)
    return dict(sorted(found.items(), key=lambda item: int(item[0].rpartition(".")[2])))


def nodes() -> dict[int, Node]:
    """Return this machine's Node.js by major version, the oldest first, each tried out.

    Looked for at every call, so that one that was installed meanwhile is found; tried once.
    """
    found: dict[int, Node] = {}
    for folder in _folders(".nvm/versions/node/*/bin"):
        path = folder / "node"
        try:
            node = _try_node(path, path.stat().st_mtime_ns)
        except OSError:
            continue
        if node is not None:
            found.setdefault(node.major, node)
    return dict(sorted(found.items()))


def offered() -> tuple[str, ...]:
    """Return what this machine offers to bots, as people say it: "python 3.11", "node 20"."""
    pythons = [f"python {one.minor}" for one in interpreters().values()]
    return (*pythons, *(f"node {major}" for major in nodes()))


def find_node(purpose: str = "run this bot") -> Node:
    """Return the Node.js nearest to what programs ask for: the oldest that may be used.

    Raises RuntimeMissing, its text made with `purpose`.
    """
    found = next(iter(nodes().values()), None)
    if found is None:
        raise RuntimeMissing(
            f"There is no Node.js {OLDEST_NODE} or newer on this machine to {purpose}: install it, "
            "with `node` on the PATH"
        )
    return found


@cache
def _try_node(path: Path, _changed: int) -> Node | None:
    """Run a `node` once for each time that its file changed."""
    try:
        asked = run([path, "--version"], environment=plain_environment(), timeout=_PATIENCE)
    except (OSError, CommandTimedOut):
        return None
    match = _NODE_VERSION.fullmatch(asked.stdout.decode(errors="replace").strip())
    if asked.code != 0 or match is None or int(match[2]) < OLDEST_NODE:
        return None
    return Node(int(match[2]), match[1], path)


def _folders(versions: str) -> list[Path]:
    """Return where programs lie: the PATH, the usual folders, and those of a version switcher."""
    folders = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep) if name]
    folders += [Path("/usr/local/bin"), Path("/usr/bin"), *Path.home().glob(versions)]
    return list(dict.fromkeys(folders))


def _candidates() -> list[Path]:
    return [
        path
        for folder in _folders(".pyenv/versions/*/bin")
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
