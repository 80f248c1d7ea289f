"""One pass as those who asked for it see it: its plan, then each bot's change as it happens."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Literal

from controller.consent import NO_CONSENT, Consent
from controller.plan import Plan
from controller.records import Change, ChangeState, Wishes
from schemas.errors import HerdsmanError

Until = Literal["running", "healthy"]
_ENDED = {
    "running": frozenset(ChangeState) - {ChangeState.WAITING},
    "healthy": frozenset(ChangeState) - {ChangeState.WAITING, ChangeState.RUNNING},
}
_numbers = itertools.count(1)
NO_WISHES = Wishes()
CALM = frozenset({"poll", "timer", "watch", "webhook"})
"""Triggers that look only for what is new; every other one compares the whole fleet."""
AT_HAND = frozenset({"rollback", "guard"})
"""Triggers of passes that need nothing of the source, and so wait for no look at it."""


@dataclass(frozen=True, slots=True)
class PassReport:
    """How a pass went: `seconds` until its changes were under way, `error` "" where it went well."""

    id: str
    trigger: str
    by: str
    at: float
    """When it ended, in Unix seconds."""
    seconds: float
    bots: int
    """Bots whose change it began."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What the controller did last and does now; times in Unix seconds, None where there was none."""

    last: PassReport | None
    passing: bool
    """A pass is being carried out, or waits to be."""
    changing: int
    """Bots whose change is on its way."""
    synced_at: float | None
    next_look_at: float | None
    """When the source is looked at next, where nothing announces a push before."""
    observed_ago: float | None
    """Seconds since the scheduler was last observed whole."""


class Pass:
    """A pass that was asked for, and how far it has come.

    Iterating yields each `Change` as it moves, and ends when every changed bot is running, gone or
    failed; held bots are not waited for (`plan.held` says why). Any number may follow one pass, at any
    time; leaving early stops nothing.
    """

    def __init__(
        self,
        trigger: str,
        by: str,
        *,
        consent: Consent = NO_CONSENT,
        asked_at: float,
        wishes: Wishes = NO_WISHES,
    ) -> None:
        self.id = f"pass-{next(_numbers)}"
        self.trigger = trigger
        self.by = by
        self.consent = consent
        self.wishes = wishes
        self.asked_at = asked_at
        """Monotonic seconds."""
        self.at_hand = False
        """Everything that it needs is known: the source is not looked at."""
        self.plan: Plan | None = None
        self.error: HerdsmanError | None = None
        self._changes: dict[str, Change] = {}
        self._steps: list[Change] = []
        self._open: dict[Until, set[str]] = {"running": set(), "healthy": set()}
        self._moved = asyncio.Event()

    @property
    def changes(self) -> list[Change]:
        """Return each bot's change as it stands now, in the plan's order."""
        return list(self._changes.values())

    @property
    def ended(self) -> bool:
        """Say whether the pass failed, or every change has come to an end or is running."""
        return self.error is not None or (self.plan is not None and not self._open["running"])

    def awaits(self, bot: str) -> bool:
        """Say whether somebody who follows this pass may still wait for a bot."""
        return bot in self._open["healthy"]

    async def planned(self) -> Plan:
        """Return the plan as soon as there is one. Raises what kept it from being made."""
        while self.plan is None:
            self._check()
            await self._next()
        return self.plan

    def __aiter__(self) -> AsyncIterator[Change]:
        """Follow until every changed bot is running, gone or failed."""
        return self.follow("running")

    async def follow(self, until: Until) -> AsyncIterator[Change]:
        """Yield every step of every change until each is at least `until`, gone or failed."""
        await self.planned()
        told = 0
        while True:
            while told < len(self._steps):
                told += 1
                yield self._steps[told - 1]
            if not self._open[until]:
                return
            self._check()
            await self._next()

    async def wait(self, until: Until = "running") -> list[Change]:
        """Return all changes once each is at least `until`, gone or failed. Raises the pass's error."""
        await self.planned()
        while self._open[until]:
            self._check()
            await self._next()
        return self.changes

    def begin(self, plan: Plan, changes: Iterable[Change]) -> None:
        """Take the plan and the changes that will be made."""
        self.plan = plan
        for change in changes:
            self._take(change)
        self._wake()

    def update(self, change: Change) -> None:
        """Take one change's next step."""
        self._take(change)
        self._wake()

    def fail(self, error: HerdsmanError) -> None:
        """End the pass: it could not be planned, or its end can no longer be seen."""
        self.error = error
        self._wake()

    def _take(self, change: Change) -> None:
        self._changes[change.bot] = change
        self._steps.append(change)
        for until, names in self._open.items():
            (names.discard if change.state in _ENDED[until] else names.add)(change.bot)

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _next(self) -> None:
        await self._moved.wait()
