"""The controller as the web sees it where it is another process: read from the mirror and the database."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from controller.consent import NO_CONSENT, Consent
from controller.database import Database
from controller.database.attempts import load_attempts
from controller.database.audit import load_audit
from controller.database.inventory import find_entry
from controller.database.pending_reports import add_reports
from controller.database.revisions import find_past_bot, find_revision, load_revisions
from controller.database.runs import load_runs
from controller.listing import MOST, listed
from controller.passes import NO_WISHES, Pass
from controller.plan import Plan
from controller.records import (
    Attempt,
    AuditEntry,
    Change,
    InventoryEntry,
    KillProgress,
    PastBot,
    RevisionRecord,
    RunRecord,
    Suspension,
    Wishes,
)
from controller.remote.adoptions import Adopts, RemoteAdopting
from controller.remote.asking import Asking
from controller.remote.documents import Arguments, Delivered, Planned, decode, encode
from controller.remote.mirror import Mirror
from controller.remote.rollbacks import RemoteRollbacks, Rolling
from controller.remote.trouble import NoController
from controller.reports import Reported
from controller.schedulers.protocol import Placed
from controller.state.changing import StateChange
from controller.status import BotStatus
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import HerdsmanError, NotFound
from schemas.fleet import Watching
from schemas.log_rules import LogRule
from schemas.state import StateVersion

_SHOWN_WITHIN = 30.0
"""Seconds within which a leader, also a new one, has shown what is in force."""


class RemoteController:
    """What the routes call. Reading costs no other process anything; asking goes to the leader."""

    def __init__(self, mirror: Mirror, asking: Asking, database: Database, fleet: str) -> None:
        self._mirror = mirror
        self._asking = asking
        self._database = database
        self._fleet = fleet
        self.rollbacks: Rolling = RemoteRollbacks(mirror, asking, database)
        """What holds bots at other revisions than git's newest."""
        self.adopting: Adopts = RemoteAdopting(asking)
        """What has bots take the place of jobs that herdsman did not start."""
        self._following: set[asyncio.Task[None]] = set()
        self._held: tuple[tuple[Suspension, ...], frozenset[str]] = ((), frozenset())
        """The suspensions that were shown when held scopes were asked for last, and those."""

    @property
    def fleet_id(self) -> str:
        """Return the fleet's id."""
        return self._fleet

    @property
    def environments(self) -> tuple[str, ...]:
        """Return the environments that the leader runs the bots of; none where it runs all."""
        return self._mirror.fleet.environments

    @property
    def synced_at(self) -> float | None:
        """Return when the leader last saw the source, in Unix seconds."""
        return self._mirror.fleet.synced_at

    def statuses(self) -> list[BotStatus]:
        """Return every bot's status, sorted by name."""
        return [self._mirror.bots[name].status for name in sorted(self._mirror.bots)]

    def status(self, name: str) -> BotStatus:
        """Return one bot's status. Raises NotFound."""
        found = self._mirror.bots.get(name)
        if found is None:
            raise NotFound(f"there is no bot {name} in this fleet")
        return found.status

    def desired(self) -> DesiredState | None:
        """Return what every bot of the newest revision should be, None before the first."""
        record = self._mirror.revision()
        if record is None:
            return None
        specs = {name: one.spec for name, one in self._mirror.bots.items() if one.spec is not None}
        return DesiredState(Revision(record.revision.id), bots=specs)

    @property
    def log_rules(self) -> tuple[LogRule, ...] | None:
        """Return the log rules that the leader showed, None before it showed any."""
        return self._mirror.rules

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be, else what was applied last."""
        found = self._mirror.bots.get(name)
        return found.spec if found else None

    def watching(self) -> Watching | None:
        """Return what the fleet looks out for, as the leader says; None before one led."""
        return self._mirror.fleet.watching

    def suspended(self, name: str) -> tuple[Suspension, ...]:
        """Return everything that keeps a bot from running, kill switches first."""
        found = self._mirror.bots.get(name)
        return found.suspended if found else ()

    def kills(self) -> list[KillProgress]:
        """Return how far each kill switch that is on has come, as the leader says."""
        return list(self._mirror.fleet.kills)

    def suspensions(self) -> list[Suspension]:
        """Return everything that keeps bots from running, kill switches first."""
        return list(self._mirror.fleet.suspensions)

    def held_scopes(self) -> frozenset[str]:
        """Return the scopes of which every bot is suspended until somebody ends that."""
        shown, held = self._held
        if shown is not self._mirror.fleet.suspensions:  # asked often: for each account that is looked at
            shown = self._mirror.fleet.suspensions
            held = frozenset(one.scope for one in shown if one.holds)
            self._held = (shown, held)
        return held

    def behind(self) -> float | None:
        """Return how many seconds late suspensions are known here, None while nobody can be heard."""
        unheard = self._mirror.leader is None or self._mirror.problem
        return None if unheard else _SHOWN_WITHIN

    def problems(self) -> list[str]:
        """Return what keeps the fleet from being looked after, in words."""
        return self._mirror.problems()

    def scheduler_problem(self) -> str:
        """Return why the scheduler cannot be used now, as the leader says."""
        return self._mirror.fleet.scheduler_problem

    def revision(self) -> RevisionRecord | None:
        """Return the newest revision's record."""
        return self._mirror.revision()

    def request_pass(
        self, trigger: str, *, by: str = "", consent: Consent = NO_CONSENT, wishes: Wishes = NO_WISHES
    ) -> Pass:
        """Ask the leader for a pass; what becomes of it is told by the pass that is returned.

        Raises NoController where nobody leads: the answer of who asks without waiting must not be a promise.
        """
        if self._mirror.leader is None:
            raise NoController(
                "no controller leads, so nothing was begun: start `herdsman controller`, or wait until a "
                "stand-by has taken over, then ask again"
            )
        asked = Pass(trigger, by, consent=consent, asked_at=0.0, wishes=wishes)
        arguments = Arguments(trigger=trigger, consent=consent, wishes=wishes)
        self._in_background(self._follow(asked, arguments))
        return asked

    async def plan(self) -> Plan:
        """Return what a pass would do now. Raises NoController, SourceUnavailable."""
        return decode(await self._asking.ask("plan", Arguments()), Plan)

    async def restart(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Restart a bot's process. Raises what the leader raises, NoController."""
        await self._asking.ask("restart", Arguments(name), who=by, why=reason, token=token)

    async def suspend(
        self, name: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Keep a bot from running until it is resumed, or until a Unix time."""
        await self._asking.ask("suspend", Arguments(name, until), who=by, why=reason, token=token)

    async def resume(self, name: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End a bot's suspension."""
        await self._asking.ask("resume", Arguments(name), who=by, why=reason, token=token)

    async def suspend_scope(
        self, scope: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Keep every bot of a scope from running, also those to come."""
        arguments = Arguments(scope, until)
        await self._asking.ask("suspend_scope", arguments, who=by, why=reason, token=token)

    async def resume_scope(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End the suspension of exactly this scope."""
        await self._asking.ask("resume_scope", Arguments(scope), who=by, why=reason, token=token)

    async def kill(self, scope: str, by: str, reason: str, *, token: str = "") -> KillProgress:
        """Turn the kill switch of a scope on; return how far it has come. Raises NoController."""
        answer = await self._asking.ask("kill", Arguments(scope), who=by, why=reason, token=token)
        return decode(answer, KillProgress)

    async def release(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """Turn the kill switch of a scope off."""
        await self._asking.ask("release", Arguments(scope), who=by, why=reason, token=token)

    async def recover(self, by: str, reason: str = "", *, token: str = "") -> list[str]:
        """Take over jobs that the database does not know; return their bots."""
        answer = await self._asking.ask("recover", Arguments(), who=by, why=reason, token=token)
        return decode(answer, list[str])

    async def outdated(self, names: Sequence[str] = ()) -> list[str]:
        """Return the bots whose jobs would be rendered otherwise now. Raises what the leader raises."""
        return decode(await self._asking.ask("outdated", Arguments(names=tuple(names))), list[str])

    async def refresh(self, name: str, by: str, reason: str = "", *, token: str = "") -> bool:
        """Apply a bot's job as it is rendered now; say whether it changed."""
        answer = await self._asking.ask("refresh", Arguments(name), who=by, why=reason, token=token)
        return decode(answer, bool)

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is. Raises what the leader raises, NoController."""
        answer = await self._asking.ask("placed", Arguments(allocation), forget=True)
        return None if answer == encode(None) else decode(answer, Placed)

    async def change_state(
        self, name: str, change: StateChange, by: str, reason: str, *, token: str = ""
    ) -> StateVersion:
        """Change a bot's saved state while no copy of it runs. Raises what the leader raises."""
        arguments = Arguments(name, change=change)
        answer = await self._asking.ask("state", arguments, who=by, why=reason, token=token)
        return decode(answer, StateVersion)

    async def query(self, name: str, path: str, params: Mapping[str, Any]) -> str:
        """Return what a bot's query program answers, as JSON text; the answer is not kept."""
        arguments = Arguments(name, path=path, params=dict(params))
        return await self._asking.ask("query", arguments, forget=True)

    async def revisions(self, limit: int = 50, *, before: str = "", bot: str = "") -> list[RevisionRecord]:
        """Return revisions newest first; see `controller.controller.Controller.revisions`."""
        mark = (await self.find_revision(before)).revision.key if before else ""
        found = await self._database.run(
            lambda connection: load_revisions(connection, limit, before=mark, bot=bot, most=MOST)
        )
        current = self._mirror.revision()
        return [
            listed(current, bot) if current and current.revision.key == one.revision.key else one
            for one in found
        ]

    async def past(self, name: str) -> PastBot | None:
        """Return what is remembered of a bot that may be gone."""
        return await self._database.run(lambda connection: find_past_bot(connection, name))

    async def find_revision(self, revision: str) -> RevisionRecord:
        """Return one revision by its id or the first digits of it. Raises NotFound."""
        current = self._mirror.revision()
        if current is not None and revision and current.revision.key.startswith(revision):
            return current
        found = await self._database.run(lambda connection: find_revision(connection, revision))
        if found is None:
            raise NotFound(f"revision {revision} has never been seen here")
        return found

    async def runs(self, bot: str, limit: int = 50) -> list[RunRecord]:
        """Return a bot's newest runs, newest first."""
        return await self._database.run(lambda connection: load_runs(connection, bot, limit))

    async def inventory(self, name: str) -> InventoryEntry | None:
        """Return what the leader owns of a bot, and what was applied last."""
        return await self._database.run(lambda connection: find_entry(connection, name))

    async def attempts(self, bot: str) -> list[Attempt]:
        """Return a bot's last applies, newest first."""
        return await self._database.run(lambda connection: load_attempts(connection, bot))

    async def audit(self, limit: int = 100) -> list[AuditEntry]:
        """Return what was done by whom, newest first."""
        return await self._database.run(lambda connection: load_audit(connection, limit))

    async def record(self, reports: Sequence[Reported]) -> None:
        """Leave launchers' reports for the leader; return once they are in the database."""
        kept = [encode(Delivered(labels, report)) for labels, report in reports]
        await self._database.run(lambda connection: add_reports(connection, kept))

    async def close(self) -> None:
        """Follow no pass any longer."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    async def _follow(self, asked: Pass, arguments: Arguments) -> None:
        try:
            async for document in self._asking.follow("sync", arguments, who=asked.by):
                if asked.plan is None:
                    planned = decode(document, Planned)
                    asked.begin(planned.plan, planned.changes)
                else:
                    asked.update(decode(document, Change))
        except HerdsmanError as error:
            asked.fail(error)
        except asyncio.CancelledError:
            asked.fail(HerdsmanError("herdsman is stopping"))
            raise

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._following.add(task)
        task.add_done_callback(self._following.discard)
