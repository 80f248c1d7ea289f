"""Versions of programs that are not in a revision any more, found in the commits before it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gitops.process import git
from gitops.reading import CommitReader
from gitops.survey import PROGRAM_FILE
from gitops.tree import NO_OBJECT, PastProgram
from schemas.errors import NotFound
from schemas.program import parse_program


@dataclass(frozen=True, slots=True)
class _Place:
    commit: str
    folder: str


@dataclass(frozen=True, slots=True)
class _Scan:
    """All versions up to one commit; `mainline` follows first parents (what the branch itself held)."""

    commit: str = ""
    mainline: Mapping[tuple[str, str], _Place] = field(default_factory=dict)
    side: Mapping[tuple[str, str], _Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Edit:
    commit: str
    parent: str
    path: str
    old: str
    new: str


class ProgramHistory:
    """Finds past versions, and remembers what it has walked: the next revision costs only its new commits.

    One for each source. Two threads may use it at once: what it keeps is replaced, never changed.
    """

    def __init__(self) -> None:
        self._scan = _Scan()
        self._identities: dict[str, tuple[str, str] | None] = {}

    def aside(self) -> "ProgramHistory":
        """Return one that knows as much, for a revision that this one shall not remember."""
        other = ProgramHistory()
        other._scan, other._identities = self._scan, self._identities
        return other

    def at(self, reader: CommitReader) -> "CommitHistory":
        """Return the history of the revision that the reader reads."""
        return CommitHistory(reader, self)

    def scan(self, reader: CommitReader) -> _Scan:
        """Return all versions up to the reader's revision, walking only what was not walked before."""
        known = self._scan
        tip = reader.revision.id
        if known.commit == tip:
            return known
        if not known.commit or not reader.descends_from(known.commit):
            known = _Scan()
        self._scan = _Scan(
            tip,
            {**known.mainline, **self._walk(reader, known.commit, tip, "--first-parent", "-m")},
            {**known.side, **self._walk(reader, known.commit, "", "--no-merges", "--full-history")},
        )
        return self._scan

    def _walk(self, reader: CommitReader, since: str, tip: str, *how: str) -> dict[tuple[str, str], _Place]:
        found: dict[tuple[str, str], _Place] = {}
        for edit in _edits(reader, since, how):
            folder = edit.path.rpartition("/")[0]
            if edit.new != NO_OBJECT and (identity := self._identity(reader, edit.path, edit.new)):
                found[identity] = _Place(tip or edit.commit, folder)
            if edit.old != NO_OBJECT and (identity := self._identity(reader, edit.path, edit.old)):
                # The version's last state: later commits may have changed its other files.
                found[identity] = _Place(edit.parent, folder)
        return found

    def _identity(self, reader: CommitReader, path: str, oid: str) -> tuple[str, str] | None:
        if oid not in self._identities:
            manifest, _ = parse_program(path, reader.read(oid))
            self._identities[oid] = (manifest.name, manifest.version) if manifest else None
        return self._identities[oid]


def _edits(reader: CommitReader, since: str, how: tuple[str, ...]) -> Iterator[_Edit]:
    """Yield every change of a program's manifest, the oldest first."""
    below = f"{reader.subfolder}/" if reader.subfolder else ""
    output = git(
        reader.repository,
        *("log", *how, "--reverse", "--topo-order", "--raw", "--no-renames", "--no-abbrev", "-z"),
        "--format=%x01%H%x00%P",
        f"{since}..{reader.revision.id}" if since else reader.revision.id,
        "--",
        f":(glob){below}**/{PROGRAM_FILE}",
        environment=reader.environment,
    )
    fields = iter(output.split(b"\0")[:-1])
    commit = parent = ""
    for text in fields:
        if text.startswith(b"\x01"):
            commit, parent = text[1:].decode(), next(fields).decode().partition(" ")[0]
        elif text.lstrip(b"\n").startswith(b":"):
            _, _, old, new, _ = text.decode().split()
            yield _Edit(commit, parent, next(fields).decode(errors="replace"), old, new)


class CommitHistory:
    """The history of one revision; walks it only when a version is asked for."""

    def __init__(self, reader: CommitReader, known: ProgramHistory) -> None:
        self.reader = reader
        self._known = known

    def find(self, program: str, version: str) -> PastProgram | None:
        """Return the last state of a version: as the branch had it, else as a merged branch had it."""
        place = self.place(program, version)
        if place is None:
            return None
        commit, folder = place
        try:
            return PastProgram(folder, self.reader.tree_at(commit, folder))
        except NotFound:
            return None

    def place(self, program: str, version: str) -> tuple[str, str] | None:
        """Return the commit and the folder in which a version had its last state, None for none."""
        scan = self._known.scan(self.reader)
        place = scan.mainline.get((program, version)) or scan.side.get((program, version))
        return (place.commit, place.folder) if place else None

    def versions(self, program: str) -> tuple[str, ...]:
        """Return all versions that the program had, in no special order."""
        scan = self._known.scan(self.reader)
        return tuple({version for name, version in (*scan.mainline, *scan.side) if name == program})
