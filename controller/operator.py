"""What operators ask for: suspend, resume, restart, refresh, recover; recorded with who, why and when."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from controller.agenda import sleep_or
from controller.apply import Applier
from controller.clock import Clock
from controller.database import Database
from controller.database.audit import add_audit
from controller.database.inventory import save_entries
from controller.database.suspensions import drop_suspension, save_suspension
from controller.fleet import Fleet
from controller.records import RECOVER, AuditEntry, Suspension
from controller.recovery import ended_suspensions, recovered_entries, recovered_suspensions
from controller.refreshing import Refresher
from controller.schedulers.protocol import Phase
from controller.scopes import scope_options, scope_words
from controller.telling import Telling
from schemas.errors import Conflict, NotFound, StoppedLonger, UsageError
from schemas.risk import is_rule

_LOG = logging.getLogger(__name__)
_RETRY = 5.0
_AT_ONCE = 8
"""Jobs that the scheduler is asked to compare at once."""


class Operator:
    """Carries out operators' requests. Every method raises NotFound for a bot that there is not."""

    def __init__(
        self,
        fleet: Fleet,
        database: Database,
        applier: Applier,
        refresher: Refresher,
        telling: Telling,
        clock: Clock,
        scheduler: str,
        sync: Callable[[str], None],
    ) -> None:
        self._fleet = fleet
        self._database = database
        self._applier = applier
        self._refresher = refresher
        self._telling = telling
        self._clock = clock
        self._scheduler = scheduler
        self._sync = sync
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()
        """One suspension begins or ends at a time: what a rule may do depends on what is there."""

    async def run(self) -> None:
        """End suspensions at their time, for ever."""
        while True:
            self._changed.clear()
            ending = [one for one in self._fleet.suspensions.values() if one.until is not None]
            if not ending:
                await self._changed.wait()
                continue
            first = min(ending, key=lambda one: one.until or 0.0)
            left = (first.until or 0.0) - self._clock.time()
            if left > 0:
                await sleep_or(self._clock, left, self._changed)
            else:
                await self._expire(first)

    async def _expire(self, over: Suspension) -> None:
        try:
            async with self._turn:
                if self._fleet.suspensions.get(over.bot) is over:  # else a longer one took its place
                    await self._resume(over.bot, "herdsman", "the suspension's time is over", "")
        except Exception as error:  # noqa: BLE001 - it is tried again soon
            _LOG.error("bot %s: its suspension could not be ended: %s", over.bot, error)
            await self._clock.sleep(_RETRY)

    async def suspend(self, name: str, by: str, reason: str, until: float | None, token: str) -> None:
        """Stop a bot until it is resumed, or until a Unix time.

        Raises StoppedLonger where a rule asks for no more than there is: only people may shorten one.
        """
        async with self._turn:
            await self._suspend(name, by, reason, until, token)

    async def _suspend(self, name: str, by: str, reason: str, until: float | None, token: str) -> None:
        self._must_know(name)
        self._must_act()
        now = self._clock.time()
        if until is not None and until <= now:
            raise UsageError("a suspension must end in the future")
        known = self._fleet.suspensions.get(name)
        if known is not None and not token and is_rule(by) and _as_long(known, until):
            raise StoppedLonger(f"it is stopped already, by {known.by}")
        one = Suspension(name, by, reason, now, until)
        entry = AuditEntry(now, by, "suspend", name, reason, token, {"until": until})

        def write(connection: Connection) -> None:
            save_suspension(connection, one)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.suspensions[name] = one
        self._look_at(name)

    async def resume(self, name: str, by: str, reason: str = "", token: str = "") -> None:
        """End a suspension; the bot becomes what git asks for."""
        async with self._turn:
            await self._resume(name, by, reason, token)

    async def _resume(self, name: str, by: str, reason: str, token: str) -> None:
        self._must_know(name)
        if name not in self._fleet.suspensions:
            others = self._fleet.suspended(name)
            wider = f" by itself: it is {how_suspended(name, others[0])}" if others else ""
            raise UsageError(f"{name} is not suspended{wider}")
        entry = AuditEntry(self._clock.time(), by, "resume", name, reason, token)

        def write(connection: Connection) -> None:
            drop_suspension(connection, name)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.suspensions.pop(name, None)
        self._look_at(name)

    async def restart(self, name: str, by: str, reason: str, token: str = "") -> None:
        """End a bot's process as at a stop, and start it again with the same spec."""
        self._must_know(name)
        if suspended := self._fleet.suspended(name):
            raise UsageError(f"{name} is {how_suspended(name, suspended[0])}")
        if name not in self._fleet.observed:
            raise UsageError(
                f"{name} does not run, so it cannot be restarted; look at `herdsman status {name}`"
            )
        if self._applier.busy(name):
            raise Conflict(f"{name} is being changed right now; restart it once that is done")
        entry = AuditEntry(self._clock.time(), by, "restart", name, reason, token)
        await self._database.run(lambda connection: add_audit(connection, entry))
        await self._applier.restart(name, f"restarted by {by}: {reason}")

    async def outdated(self, names: Sequence[str]) -> list[str]:
        """Return those of the bots whose jobs would be rendered otherwise now, in their order."""
        for name in names:
            self._must_know(name)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def look(name: str) -> bool:
            async with slots:
                return not self._fleet.suspended(name) and await self._refresher.outdated(name)

        found = await asyncio.gather(*(look(name) for name in names))
        return [name for name, outdated in zip(names, found, strict=True) if outdated]

    async def refresh(self, name: str, by: str, reason: str = "", token: str = "") -> bool:
        """Apply a bot's job as it is rendered now; say whether that changed it, and so restarts the bot."""
        self._must_know(name)
        self._must_act()
        entry, seen = self._fleet.inventory.get(name), self._fleet.observed.get(name)
        if entry is None or entry.spec is None or seen is None or entry.halted or seen.phase is Phase.STOPPED:
            raise UsageError(f"{name} does not run: the newest rendering applies once it is started")
        if self._applier.busy(name) or self._fleet.difference(name).wants:
            raise Conflict(f"{name} is being changed right now, by which it gets the newest rendering")
        audit = AuditEntry(self._clock.time(), by, "refresh", name, reason, token)
        await self._database.run(lambda connection: add_audit(connection, audit))
        return await self._refresher.refresh(entry, entry.spec)

    async def recover(self, by: str, reason: str = "", token: str = "") -> list[str]:
        """Take over the jobs that this database does not know; return their bots."""
        fleet, now = self._fleet, self._clock.time()
        if not fleet.recovery:
            raise UsageError("there is nothing to recover: the database knows of every job of this fleet")
        entries = recovered_entries(fleet.id, fleet.observed, fleet.inventory, fleet.wanted, self._scheduler)
        suspended = recovered_suspensions(fleet.id, fleet.observed, fleet.suspensions, now)
        over = ended_suspensions(fleet.id, fleet.observed, fleet.inventory, fleet.suspensions)
        names = [entry.bot for entry in entries]
        audit = AuditEntry(now, by, RECOVER, "fleet", reason, token, {"bots": names})

        def write(connection: Connection) -> None:
            save_entries(connection, entries)
            for one in suspended:
                save_suspension(connection, one)
            for name in over:
                drop_suspension(connection, name)
            add_audit(connection, audit)

        await self._database.run(write)
        fleet.inventory.update({entry.bot: entry for entry in entries})
        fleet.suspensions.update({one.bot: one for one in suspended})
        for name in over:
            del fleet.suspensions[name]
        fleet.revisions.update(seen.revision for seen in fleet.observed.values())
        fleet.recovery, fleet.restored = "", None
        self._telling.touch_all(fleet.names())
        self._changed.set()
        self._sync(by)
        return names

    def _look_at(self, name: str) -> None:
        self._changed.set()
        self._telling.touch(name)
        self._applier.attend(name)

    def _must_know(self, name: str) -> None:
        if name in self._fleet.suspensions:
            return
        if name not in self._fleet.names():
            raise NotFound(f"there is no bot {name} in this fleet")

    def _must_act(self) -> None:
        if self._fleet.recovery:
            raise UsageError(self._fleet.recovery)


def _as_long(known: Suspension, until: float | None) -> bool:
    """Say whether a suspension lasts as long as one until then would, or longer."""
    return known.until is None or (until is not None and known.until >= until)


def how_suspended(name: str, suspension: Suspension) -> str:
    """Return what keeps a bot from running, and which command ends it."""
    if not suspension.scope:
        return f"suspended: `herdsman resume {name}` starts it"
    words, options = scope_words(suspension.scope), scope_options(suspension.scope)
    if suspension.kill:
        return f"under the kill switch ({words}): `herdsman release {options}` turns it off"
    return f"suspended ({words}): `herdsman resume {options}` ends that"
