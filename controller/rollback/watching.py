"""The flap guard: an update that does not get healthy is taken back, once, and not applied again."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from controller.clock import Clock
from controller.database import Database
from controller.database.audit import add_audit
from controller.database.deployments import note_healthy
from controller.database.rollbacks import end_trial, save_refusals
from controller.fleet import Fleet
from controller.process import ProcessState
from controller.records import AuditEntry
from controller.rollback.holding import refusal_text
from controller.rollback.records import Refusal, Trial
from controller.rollback.trial import AGAIN, Judged, Verdict, judge_trial, others_failing
from controller.status import BotStatus, Health
from schemas.bot import BotType
from schemas.reports import Outcome

_LOG = logging.getLogger(__name__)
_RETRY = 5.0


@dataclass(slots=True)
class _News:
    """What was seen and is not in the database yet."""

    proven: dict[str, str] = field(default_factory=dict)
    over: dict[str, Trial] = field(default_factory=dict)
    failed: dict[str, tuple[Trial, Refusal]] = field(default_factory=dict)


class FlapGuard:
    """`look` at a bot whenever something about it may have changed; `act` asks for a pass."""

    def __init__(
        self,
        fleet: Fleet,
        database: Database,
        clock: Clock,
        touch: Callable[[str], None],
        act: Callable[[], None],
    ) -> None:
        self._fleet = fleet
        self._database = database
        self._clock = clock
        self._touch = touch
        self._act = act
        self._news = _News()
        self._any = asyncio.Event()

    def look(self, name: str) -> float | None:
        """Take note of how a bot does; return in how many seconds to look again though nothing happens."""
        status = self._fleet.statuses.get(name)
        if status is not None and status.health is Health.HEALTHY:
            self._note_healthy(name)
        trial = self._fleet.trials.get(name)
        if trial is None or name in self._news.failed:
            return None
        judged = self._judge(trial, status)
        if judged.verdict is Verdict.FAILED:
            return self._failed(trial, judged.error)
        self._spare(name, "")
        if judged.verdict is not Verdict.OPEN:
            self._news.over[name] = trial
            self._any.set()
        return None if judged.look_at is None else max(0.0, judged.look_at - self._clock.time())

    async def run(self) -> None:
        """Carry out what was seen, for ever; what could not be kept is tried again."""
        while True:
            await self._any.wait()
            self._any.clear()
            news, self._news = self._news, _News()
            try:
                await self._carry_out(news)
            except Exception as error:  # noqa: BLE001 - nothing is lost: every bot is looked at again
                _LOG.error("what became of updates could not be kept: %s", error)
                await self._clock.sleep(_RETRY)
                for name in (*news.proven, *news.over, *news.failed):
                    self._touch(name)

    def _judge(self, trial: Trial, status: BotStatus | None) -> Judged:
        fleet, name = self._fleet, trial.bot
        spec = fleet.wanted.bots.get(name) if fleet.wanted else None
        if fleet.wanted is None:
            return Judged(Verdict.OPEN)
        process = fleet.processes.get(name, ProcessState())
        now = self._clock.time()
        return judge_trial(trial, spec, fleet.inventory.get(name), status, process, now, fleet.since)

    def _failed(self, trial: Trial, error: str) -> float | None:
        fleet, now = self._fleet, self._clock.time()
        entry = fleet.inventory.get(trial.bot)
        spared = others_failing(fleet, trial, (entry.applied_at if entry else None) or now)
        self._spare(trial.bot, spared)
        if spared:
            return AGAIN
        refusal = Refusal(
            trial.bot,
            trial.digest,
            trial.revision,
            error,
            now,
            trial.fallback,
            trial.fallback_revision,
        )
        self._news.failed[trial.bot] = trial, refusal
        self._any.set()
        return None

    def _spare(self, name: str, text: str) -> None:
        if text != self._fleet.spared.get(name, ""):
            self._fleet.spared.pop(name, None)
            if text:
                self._fleet.spared[name] = text
            self._touch(name)

    def _note_healthy(self, name: str) -> None:
        """Take note that what is applied got healthy (of a scheduled bot: that a run of it succeeded)."""
        fleet = self._fleet
        entry, seen = fleet.inventory.get(name), fleet.observed.get(name)
        if entry is None or entry.spec is None or seen is None or seen.spec != entry.digest:
            return
        if fleet.proven.get(name) == entry.digest or entry.intent:
            return
        if entry.spec.type is BotType.SCHEDULED:
            process = fleet.processes.get(name, ProcessState())
            if process.spec != entry.digest or process.last_outcome != Outcome.SUCCESS:
                return
        self._news.proven[name] = entry.digest
        self._any.set()

    async def _carry_out(self, news: _News) -> None:
        fleet, now = self._fleet, self._clock.time()
        renewed = [one for name, digest in news.proven.items() for one in self._renewed(name, digest)]
        failed = [refusal for _, refusal in news.failed.values()]
        ended = [*news.over.values(), *(trial for trial, _ in news.failed.values())]

        def write(connection: Connection) -> None:
            note_healthy(connection, news.proven.items(), now)
            save_refusals(connection, [*renewed, *failed])
            for trial in ended:
                end_trial(connection, trial)
            for one in failed:
                add_audit(connection, AuditEntry(now, "herdsman", "rollback", one.bot, refusal_text(one)))

        await self._database.run(write)
        fleet.proven.update(news.proven)
        for trial in ended:
            if fleet.trials.get(trial.bot) is trial:
                del fleet.trials[trial.bot]
        if renewed or failed:
            fleet.asked_overlays = fleet.asked_overlays.with_refusals([*renewed, *failed])
        if failed:
            _LOG.warning("%s", "; ".join(f"bot {one.bot}: {refusal_text(one)}" for one in failed))
            self._act()

    def _renewed(self, name: str, digest: str) -> list[Refusal]:
        """Return a bot's refusals with what just got healthy as what it goes back to."""
        fleet = self._fleet
        entry, wanted = fleet.inventory.get(name), fleet.wanted
        held = wanted is None or name in wanted.overlaid
        if held or entry is None or entry.spec is None or entry.digest != digest:
            return []
        revision = fleet.revision_of(name)
        return [
            replace(one, fallback=entry.spec, fallback_revision=revision)
            for one in fleet.asked_overlays.refusals.get(name, {}).values()
            if one.digest != digest
        ]
