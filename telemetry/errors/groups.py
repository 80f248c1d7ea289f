"""Error groups: everything remembered of errors with one fingerprint in one bot. Pure.

A group is *new* on its first day as long as one revision alone had it, then *ongoing*; *resolved* once a
person says so; and *regressed* when it comes back at a revision that did not have it before it was resolved.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from telemetry.errors.occurrence import ErrorFacts, Occurrence

NEW_FOR = 86400.0
"""Seconds for which an error counts as new."""
MOST_SAMPLES = 10
MOST_REVISIONS = 20
OTHERS = "others"
"""The fingerprint of the errors of a bot that has too many different ones."""


class State(StrEnum):
    """What people want to know of a group first."""

    NEW = "new"
    ONGOING = "ongoing"
    REGRESSED = "regressed"
    RESOLVED = "resolved"


class RevisionSpan(Struct, frozen=True):
    """How often, and from when until when (Unix seconds), an error happened at one revision."""

    revision: str
    count: int
    first_seen: float
    last_seen: float
    version: str = ""


class Sample(Struct, frozen=True):
    """One of the last times: the event's id and its time, by which it is found in the event store."""

    event: str
    time: float
    revision: str = ""


class Resolution(Struct, frozen=True):
    """Somebody said that it is resolved: who, why, when, and at which of the bot's revisions."""

    at: float
    by: str
    reason: str = ""
    revision: str = ""


class ErrorGroup(Struct, frozen=True):
    """One group; `type` and `message` are those of its newest occurrence. Times are Unix seconds."""

    id: str
    bot: str
    program: str
    version: str
    mode: str
    fingerprint: str
    type: str
    message: str
    language: str
    file: str
    """Where in the program it went wrong; "" where that is not known."""
    line: int
    function: str
    count: int
    first_seen: float
    last_seen: float
    revisions: tuple[RevisionSpan, ...]
    """In the order in which they first had it; of very many the first, and the last ones."""
    samples: tuple[Sample, ...]
    """The last few, newest first."""
    resolution: Resolution | None = None
    regressed_at: float | None = None
    regressed_revision: str = ""
    since_resolved: int = 0
    """How often it was seen since it was resolved, at revisions that had it before."""

    @property
    def first_revision(self) -> str:
        """The revision that had it first."""
        return self.revisions[0].revision

    @property
    def last_revision(self) -> str:
        """The revision that had it last."""
        return max(self.revisions, key=lambda one: one.last_seen).revision


def group_id(bot: str, fingerprint: str) -> str:
    """Return the id of a bot's group."""
    return hashlib.sha256(f"{bot}\0{fingerprint}".encode()).hexdigest()[:12]


def state_of(group: ErrorGroup, now: float) -> State:
    """Return the state that a group has at a moment."""
    if group.resolution is not None:
        return State.RESOLVED
    if group.regressed_at is not None:
        return State.REGRESSED
    alone = len(group.revisions) == 1
    return State.NEW if alone and now - group.first_seen < NEW_FOR else State.ONGOING


def since_revision(group: ErrorGroup) -> str:
    """Return the revision since which a group is what it is."""
    if group.resolution is not None:
        return group.resolution.revision
    return group.regressed_revision or group.first_revision


def folded(group: ErrorGroup | None, occurrences: Sequence[Occurrence]) -> ErrorGroup:
    """Return a group with some occurrences of it more, each of which it did not have before."""
    for one in occurrences:
        group = _first(one) if group is None else _with(group, one)
    assert group is not None
    return group


def resolved(group: ErrorGroup, at: float, by: str, reason: str) -> ErrorGroup:
    """Return a group that somebody resolved."""
    resolution = Resolution(at, by, reason, group.last_revision)
    return replace(group, resolution=resolution, regressed_at=None, regressed_revision="", since_resolved=0)


def reopened(group: ErrorGroup) -> ErrorGroup:
    """Return a group of which somebody took back that it is resolved."""
    return replace(group, resolution=None, since_resolved=0)


def _first(one: Occurrence) -> ErrorGroup:
    facts = one.facts
    return ErrorGroup(
        group_id(one.bot, facts.fingerprint),
        one.bot,
        one.program,
        one.version,
        one.mode,
        facts.fingerprint,
        facts.type,
        facts.message,
        facts.language,
        *_place(facts),
        count=1,
        first_seen=one.time,
        last_seen=one.time,
        revisions=(RevisionSpan(one.revision, 1, one.time, one.time, one.version),),
        samples=(Sample(one.event, one.time, one.revision),),
    )


def _place(facts: ErrorFacts) -> tuple[str, int, str]:
    where = facts.where
    return (where.file, where.line, where.function) if where else ("", 0, "")


def _with(group: ErrorGroup, one: Occurrence) -> ErrorGroup:
    group = _came_back(group, one) if group.resolution is not None else group
    newest = one.time >= group.last_seen
    file, line, function = _place(one.facts) if newest else (group.file, group.line, group.function)
    return replace(
        group,
        program=one.program if newest else group.program,
        version=one.version if newest else group.version,
        mode=one.mode if newest else group.mode,
        type=one.facts.type if newest else group.type,
        message=one.facts.message if newest else group.message,
        file=file,
        line=line,
        function=function,
        count=group.count + 1,
        first_seen=min(group.first_seen, one.time),
        last_seen=max(group.last_seen, one.time),
        revisions=_spans(group.revisions, one),
        samples=_samples(group.samples, one),
    )


def _came_back(group: ErrorGroup, one: Occurrence) -> ErrorGroup:
    """Return a resolved group as it is once it was seen again."""
    assert group.resolution is not None
    if one.time <= group.resolution.at:
        return group
    if any(span.revision == one.revision for span in group.revisions):
        return replace(group, since_resolved=group.since_resolved + 1)
    return replace(
        group, resolution=None, regressed_at=one.time, regressed_revision=one.revision, since_resolved=0
    )


def _spans(spans: tuple[RevisionSpan, ...], one: Occurrence) -> tuple[RevisionSpan, ...]:
    for number, span in enumerate(spans):
        if span.revision == one.revision:
            longer = RevisionSpan(
                span.revision,
                span.count + 1,
                min(span.first_seen, one.time),
                max(span.last_seen, one.time),
                one.version,
            )
            return (*spans[:number], longer, *spans[number + 1 :])
    more = (*spans, RevisionSpan(one.revision, 1, one.time, one.time, one.version))
    return more if len(more) <= MOST_REVISIONS else (more[0], *more[2:])


def _samples(samples: tuple[Sample, ...], one: Occurrence) -> tuple[Sample, ...]:
    newest = sorted((*samples, Sample(one.event, one.time, one.revision)), key=lambda sample: -sample.time)
    return tuple(newest[:MOST_SAMPLES])
