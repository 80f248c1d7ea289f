"""When rules are judged again though nothing comes: silence, a duration, an end. Pure."""

import heapq
import itertools

from schemas.conditions import Anomaly, Change, Errs, Happens, Leaf, leaves
from telemetry.alerts.states import LOOK_AGAIN, next_look
from telemetry.alerts.values import BUCKETS
from telemetry.alerts.watch import Watch

LEAST_EVERY = 5.0
"""Least seconds between two looks at how a value changed."""
_CALENDAR_EVERY = 60.0
"""Seconds between two looks at whether a market is open."""


class Agenda:
    """The moments at which rules are looked at, the earliest first; each watch knows those of its own."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str, int]] = []
        self._order = itertools.count()

    def plan(self, watch: Watch, place: int, now: float, *, judged: bool = False) -> None:
        """Put a rule in where time alone may change it; `judged`: by now that changed nothing."""
        rule, state = watch.rules[place], watch.states[place]
        first = next_look(state, rule, now)
        if judged and first is not None and first <= now:
            first = now + LOOK_AGAIN
        moments = [_look_at(leaf, watch, now) for leaf in leaves(rule.when)]
        known = [moment for moment in (first, *moments) if moment is not None]
        if rule.calendar:
            known.append(now + _CALENDAR_EVERY)
        if not known:
            watch.due[place] = None
            return
        at = max(min(known), now)
        planned = watch.due[place]
        if planned is not None and planned <= at:
            return
        watch.due[place] = at
        heapq.heappush(self._heap, (at, next(self._order), watch.profile.bot, place))

    def plan_anew(self, watch: Watch, now: float) -> None:
        """Plan every rule of a bot that is planned: the clock was set."""
        for place, due in enumerate(watch.due):
            watch.due[place] = None
            if due is not None:
                self.plan(watch, place, now)

    def take(self, now: float) -> tuple[float, str, int] | None:
        """Take out the earliest that is due: its moment, the bot and the rule's place; None if none is.

        It may have been planned for another moment since; the watch knows.
        """
        if not self.is_due(now):
            return None
        at, _, bot, place = heapq.heappop(self._heap)
        return at, bot, place

    def is_due(self, now: float) -> bool:
        """Say whether there is something to judge now."""
        return bool(self._heap) and self._heap[0][0] <= now

    def next_due(self) -> float | None:
        """Return when there is something to judge, None where nothing waits."""
        return self._heap[0][0] if self._heap else None


def _look_at(leaf: Leaf, watch: Watch, now: float) -> float | None:
    """Return when a condition may change though nothing comes; silence is judged as the bot is heard of."""
    if isinstance(leaf, Change | Anomaly):
        return now + max(leaf.over / BUCKETS, LEAST_EVERY)
    if isinstance(leaf, Happens):
        times = watch.happened[id(leaf)]
        return times[0] + leaf.within if len(times) == leaf.count and times[0] + leaf.within > now else None
    if isinstance(leaf, Errs):
        ends = [at + leaf.within for at, _, _ in watch.news.values()]
        return min((end for end in ends if end > now), default=None)
    return None
