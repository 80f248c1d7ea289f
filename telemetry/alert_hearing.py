"""What is told of bots, brought to the engine and the limits. A part of `alert_desk.py`."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from telemetry.alerts.engine import HEARD_WITHIN, Engine
from telemetry.alerts.figures import figures_of, labels_of
from telemetry.errors.groups import ErrorGroup
from telemetry.limits_desk import LimitsDesk
from telemetry.names import RESOURCES
from telemetry.records import Event, Sample
from telemetry.trading.views import AccountView

_AT_ONCE = 20
"""Bots whose figures are looked at before others have their turn."""
Figures = Callable[[str, str], Iterable[AccountView]]
"""Returns a bot's trading in a mode, by account and currency."""


class AlertHearing:
    """Takes in what bots do. `attempt` does something for one bot, so that a mistake harms no other."""

    def __init__(
        self,
        engine: Engine,
        limits: LimitsDesk,
        clock: Callable[[], float],
        attempt: Callable[[str, Callable[[], None]], None],
        figures: Figures,
    ) -> None:
        self._engine, self._limits, self._clock = engine, limits, clock
        self._attempt, self._figures = attempt, figures
        self._traded: set[str] = set()
        """The bots whose figures moved since they were looked at."""

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        """Take new samples of a bot. Raises nothing."""
        if bot in self._engine.watches:
            self._attempt(bot, lambda: self._take_samples(bot, samples))

    def _take_samples(self, bot: str, samples: Sequence[Sample]) -> None:
        now = self._clock()
        if samples and samples[0].name in RESOURCES and samples[0].value:
            self._engine.heard(bot, samples[0].time, now)
        self._engine.samples(bot, samples, now)

    def events(self, bot: str, events: Sequence[Event], news: Callable[[], None]) -> None:
        """Take new events of a bot; `news` hears of limits that are to be looked at. Raises nothing."""
        if bot in self._engine.watches:
            self._attempt(bot, lambda: self._engine.events(bot, events, self._clock()))
        if bot in self._limits.guard.bots:
            self._attempt(bot, lambda: news() if self._limits.events(bot, events) else None)

    def traded(self, bot: str) -> None:
        """Look soon at a bot's trading figures, where a rule is about them."""
        watch = self._engine.watches.get(bot)
        if watch is not None and watch.figures:
            self._traded.add(bot)

    def errors(self, groups: Sequence[ErrorGroup]) -> None:
        """Take error groups that changed. Raises nothing."""
        for group in groups:
            if group.bot in self._engine.watches and group.resolution is None:
                self._attempt(group.bot, lambda group=group: self._error(group))  # type: ignore[misc]

    def _error(self, group: ErrorGroup) -> None:
        now = self._clock()
        at, what = group.first_seen, "new"
        if group.regressed_at is not None:
            at, what = group.regressed_at, "regressed"
        text = f"{group.type}: {group.message}"[:300]
        self._engine.error(group.bot, group.id, at, what, text, now)

    def verdicts(self, bot: str, judged: Mapping[str, str]) -> None:
        """Take how herdsman judges a bot's life: words such as "hung", each with why. Raises nothing."""
        self._attempt(bot, lambda: self._take_verdicts(bot, judged))

    def _take_verdicts(self, bot: str, judged: Mapping[str, str]) -> None:
        now = self._clock()
        watch = self._engine.watches.get(bot)
        lives = watch is not None and watch.heard_at > now - HEARD_WITHIN
        idle = self._limits.guard.idle(bot, now, lives=lives)
        self._engine.verdicts(bot, {**judged, "unguarded": idle} if idle else judged, now)

    async def look_at_figures(self) -> None:
        """Judge by the figures that moved."""
        bots, self._traded = self._traded, set()
        for count, bot in enumerate(bots, 1):
            self._attempt(bot, lambda bot=bot: self._judge_figures(bot))  # type: ignore[misc]
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _judge_figures(self, bot: str) -> None:
        watch = self._engine.watches.get(bot)
        if watch is not None:
            views = self._figures(bot, watch.profile.mode)
            found = [(labels_of(view), figures_of(view)) for view in views]
            self._engine.figures(bot, found, self._clock())
