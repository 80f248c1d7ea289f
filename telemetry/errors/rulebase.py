"""The rule base: which errors are known, what causes them and what to do; its data lies in `rules/`.

Files are read in the order of their names, and of several rules that fit the earliest is the explanation:
special rules come before general ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import re2
import yaml

from telemetry.errors.trace import Thrown, Trace

_FOLDER = Path(__file__).with_name("rules")
_SUBJECT = 4000
"""Characters of a message that patterns are tried on."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Patterns that must all be found, None for one that is free; `type` must match a type's name whole."""

    type: Any = None
    message: Any = None
    frame: Any = None
    code: Any = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One known error: any of `when` makes it fit; `sample` is what a bot prints then."""

    id: str
    title: str
    cause: str
    fix: str
    when: tuple[Condition, ...]
    sample: str


@dataclass(frozen=True, slots=True)
class Fit:
    """A rule that fits, and the exception that it fits."""

    rule: Rule
    thrown: Thrown

    @property
    def cause(self) -> str:
        """Its cause, with what the error itself says put in."""
        return self.rule.cause.replace(
            "{message}", self.thrown.message.split("\n", 1)[0][:80] or "it asked for"
        )


@cache
def rules() -> tuple[Rule, ...]:
    """Return every rule, special ones first."""
    return tuple(_rule(entry) for file in sorted(_FOLDER.glob("*.yaml")) for entry in _entries(file))


def fitting(trace: Trace | None, type_: str, text: str) -> list[Fit]:
    """Return the rules that fit an error, the best first; without a trace by its type and its line."""
    language = trace.language if trace else ""
    subjects = trace.everything if trace else (Thrown(type_, text),)
    found = []
    for rule in rules():
        fit = next((one for one in subjects if _fits(rule, one, language)), None)
        if fit is not None:
            found.append(Fit(rule, fit))
    return found


def _entries(file: Path) -> Sequence[Mapping[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries = yaml.load(file.read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader, in C where it is
    assert isinstance(entries, list)
    return entries


def _rule(entry: Mapping[str, Any]) -> Rule:
    return Rule(
        id=str(entry["id"]),
        title=str(entry["title"]),
        cause=str(entry["cause"]),
        fix=str(entry["fix"]),
        when=tuple(_condition(one) for one in entry["when"]),
        sample=str(entry["sample"]),
    )


def _condition(entry: Mapping[str, Any]) -> Condition:
    def pattern(name: str) -> Any:
        text = entry.get(name)
        return re2.compile(str(text)) if text is not None else None

    whole = re2.compile(f"(?:.*[.])?(?:{entry['type']})") if "type" in entry else None
    return Condition(
        whole, pattern("message"), pattern("frame"), pattern("code"), str(entry.get("language", ""))
    )


def _fits(rule: Rule, thrown: Thrown, language: str) -> bool:
    return any(_holds(condition, thrown, language) for condition in rule.when)


def _holds(condition: Condition, thrown: Thrown, language: str) -> bool:
    if condition.language and condition.language != language:
        return False
    if condition.type is not None and condition.type.fullmatch(thrown.type) is None:
        return False
    if condition.message is not None and condition.message.search(thrown.message[:_SUBJECT]) is None:
        return False
    if condition.frame is not None and not any(map(condition.frame.search, _frames(thrown))):
        return False
    return condition.code is None or any(condition.code.search(one.code) for one in thrown.frames[-1:])


def _frames(thrown: Thrown) -> Iterator[str]:
    return (f"{one.file} {one.function}" for one in thrown.frames)
