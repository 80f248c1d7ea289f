"""Semantic versions and ranges of them, as tags are chosen by: pure.

A range is comparisons that must all hold (`>=1.2 <2`), or several such groups, of which one must hold
(`1.x || 2.x`). `^1.2.3` is below the next change that may break, `~1.2.3` below the next minor version, `1.x`
any version 1.
"""

import re
from dataclasses import dataclass
from functools import total_ordering

from schemas.errors import UsageError

_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_WORD = r"[0-9A-Za-z-]+"
_VERSION = re.compile(
    rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_WORD}(?:\.{_WORD})*))?(?:\+{_WORD}(?:\.{_WORD})*)?"
)
_PART = rf"(?:{_NUMBER}|[xX*])"
_TERM = re.compile(
    rf"(>=|<=|>|<|=|\^|~)?v?({_PART})(?:\.({_PART})(?:\.({_PART})(?:-({_WORD}(?:\.{_WORD})*))?)?)?"
)
_SPACED = re.compile(r"(>=|<=|>|<|=|\^|~)\s+")


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """One version, ordered as the standard says; `before` are a pre-release's words, () for a release."""

    major: int
    minor: int
    patch: int
    before: tuple[str, ...] = ()

    @property
    def core(self) -> tuple[int, int, int]:
        """Its three numbers."""
        return self.major, self.minor, self.patch

    def _order(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        # A release comes after its pre-releases, a word after a number.
        words = tuple(
            (not word.isdigit(), int(word) if word.isdigit() else 0, "" if word.isdigit() else word)
            for word in self.before
        )
        return self.core, not self.before, words

    def __lt__(self, other: "Version") -> bool:
        return self._order() < other._order()


def parse_version(text: str) -> Version | None:
    """Return the version that a tag names (`1.2.3`, `v1.2.3-rc.1`), None for any other tag."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, before = found.groups()
    return Version(int(major), int(minor), int(patch), tuple(before.split(".")) if before else ())


@dataclass(frozen=True, slots=True)
class _Group:
    """Comparisons that must all hold; `named` are the versions whose pre-releases the group speaks of."""

    bounds: tuple[tuple[str, Version], ...]
    named: frozenset[tuple[int, int, int]]

    def holds(self, version: Version) -> bool:
        if version.before and version.core not in self.named:
            return False
        return all(_COMPARE[sign](version, bound) for sign, bound in self.bounds)


_COMPARE = {
    ">=": lambda version, bound: version >= bound,
    ">": lambda version, bound: version > bound,
    "<=": lambda version, bound: version <= bound,
    "<": lambda version, bound: version < bound,
    "=": lambda version, bound: version == bound,
}


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Which versions are taken. Pre-releases only of versions whose pre-release the range itself names."""

    text: str
    groups: tuple[_Group, ...]

    def holds(self, version: Version) -> bool:
        """Say whether a version lies in the range."""
        return any(group.holds(version) for group in self.groups)


def parse_range(text: str) -> VersionRange:
    """Return a range. Raises UsageError for what is none."""
    groups = tuple(_group(part, text) for part in text.split("||"))
    return VersionRange(text.strip(), groups)


def _group(part: str, text: str) -> _Group:
    terms = _SPACED.sub(r"\1", part.replace(",", " ")).split()
    bounds: list[tuple[str, Version]] = []
    named = set()
    for term in terms:
        found = _TERM.fullmatch(term)
        if found is None:
            raise UsageError(
                f'"{term}" in the version range "{text}" is no comparison; write ranges such as ">=1.2 <2", '
                '"^1.4" or "1.x"'
            )
        sign, numbers, before = found[1] or "", _numbers(found), found[5]
        if before:
            named.add(_pad(numbers))
        bounds += _bounds(sign, numbers, tuple(before.split(".")) if before else ())
    if not terms:
        raise UsageError(
            f'the version range "{text}" is empty; write one such as ">=1.2 <2", "^1.4" or "1.x"'
        )
    return _Group(tuple(bounds), frozenset(named))


def _numbers(found: re.Match[str]) -> tuple[int, ...]:
    """Return the numbers of a term up to its first wildcard."""
    numbers: list[int] = []
    for part in found.group(2, 3, 4):
        if part is None or not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _pad(numbers: tuple[int, ...]) -> tuple[int, int, int]:
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


def _next(numbers: tuple[int, ...]) -> Version:
    """Return the first version beyond all that begin with these numbers."""
    # "-0" sorts before every pre-release, so that 2.0.0-rc.1 is not below 2.
    return Version(*_pad((*numbers[:-1], numbers[-1] + 1)), ("0",))


def _bounds(sign: str, numbers: tuple[int, ...], before: tuple[str, ...]) -> list[tuple[str, Version]]:
    if not numbers:
        return [] if sign in ("", "=", ">=", "<=", "^", "~") else [("<", Version(0, 0, 0, ("0",)))]
    least = Version(*_pad(numbers), before)
    whole = len(numbers) == 3
    if sign == "^":
        leading = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1)
        return [(">=", least), ("<", _next(numbers[: leading + 1]))]
    if sign == "~":
        return [(">=", least), ("<", _next(numbers[:2]))]
    if sign in ("", "="):
        return [("=", least)] if whole else [(">=", least), ("<", _next(numbers))]
    if whole or sign in (">=", "<"):
        return [(sign, least)]
    return [(">=", _next(numbers))] if sign == ">" else [("<", _next(numbers))]
