"""A bot's saved state: what an agent offers, what a store keeps, and when a copy is the newest there was.

A *version* is one whole copy of a state folder: its files by path, each by the SHA-256 of its content. A
*holder* is one launcher's hold of the bot's lease; its `token` is greater than that of any holder before it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

STATE_FILE = "herdsman-state.json"
"""What a launcher says of its bot's state (`HeldState`), in the allocation's shared folder."""
ANSWER_FILE = "herdsman-state-answer.json"
"""What the node's agent answers to a launcher that wants a state (`StateAnswer`), beside it."""
IN_STORE = "@store"
"""The place of a state that an operator changed in the store: no node's folder is the newest then."""

MOST_FILES = 10_000
MOST_FILE = 32 * 1024 * 1024
"""Bytes of one file."""
MOST_TOTAL = 512 * 1024 * 1024
"""Bytes of one version."""
KEPT_VERSIONS = 10
KEY_SUFFIX = ".json"
"""The public SDK keeps the key `x` in the file `x.json`."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """One file of a version. `path` is relative with `/`; `mtime` Unix seconds.

    `changing`: the bot wrote it while it was read, again and again: it may be in the middle of a change.
    """

    path: str
    sha256: str
    size: int
    mtime: float
    changing: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in a state folder that is not saved, and why in words."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class StateSave:
    """A version as an agent offers it. `final`: its holder has ended, nothing changes it any more.

    `former`, `former_token`: the bot's former name and that one's last holder, where the state is from there.
    """

    token: int
    node: str
    final: bool
    files: tuple[StateFile, ...]
    skipped: tuple[Skipped, ...] = ()
    allocation: str = ""
    former: str = ""
    former_token: int = 0


@dataclass(frozen=True, slots=True)
class StateVersion:
    """A version as the store keeps it; it never changes. `by` and `reason`: the operator who made it."""

    number: int
    token: int
    node: str
    final: bool
    saved_at: float
    digest: str
    files: tuple[StateFile, ...]
    skipped: tuple[Skipped, ...] = ()
    allocation: str = ""
    by: str = ""
    reason: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class StateClaim:
    """On whose behalf an agent saves or asks for a state: the fleet and the allocation.

    The fleet, like the bot's name, is what a file in the allocation says, which its bot may have written; the
    allocation is the name of the folder that the file lies in.
    """

    fleet: str
    allocation: str


@dataclass(frozen=True, slots=True)
class SaveAnswer:
    """What became of a save: the version's number, or the contents that must be uploaded first."""

    version: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatePlace:
    """Where the newest state is, as the lease's store remembers it: a node (or `IN_STORE`) and its holder."""

    node: str = ""
    token: int = 0


@dataclass(frozen=True, slots=True)
class HeldState:
    """What a launcher says of its bot's state.

    `phase`: "wanted" (bring it here, then answer), "held" (the bot may write it), "ended" (nothing writes it
    any more). `place` is where the newest state is by the lease; `source` the bot whose saved versions count
    (its former name after a rename). `lost_node` and `waited`: what the manifest says of a node that is lost,
    and the seconds since the state was first wanted.
    """

    token: int
    phase: str
    place: StatePlace = field(default_factory=StatePlace)
    source: str = ""
    lost_node: str = "wait"
    waited: float = 0.0
    former: str = ""
    former_token: int = 0


@dataclass(frozen=True, slots=True)
class StateAnswer:
    """The agent's answer to "wanted", for the holder `token`.

    `status`: "bringing" (wait on), "restored" (it lies in `folder`, a name beside the state folder) or
    "not_yet" (`message` says what is missing).
    """

    token: int
    status: str
    message: str = ""
    folder: str = ""
    loss: bool = False
    """Something of the newest state is known to be lost."""


def digest_of(files: Iterable[StateFile]) -> str:
    """Return the checksum over paths and contents: two folders with the same content share it."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        digest.update(f"{len(file.path.encode())}:{file.path}:{file.sha256}:{file.size}\n".encode())
    return digest.hexdigest()


def is_newest(version: StateVersion, place: StatePlace) -> bool:
    """Return whether a saved version holds all that its last holder left behind."""
    return version.final and version.token >= place.token


def path_problem(path: str) -> str:
    """Return why a text cannot be the path of a file in a state folder, "" where it can."""
    parts = path.split("/")
    if not path or len(path.encode()) > 1024 or len(parts) > 32:
        return "a path has 1 to 1024 bytes and at most 32 parts"
    if any(part in ("", ".", "..") or "\0" in part or len(part.encode()) > 255 for part in parts):
        return "a path is relative, without empty parts, . and .."
    return ""


def key_of(path: str) -> str:
    """Return how a file is called for people: a key of the SDK without its suffix."""
    return path.removesuffix(KEY_SUFFIX) if "/" not in path else path


def find_file(version: StateVersion, key: str) -> StateFile | None:
    """Return the file that a key or path names, None where there is none."""
    by_path = {file.path: file for file in version.files}
    return by_path.get(key) or by_path.get(f"{key}{KEY_SUFFIX}")
