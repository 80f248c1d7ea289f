"""What a bot's (program, version) means: a program of this revision, or the same version as it once was."""

from collections import defaultdict
from collections.abc import Mapping

from gitops.index import FleetIndex, ProgramKey, ProgramRecord, Resolution
from gitops.programs import program_error, read_program
from gitops.tree import History, TreeReader
from schemas.errors import ManifestError, SourceUnavailable
from schemas.suggestions import nearest


class Resolver:
    """Resolves (program, version) pairs in one revision; each is worked out once.

    Siblings may stay on a version that the revision itself has no more: it is then taken from history,
    and where that version ran, exactly as it ran. `errors` are those between programs.
    """

    def __init__(
        self,
        reader: TreeReader,
        programs: Mapping[str, ProgramRecord],
        known: FleetIndex,
        history: History | None,
        ran: Mapping[ProgramKey, str],
        development: bool,
    ) -> None:
        self._reader = reader
        self._programs = programs
        self._known = known
        self._history = history
        self._ran = ran
        self._development = development
        self._current: defaultdict[ProgramKey, list[ProgramRecord]] = defaultdict(list)
        for _, record in sorted(programs.items()):
            if record.key:
                self._current[record.key].append(record)
        self.past: dict[tuple[str, str], ProgramRecord] = {}
        self.resolutions: dict[ProgramKey, Resolution] = {}
        self.errors = [*self._doubles(), *self._rewritten()]

    def resolve(self, key: ProgramKey) -> Resolution:
        """Return what the pair means."""
        if key not in self.resolutions:
            self.resolutions[key] = self._resolve(key)
        return self.resolutions[key]

    def changed(self, key: ProgramKey) -> bool:
        """Return whether the pair means something else than in the build before."""
        before = self._known.resolutions.get(key)
        return before is None or self.resolve(key).identity != before.identity

    def _resolve(self, key: ProgramKey) -> Resolution:
        current = self._current.get(key, [])
        if current:
            record = current[0]
            refused = len(current) > 1 or self._is_rewritten(record) or not record.sound
            return Resolution(blamed=record.folder) if refused else Resolution(record)
        before = self._known.resolutions.get(key)
        if before and before.past and before.record and self._ran.get(key, "") in ("", before.record.tree):
            self.past[before.record.folder, before.record.tree] = before.record
            return before
        past = self._past(key)
        if past is None:
            return self._missing(key)
        if past.sound:
            return Resolution(past, past=True)
        first = next(error for error in past.errors if not error.warning)
        return Resolution(problem=f"Version {key[1]} of {key[0]} had errors: {first}", pointer="version")

    def _past(self, key: ProgramKey) -> ProgramRecord | None:
        """Return a version as it ran, else as the history last had it."""
        if self._history is None:
            return None
        found = self._history.find(*key)
        tree = self._ran.get(key) or (found.tree if found else "")
        if not tree:
            return None
        folder = found.folder if found else f"programs/{key[0]}"
        record = self._known.past.get((folder, tree))
        if record is None:
            try:
                record = read_program(self._history.reader, folder, tree)
            except SourceUnavailable:
                return None  # it ran, but its commit was taken out of the repository
        self.past[folder, tree] = record
        return record if record.key == key else None

    def _missing(self, key: ProgramKey) -> Resolution:
        name, version = key
        for folder, record in sorted(self._programs.items()):
            before = self._known.programs.get(folder)
            if record.program is None and name in (record.name, before.name if before else ""):
                return Resolution(blamed=folder)
        versions = {v for n, v in self._current if n == name}
        if self._history is not None:
            versions |= set(self._history.versions(name))
        if not versions:
            names = {n for n, _ in self._current}
            problem = f'There is no program "{name}"'
            return Resolution(problem=problem, pointer="type", suggestion=nearest(name, names))
        newest = sorted(versions, key=_precedence, reverse=True)
        listed = ", ".join(newest[:5]) + (", ..." if len(newest) > 5 else "")
        problem = f"{name} has no version {version} in this revision or its history; it has {listed}"
        return Resolution(problem=problem, pointer="version", suggestion=newest[0])

    def _is_rewritten(self, record: ProgramRecord) -> bool:
        ran = self._ran.get(record.key) if record.key else None
        return not self._development and ran is not None and ran != record.tree

    def _rewritten(self) -> list[ManifestError]:
        """Return an error for each version whose content is not what ran under it."""
        message = "{} {} already ran with other content; bump the version"
        return [
            program_error(
                self._reader, record, "version", message.format(*record.key), _next_patch(record.key[1])
            )
            for record in self._programs.values()
            if record.key and self._is_rewritten(record)
        ]

    def _doubles(self) -> list[ManifestError]:
        message = "{} {} is also declared in {}; name and version name one program"
        return [
            program_error(self._reader, record, "version", message.format(*key, other.folder))
            for key, records in self._current.items()
            if len(records) > 1
            for record, other in zip(records, [records[-1], *records], strict=False)
        ]


def _precedence(version: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in version.split("."))


def _next_patch(version: str) -> str | None:
    start, _, patch = version.rpartition(".")
    return f"{start}.{int(patch) + 1}" if patch.isdigit() else None
