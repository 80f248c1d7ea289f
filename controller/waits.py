"""When a bot's next step may be taken: after its backoff, after others are dead, without a fight."""

import asyncio
import random
from dataclasses import dataclass, field

from controller.backoff import delay, drift_delay
from controller.clock import Clock
from controller.compare import Difference, Kind
from controller.fleet import Fleet
from controller.schedulers.protocol import Phase
from controller.settings import Settings
from controller.starts import Starts, start_key
from schemas.errors import HerdsmanError, RuntimeMissing


@dataclass(slots=True)
class Effort:
    """One bot's task: what wakes it, what it is after, and how that has gone so far (monotonic times)."""

    woken: asyncio.Event = field(default_factory=asyncio.Event)
    goal: tuple[str, str] = ("", "")
    failures: int = 0
    retry_at: float = 0.0
    conflicts: int = 0
    waits_since: float | None = None
    ending_since: float | None = None
    starts_at: float | None = None
    """Its turn among the starts of its account, None before it has one."""

    def aim(self, goal: tuple[str, str]) -> None:
        """Take up a goal: another one begins with a clean slate."""
        if goal != self.goal:
            self.goal, self.failures, self.retry_at, self.conflicts = goal, 0, 0.0, 0
            self.waits_since = self.ending_since = self.starts_at = None


class Waits:
    """Decides how long each bot waits. `for_others` are the new bots that wait for others to be dead."""

    def __init__(self, fleet: Fleet, clock: Clock, settings: Settings) -> None:
        self._fleet = fleet
        self._clock = clock
        self._settings = settings
        self._starts = Starts()
        self._corrections: dict[str, list[float]] = {}
        self.for_others: set[str] = set()

    def before(self, name: str, difference: Difference, effort: Effort) -> float | None:
        """Return how many seconds to wait (unless woken) before looking again, None to act now."""
        now = self._clock.monotonic()
        effort.aim((difference.kind.value, difference.spec.digest if difference.spec else ""))
        if effort.retry_at > now:
            return effort.retry_at - now
        if difference.blocked:
            return self._settings.stop_poll
        if difference.kind in (Kind.CREATE, Kind.REMOVE, Kind.STOP) and not self._fleet.suspended(name):
            wait = self._others(name, effort, now)
            if wait is not None:
                return wait
        if difference.kind is Kind.DRIFTED and (wait := self._correction(name, now)) is not None:
            return wait
        return self._start(difference, effort, now)

    def after(self, error: HerdsmanError, effort: Effort) -> float:
        """Count a step that failed; return how many seconds its bot waits before the next."""
        effort.failures += 1
        settings = self._settings
        first = settings.backoff_first if error.transient else settings.backoff_refused
        # To look for an interpreter or a compiler costs next to nothing: once it is there, the bot starts.
        missing = isinstance(error, RuntimeMissing)
        first, cap = (settings.runtime_poll,) * 2 if missing else (first, settings.backoff_cap)
        spread = random.random()  # noqa: S311
        wait = delay(effort.failures, first, cap, settings.backoff_jitter, spread)
        effort.retry_at = self._clock.monotonic() + wait
        return wait

    def note_correction(self, name: str) -> None:
        """Remember that a bot's drift was corrected."""
        self._corrections.setdefault(name, []).append(self._clock.monotonic())

    def forget(self, name: str) -> None:
        """Forget a bot that is gone."""
        self._corrections.pop(name, None)

    def _start(self, difference: Difference, effort: Effort, now: float) -> float | None:
        """Wait for the bot's turn among the starts of its account and exchange."""
        spec, desired = difference.spec, self._fleet.desired
        part = desired.of_source(spec.source) if spec is not None and desired is not None else None
        if spec is None or part is None:
            return None
        rate = part.settings.rollout.starts_per_second
        key = start_key(spec) if rate else None
        if key is None:
            return None
        if effort.starts_at is None:
            effort.starts_at = self._starts.reserve(key, rate, now)
        return effort.starts_at - now if effort.starts_at > now else None

    def _others(self, name: str, effort: Effort, now: float) -> float | None:
        """Wait for the bots that must be dead first: patiently, and for a renamed one without end."""
        alive = [other for other in self._fleet.after.get(name, ()) if self._may_live(other)]
        self.for_others.discard(name)
        if not alive:
            return None
        self.for_others.add(name)
        if self._fleet.renamed.get(name) in alive:
            return self._settings.stop_poll
        effort.waits_since = now if effort.waits_since is None else effort.waits_since
        left = effort.waits_since + self._settings.removal_patience - now
        if left <= 0 or not any(self._is_ending(other) for other in alive):
            return None
        return left

    def _may_live(self, name: str) -> bool:
        seen = self._fleet.observed.get(name)
        return seen is not None and seen.phase is not Phase.STOPPED

    def _is_ending(self, name: str) -> bool:
        """Say whether a bot's end may still be hoped for: not where its node is lost or its stop fails."""
        seen = self._fleet.observed.get(name)
        operation = self._fleet.operations.get(name)
        failed = operation is not None and operation.failed is not None
        return seen is not None and seen.phase is not Phase.LOST and not failed

    def _correction(self, name: str, now: float) -> float | None:
        """Correct drift at once the first time, later and later where somebody insists."""
        settings = self._settings
        recent = [at for at in self._corrections.get(name, ()) if at > now - settings.drift_window]
        if not recent:
            self._corrections.pop(name, None)
            return None
        self._corrections[name] = recent
        due = recent[-1] + drift_delay(len(recent), settings.backoff_first, settings.backoff_cap)
        return due - now if due > now else None
