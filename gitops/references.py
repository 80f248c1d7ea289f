"""What of a repository is followed, and which commit that is in a listing of its refs. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from gitops.versions import Version, parse_range, parse_version
from schemas.errors import UsageError

_COMMIT = re.compile(r"[0-9a-f]{40}")
_BAD_NAME = re.compile(r"[\s~^:?*\[\\\x00-\x1f\x7f]|\.\.|^[-/]|/$|\.lock$|//|@\{")
_HEADS, _TAGS = "refs/heads/", "refs/tags/"
_PEELED = "^{}"


class Kind(StrEnum):
    """How a reference names its commit."""

    BRANCH = "branch"
    TAG = "tag"
    """One tag, or a pattern (`prod-*`) of which the last in natural order is taken."""
    SEMVER = "semver"
    """A range of versions, of which the highest tag is taken."""
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class Reference:
    """What is followed: a branch ("" is the remote's own default), a tag, a range of versions, a commit."""

    kind: Kind = Kind.BRANCH
    value: str = ""

    def __post_init__(self) -> None:
        if self.kind is Kind.SEMVER:
            parse_range(self.value)
        elif self.kind is Kind.COMMIT and not _COMMIT.fullmatch(self.value):
            raise UsageError(f'"{self.value}" is no commit: give all 40 digits of its id')
        elif self.kind is Kind.TAG and not self.value:
            raise UsageError("the tag's name is empty")
        plain = self.value.replace("*", "").replace("?", "") if self.kind is Kind.TAG else self.value
        if self.kind in (Kind.BRANCH, Kind.TAG) and _BAD_NAME.search(plain):
            raise UsageError(f'"{self.value}" cannot be the name of a {self.kind}')

    @property
    def chooses(self) -> bool:
        """Whether it takes one of many tags, so that another may be the right one later."""
        return self.kind is Kind.SEMVER or (self.kind is Kind.TAG and bool(set("*?") & set(self.value)))

    @property
    def fixed(self) -> bool:
        """Whether what it names must never move: a commit cannot, and a tag should not."""
        return self.kind is not Kind.BRANCH

    def __str__(self) -> str:
        if self.kind is Kind.SEMVER:
            return f'tag in the range "{self.value}"'
        if self.chooses:
            return f'tag matching "{self.value}"'
        return f'{self.kind} "{self.value}"' if self.value else "default branch"

    def concerns(self, ref: str, default: str) -> bool:
        """Say whether a ref that moved may move what is followed; `default` is the known default branch."""
        if self.kind is Kind.COMMIT:
            return False
        if self.kind is not Kind.BRANCH:
            return ref.startswith(_TAGS)
        name = self.value or default
        return not name or ref == f"{_HEADS}{name}"

    def patterns(self) -> tuple[str, ...]:
        """Return what to ask the remote for."""
        if self.kind is Kind.BRANCH:
            return (f"{_HEADS}{self.value}",) if self.value else ("HEAD",)
        if self.kind is Kind.SEMVER:
            return (f"{_TAGS}*",)
        return f"{_TAGS}{self.value}", f"{_TAGS}{self.value}{_PEELED}"


DEFAULT_BRANCH = Reference()


def is_commit(text: str) -> bool:
    """Say whether a text is the whole id of a commit."""
    return bool(_COMMIT.fullmatch(text))


def make_reference(*, branch: str = "", tag: str = "", semver: str = "", commit: str = "") -> Reference:
    """Return the one reference that was given. Raises UsageError where there are several, or a bad one."""
    given = {Kind.TAG: tag, Kind.SEMVER: semver, Kind.COMMIT: commit, Kind.BRANCH: branch}
    named = [kind for kind, value in given.items() if value]
    if len(named) > 1:
        raise UsageError(f"a source follows one of branch, tag, semver or commit, not {' and '.join(named)}")
    return Reference(named[0], given[named[0]]) if named else DEFAULT_BRANCH


@dataclass(frozen=True, slots=True)
class Tip:
    """What a reference names now: a branch's or tag's name, its ref, and the commit it is at."""

    name: str
    ref: str
    commit: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The refs that a remote showed: commits by ref (annotated tags followed), and its default branch."""

    commits: Mapping[str, str] = field(default_factory=dict)
    default: str = ""


def parse_listing(output: bytes) -> Listing:
    """Return what `git ls-remote --symref` printed."""
    commits: dict[str, str] = {}
    peeled: dict[str, str] = {}
    default = ""
    for line in output.decode(errors="replace").splitlines():
        value, _, ref = line.partition("\t")
        if value.startswith(f"ref: {_HEADS}") and ref == "HEAD":
            default = value.removeprefix(f"ref: {_HEADS}")
        elif _COMMIT.fullmatch(value):
            (peeled if ref.endswith(_PEELED) else commits)[ref.removesuffix(_PEELED)] = value
    return Listing({**commits, **peeled}, default)


def choose(reference: Reference, listing: Listing) -> Tip | None:
    """Return what a reference names, None where the remote has no such thing."""
    if reference.kind is Kind.COMMIT:
        return Tip(reference.value[:7], reference.value, reference.value)
    if reference.kind is Kind.BRANCH:
        name = reference.value or listing.default
        found = listing.commits.get(f"{_HEADS}{name}" if reference.value else "HEAD", "")
        return Tip(name, f"{_HEADS}{name}", found) if found and name else None
    tags = {ref.removeprefix(_TAGS): oid for ref, oid in listing.commits.items() if ref.startswith(_TAGS)}
    name = _newest(reference, tags)
    return Tip(name, f"{_TAGS}{name}", tags[name]) if name else None


def is_older(reference: Reference, tag: str, other: str) -> bool:
    """Say whether of two tags the other one would be taken."""
    return _newest(reference, {tag: "", other: ""}) == other


def _newest(reference: Reference, tags: Mapping[str, str]) -> str:
    if reference.kind is Kind.TAG:
        return max((tag for tag in tags if fnmatchcase(tag, reference.value)), key=_natural, default="")
    wanted = parse_range(reference.value)
    versions: dict[str, Version] = {tag: version for tag in tags if (version := parse_version(tag))}
    # Of v1.2.0 and 1.2.0, which are one version, always the same is taken.
    taken = (tag for tag, version in versions.items() if wanted.holds(version))
    return max(taken, key=lambda tag: (versions[tag], tag), default="")


def _natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Order text as people do: release-9 before release-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)
