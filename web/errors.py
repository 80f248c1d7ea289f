"""The errors of bots as people ask for them: groups, one with its trail, explanations, resolving."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from controller.records import AuditEntry
from schemas.errors import NotFound, StoreUnavailable, UsageError
from telemetry.errors.desk import Told
from telemetry.errors.explanation import Explanation, explain
from telemetry.errors.groups import ErrorGroup, Sample
from telemetry.errors.model import LanguageModel
from telemetry.errors.occurrence import trace_of
from telemetry.errors.store import ErrorStore, GroupQuery
from telemetry.errors.trail import Trail, find_event, trail_of
from telemetry.records import Event
from telemetry.stores import EventStore, SeriesStore

Audit = Callable[[AuditEntry], Awaitable[None]]
_SHOWN_LINES = 10
"""Lines before an error that a language model is shown."""


@dataclass(frozen=True, slots=True)
class Found:
    """A group, the occurrence of it that is shown, and what came before that."""

    group: ErrorGroup
    sample: Sample
    trail: Trail
    bots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """What a group means: by the rules, and in a language model's words where it was asked."""

    group: ErrorGroup
    explanation: Explanation
    model: str = ""
    said: str = ""
    problem: str = ""


def _nobody(_groups: Sequence[ErrorGroup]) -> None:
    """Tell nobody."""


class ErrorBook:
    """Reads and changes error groups; `tell` hears of those that a person changed.

    `model` is None where the service was given none.
    """

    def __init__(
        self,
        store: ErrorStore,
        events: EventStore,
        series: SeriesStore,
        audit: Audit,
        clock: Callable[[], float],
        model: LanguageModel | None = None,
        tell: Told = _nobody,
    ) -> None:
        self._store = store
        self._events = events
        self._series = series
        self._audit = audit
        self._clock = clock
        self._model = model
        self._tell = tell

    @property
    def has_model(self) -> bool:
        """Whether a language model can be asked."""
        return self._model is not None

    async def groups(self, query: GroupQuery) -> list[ErrorGroup]:
        """Return the matching groups, those seen last first."""
        return await self._store.groups(query)

    async def newest_of(self, bot: str) -> ErrorGroup:
        """Return a bot's group that was seen last. Raises NotFound."""
        found = await self._store.groups(GroupQuery(self._clock(), bot, limit=1))
        if not found:
            raise NotFound(f"{bot} has had no error that is known")
        return found[0]

    async def find(self, identity: str, event: str = "") -> Found:
        """Return a group with what came before one of its occurrences (the newest without `event`)."""
        group = await self._store.group(identity)
        sample = _sample(group, event)
        trail = await trail_of(self._events, self._series, group.bot, sample)
        others = await self._store.groups(GroupQuery(self._clock(), program=group.program, limit=1000))
        bots = tuple(sorted(one.bot for one in others if one.fingerprint == group.fingerprint))
        return Found(group, sample, trail, tuple(one for one in bots if one != group.bot))

    async def resolve(self, identity: str, by: str, reason: str) -> ErrorGroup:
        """Mark a group as resolved, which the audit keeps. Raises NotFound."""
        group = await self._note("resolve", identity, by, reason)
        return self._told_of(await self._store.resolve(group.id, self._clock(), by, reason))

    async def reopen(self, identity: str, by: str, reason: str) -> ErrorGroup:
        """Take back that a group is resolved, which the audit keeps. Raises NotFound."""
        group = await self._note("reopen", identity, by, reason)
        return self._told_of(await self._store.reopen(group.id))

    def _told_of(self, group: ErrorGroup) -> ErrorGroup:
        self._tell([group])
        return group

    async def explain(self, identity: str, *, with_model: bool = False, by: str = "") -> Explained:
        """Return what a group means; the audit keeps `by` whom a model was asked, before it is.

        Raises NotFound, UsageError where there is no model to ask.
        """
        if with_model and self._model is None:
            raise UsageError("this service was given no language model: docs/errors.md says how")
        group = await self._store.group(identity)
        event = await self._newest_event(group)
        trace = trace_of(event) if event is not None else None
        explanation = explain(trace, group.type, event.message if event is not None else group.message)
        if not with_model or self._model is None:
            return Explained(group, explanation)
        await self._note("explain", identity, by, f"the language model {self._model.name} was asked")
        try:
            said = await self._model.explain(await self._told(group, event))
        except StoreUnavailable as error:
            return Explained(group, explanation, self._model.name, "", str(error))
        return Explained(group, explanation, self._model.name, said)

    async def _newest_event(self, group: ErrorGroup) -> Event | None:
        """Return the newest event that the store still has."""
        for sample in group.samples:
            event = await find_event(self._events, group.bot, sample)
            if event is not None:
                return event
        return None

    async def _told(self, group: ErrorGroup, event: Event | None) -> str:
        """Return what a language model is shown of an error, before it is redacted."""
        trail = await trail_of(self._events, self._series, group.bot, group.samples[0])
        before = [one.message[:300] for one in reversed(trail.lines[:_SHOWN_LINES])]
        text = event.message if event is not None else f"{group.type}: {group.message}"
        return "\n".join(
            [
                f"A trading bot ({group.language or 'language unknown'}); seen {group.count} times.",
                "Lines before it:",
                *before,
                "The error:",
                text[:8000],
            ]
        )

    async def _note(self, action: str, identity: str, by: str, reason: str) -> ErrorGroup:
        group = await self._store.group(identity)
        details = {"error": group.id, "type": group.type}
        await self._audit(AuditEntry(self._clock(), by, action, group.bot, reason, by, details))
        return group


def _sample(group: ErrorGroup, event: str) -> Sample:
    if not event:
        return group.samples[0]
    found = next((one for one in group.samples if one.event == event), None)
    if found is None:
        raise NotFound(f"the error {group.id} has no occurrence {event} among its last {len(group.samples)}")
    return found
