"""Statuses as series at `/metrics`: the same words as in the API, one sample a bot and one for each word."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from controller.conditions import TYPES, answers
from controller.drifts import Drifts
from controller.status import BotStatus, DriftKind, Health, OperationState, Reason, Sync
from telemetry.names import Health as Figures
from telemetry.prometheus import Registry, Rows

Statuses = Callable[[], Sequence[BotStatus]]
_Info = tuple[tuple[str, str], ...]
_ANSWERS = ("True", "False", "Unknown")
_INFO = ("bot", "program", "mode", "environment", "sync", "health", "operation", "reason")
_INFO_LABELS = (*_INFO, *(one.lower() for one in TYPES))


def count_statuses(figures: Figures, statuses: Statuses) -> None:
    """Have `/metrics` tell of every bot's status."""
    known = _Known(figures.registry, statuses)

    def by(label: str, words: Iterable[str], read: Callable[[BotStatus], str]) -> Callable[[], Rows]:
        return lambda: _counted(label, words, map(read, known.statuses()))

    figures.reads_rows("herdsman_bots_by_sync", by("sync", Sync, lambda one: one.sync))
    figures.reads_rows("herdsman_bots_by_health", by("health", Health, lambda one: one.health))
    figures.reads_rows(
        "herdsman_bots_by_operation", by("operation", OperationState, lambda one: one.operation)
    )
    figures.reads_rows("herdsman_bots_by_reason", by("reason", Reason, lambda one: one.reason))
    figures.reads_rows("herdsman_bots_by_condition", lambda: _by_condition(known.infos()))
    figures.reads_rows("herdsman_bot_info", lambda: dict.fromkeys(known.infos(), 1.0))
    figures.reads_rows("herdsman_bot_drifted_since_seconds", lambda: _drifted(known.statuses()))
    figures.reads(
        "herdsman_bots_behind",
        lambda: float(sum(one.observed_generation < one.generation for one in known.statuses())),
    )


def count_drifts(figures: Figures, drifts: Drifts) -> None:
    """Have `/metrics` count what is done to bots behind our back."""
    figures.reads_rows("herdsman_drifts_total", lambda: _by_kind(drifts.found))
    figures.reads_rows("herdsman_drifts_corrected_total", lambda: _by_kind(drifts.corrected))


class _Known:
    """The statuses, read once for a scrape; what is told of each is worked out again once that has changed.

    A fleet of thousands would else hold the loop, and all that waits for it, at each scrape.
    """

    def __init__(self, registry: Registry, statuses: Statuses) -> None:
        self._registry = registry
        self._read = statuses
        self._scrape: object | None = None
        self._statuses: Sequence[BotStatus] = ()
        self._infos: dict[str, tuple[BotStatus, _Info]] = {}

    def statuses(self) -> Sequence[BotStatus]:
        """Return every bot's status, as it was when this scrape began."""
        scrape = self._registry.rendering
        if scrape is None or scrape is not self._scrape:
            self._scrape, self._statuses = scrape, self._read()
        return self._statuses

    def infos(self) -> list[_Info]:
        """Return the labels of `herdsman_bot_info` of every bot."""
        before, self._infos = self._infos, {}
        for one in self.statuses():
            known = before.get(one.name)
            self._infos[one.name] = known if known and known[0] is one else (one, _info(one))
        return [info for _, info in self._infos.values()]


def _counted(label: str, words: Iterable[str], found: Iterable[str]) -> Rows:
    """Return how many there are of each word, 0 of those that nobody has: an alert needs the sample."""
    counts = Counter(found)
    return {((label, str(word)),): float(counts[word]) for word in words}


def _by_condition(infos: Iterable[_Info]) -> Rows:
    found = Counter(info[-len(TYPES) :] for info in infos)
    return {
        (("condition", question), ("status", answer)): float(
            sum(number for said, number in found.items() if said[place][1] == answer)
        )
        for place, question in enumerate(TYPES)
        for answer in _ANSWERS
    }


def _info(status: BotStatus) -> _Info:
    axes = (status.sync.value, status.health.value, status.operation.value, status.reason.value)
    values = (status.name, status.program, status.mode, status.environment, *axes, *answers(status))
    return tuple(zip(_INFO_LABELS, values, strict=True))


def _drifted(statuses: Sequence[BotStatus]) -> Rows:
    return {
        (("bot", one.name), ("kind", one.drift.kind.value)): one.drift.since
        for one in statuses
        if one.drift is not None and one.drift.open
    }


def _by_kind(counts: Mapping[DriftKind, int]) -> Rows:
    return {(("kind", kind.value),): float(counts.get(kind, 0)) for kind in DriftKind}
