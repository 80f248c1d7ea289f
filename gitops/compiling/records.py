"""What became of each build, and its log: kept in a folder, the newest of them."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from schemas.bot import ProgramVersion

MOST_KEPT = 100
"""Builds whose logs are kept."""

BUILDING, BUILT, FAILED, INTERRUPTED = "building", "built", "failed", "interrupted"


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """One build of a program's git tree; times in Unix seconds.

    `state` is building, built, failed or interrupted (herdsman ended, or nobody wanted it any more);
    `toolchain` says what it was built with, `message` why it failed.
    """

    program: str
    version: str
    tree: str
    runtime: str
    toolchain: str
    state: str
    started_at: float
    ended_at: float | None = None
    message: str = ""


class BuildRecords:
    """Builds by program and tree: `<program>-<tree>.json` beside its `.log`; the newest `most`."""

    def __init__(self, folder: Path, most: int = MOST_KEPT) -> None:
        self._folder, self._most = folder, most
        folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[tuple[str, str], BuildRecord] = {}
        for record in self._load():
            self._known[record.program, record.tree] = record

    def _load(self) -> Iterator[BuildRecord]:
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError, TypeError):
                record = BuildRecord(**json.loads(path.read_text()))
                if record.state == BUILDING:
                    record = BuildRecord(**{**asdict(record), "state": INTERRUPTED})
                yield record

    def all(self) -> list[BuildRecord]:
        """Return every build that is known, the newest first."""
        return sorted(self._known.values(), key=lambda record: record.started_at, reverse=True)

    def find(self, program: str, tree: str = "") -> BuildRecord | None:
        """Return a program's build of a git tree; without one, the newest."""
        if tree:
            return self._known.get((program, tree))
        return next((record for record in self.all() if record.program == program), None)

    def log_path(self, program: str, tree: str) -> Path:
        """Return where the log of a build is, or is to be."""
        return self._folder / f"{program}-{tree}.log"

    def log(self, record: BuildRecord) -> str:
        """Return a build's log as far as it is written, "" where it is gone."""
        try:
            return self.log_path(record.program, record.tree).read_text(errors="replace")
        except OSError:
            return ""

    def note(self, record: BuildRecord) -> None:
        """Keep a build's state, and forget the oldest builds beyond the limit."""
        self._known[record.program, record.tree] = record
        place = self._folder / f"{record.program}-{record.tree}.json"
        part = place.with_suffix(".part")
        part.write_text(json.dumps(asdict(record)))
        part.replace(place)
        for old in self.all()[self._most :]:
            if old.state == BUILDING:
                continue
            del self._known[old.program, old.tree]
            for suffix in (".json", ".log"):
                (self._folder / f"{old.program}-{old.tree}{suffix}").unlink(missing_ok=True)


def begun(program: ProgramVersion, toolchain: str, now: float) -> BuildRecord:
    """Return the record of a build that begins."""
    return BuildRecord(program.name, program.version, program.tree, program.runtime, toolchain, BUILDING, now)
