"""Bots of one program, environment and mode, whose values are held against each other's. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from schemas.conditions import Subject
from telemetry.alerts.values import STALE
from telemetry.alerts.watch import BotProfile, Watch, slot_name

_USED_FOR = 15.0
"""Seconds for which the values of siblings are used again."""


class Siblings:
    """Who is whose sibling, of all bots that are watched; what their values are is used for some seconds."""

    def __init__(self, watches: Mapping[str, Watch]) -> None:
        self._watches = watches
        self._groups: dict[tuple[str, str, str], set[str]] = {}
        self._known: dict[tuple[str, str, str, str], tuple[float, list[float]]] = {}

    def join(self, profile: BotProfile) -> None:
        """Count a bot among its siblings."""
        self._groups.setdefault(_group(profile), set()).add(profile.bot)

    def leave(self, profile: BotProfile) -> None:
        """Count a bot among them no more."""
        members = self._groups.get(_group(profile))
        if members is not None:
            members.discard(profile.bot)

    def values(self, watch: Watch, of: Subject, now: float) -> Sequence[float]:
        """Return the newest values of the others of a bot's program; of each bot the largest."""
        group, name = _group(watch.profile), slot_name(of)
        key = (*group, name)
        known = self._known.get(key)
        if known is None or not known[0] <= now < known[0] + _USED_FOR:
            known = self._known[key] = (now, list(self._newest(group, name, of, now)))
        return known[1]

    def clear(self) -> None:
        """Read all values anew: the clock was set."""
        self._known.clear()

    def _newest(self, group: tuple[str, str, str], name: str, of: Subject, now: float) -> Iterable[float]:
        for bot in self._groups.get(group, ()):
            watch = self._watches.get(bot)
            slot = watch.slots.get(name) if watch is not None else None
            if slot is not None:
                values = [one.value for one in slot.matching(of.labels) if now - one.came <= STALE]
                if values:
                    yield max(values)


def _group(profile: BotProfile) -> tuple[str, str, str]:
    return profile.program, profile.environment, profile.mode
