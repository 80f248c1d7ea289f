"""Lines of a program's source as a bot runs them: of its version at a commit, with who wrote each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from gitops.forges.place import ForgePlace, line_page
from gitops.history import ProgramHistory
from gitops.process import CommandTimedOut, git_environment, run
from gitops.reading import CommitReader
from gitops.tree import TreeEntry
from schemas.errors import NotFound

AROUND = 6
"""Lines shown before and after the one that is meant."""
BLAME_TIMEOUT = 10.0
_LARGEST = 1 << 20
_LONGEST_LINE = 400
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HEADER = re.compile(r"(?P<commit>[0-9a-f]{40}) \d+ (?P<line>\d+)")


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line, and the commit that made it what it is ("" where that could not be found in time)."""

    number: int
    text: str
    commit: str = ""
    author: str = ""
    at: float = 0.0
    summary: str = ""


@dataclass(frozen=True, slots=True)
class SourceCode:
    """The lines around one: `path` in the repository at `commit`; `url` leads there on its forge."""

    path: str
    commit: str
    line: int
    lines: tuple[SourceLine, ...]
    url: str = ""
    blamed: bool = True


@dataclass(frozen=True, slots=True)
class CodePlace:
    """Where one source's programs are read; `forge` is where people read them."""

    repository: Path
    subfolder: str = ""
    forge: ForgePlace | None = None
    history: ProgramHistory = field(default_factory=ProgramHistory)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which line: of a program's version as of a revision; `file` is its path in the program."""

    program: str
    version: str
    revision: str
    file: str
    line: int


class SourceCodes:
    """Reads source lines; `places` are the fleet's sources by name ("" where it has one). Blocks."""

    def __init__(self, places: Mapping[str, CodePlace]) -> None:
        self._places = places

    def read(self, asked: Asked) -> SourceCode:
        """Return the lines around the one asked for. Raises NotFound, SourceUnavailable."""
        if not _COMMIT.fullmatch(asked.revision):
            raise NotFound(f'"{asked.revision}" is no commit: give the whole id of the revision that ran')
        for place in self._places.values():
            found = _found(place, asked)
            if found is not None:
                return found
        raise NotFound(
            f"there is no {asked.program} {asked.version} with a file {asked.file} at {asked.revision[:7]}"
        )


def _found(place: CodePlace, asked: Asked) -> SourceCode | None:
    try:
        with CommitReader(place.repository, asked.revision, subfolder=place.subfolder) as reader:
            where = place.history.at(reader).place(asked.program, asked.version)
            entry = _entry(reader, where, asked.file) if where else None
            if where is None or entry is None:
                return None
            text = reader.read(entry.oid).decode("utf-8", "replace")
    except NotFound:
        return None
    return _shown(place, where[0], entry.path, text, asked.line)


def _entry(reader: CommitReader, where: tuple[str, str], file: str) -> TreeEntry | None:
    """Return the program's file that a trace means: by its path, else by as much of its end as is unique."""
    commit, folder = where
    tree = reader.tree_at(commit, folder)
    entries = [one for one in reader.folder(tree, folder) if one.is_file and one.size <= _LARGEST]
    wanted = PurePosixPath(file).parts
    scored = [(_same_end(PurePosixPath(one.path).parts, wanted), one) for one in entries]
    best = max((score for score, _ in scored), default=0)
    named = [one for score, one in scored if score == best and best > 0]
    exact = [one for one in named if one.path == f"{folder}/{file}"]
    return exact[0] if exact else named[0] if len(named) == 1 else None


def _same_end(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many parts two paths have in common at their ends."""
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def _shown(place: CodePlace, commit: str, path: str, text: str, line: int) -> SourceCode:
    # As git and languages count: `splitlines` would also end a line at a form feed in the middle of it.
    texts = text.removesuffix("\n").split("\n") if text else []
    if not 1 <= line <= len(texts):
        raise NotFound(f"{path} has {len(texts)} lines at {commit[:7]}, and no line {line}")
    first, last = max(1, line - AROUND), min(len(texts), line + AROUND)
    lines = [
        SourceLine(number, texts[number - 1].removesuffix("\r")[:_LONGEST_LINE])
        for number in range(first, last + 1)
    ]
    blamed = _blame(place.repository, commit, path, first, last)
    url = line_page(place.forge, commit, path, line) if place.forge else ""
    return SourceCode(
        path,
        commit,
        line,
        tuple(replace(blamed[one.number], text=one.text) if one.number in blamed else one for one in lines),
        url,
        bool(blamed),
    )


def _blame(repository: Path, commit: str, path: str, first: int, last: int) -> dict[int, SourceLine]:
    """Return who made each line what it is, nothing where git does not say so in time."""
    command = ["git", "--git-dir", str(repository), "blame", "--line-porcelain", f"-L{first},{last}"]
    try:
        done = run([*command, commit, "--", path], environment=git_environment(), timeout=BLAME_TIMEOUT)
    except (OSError, CommandTimedOut):
        return {}
    if done.code != 0:
        return {}
    return {one.number: one for one in _blamed(done.stdout.decode("utf-8", "replace"))}


def _blamed(output: str) -> Iterator[SourceLine]:
    """Yield what `git blame --line-porcelain` says of each line."""
    facts: dict[str, str] = {}
    for text in output.split("\n"):
        if found := _HEADER.match(text):
            facts = {"commit": found["commit"], "line": found["line"]}
        elif text.startswith("\t"):
            yield SourceLine(
                int(facts["line"]),
                "",
                facts["commit"],
                facts.get("author", ""),
                float(facts.get("author-time", "0")),
                facts.get("summary", ""),
            )
        else:
            key, _, value = text.partition(" ")
            facts[key] = value
