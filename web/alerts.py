"""Alerts between telemetry, which judges, and the controller: who bots are, who acts, where it is kept."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
from sqlalchemy import Connection

from controller.database import Database
from controller.database.alerts import (
    AlertRow,
    drop_mute,
    load_alerts,
    load_history,
    load_mutes,
    save_alerts,
    save_mute,
    trim_alerts,
)
from controller.database.audit import acted_since, add_audit
from controller.records import AuditEntry, KillProgress, Suspension
from controller.scopes import account_scope, bot_scope, scope_options
from controller.status import BotStatus, Health, Reason
from schemas.alert_rules import AlertRule, read_rules
from schemas.bot import BotSpec
from schemas.errors import NotFound, TooBusy, UsageError
from schemas.fleet import Watching
from schemas.risk import RiskLimits, read_risk
from telemetry.alert_desk import AlertDesk
from telemetry.alert_trials import BUSY, AlertTrials
from telemetry.alerts.ports import Kept, Muting, Setup, Stop, What
from telemetry.alerts.states import State
from telemetry.alerts.watch import BotProfile
from web.trial_choice import choose, in_force
from web.trial_documents import TrialAnswer, TrialRequest, trial_answer

_TRIM_EVERY = 3600.0
MOST_MUTES = 500
LONGEST_MUTE = 90 * 86400.0
_NOT_RUNNING = frozenset(
    {Reason.SUSPENDED, Reason.KILL_SWITCH, Reason.RISK_LIMIT, Reason.DISABLED, Reason.REMOVED}
)
_encode = msgspec.json.Encoder().encode
_kept = msgspec.json.Decoder(Kept)
_muting = msgspec.json.Decoder(Muting)


class Watched(Protocol):
    """The controller, as far as alerts need it."""

    def statuses(self) -> list[BotStatus]:
        """Return every bot's status."""
        ...

    def status(self, name: str) -> BotStatus:
        """Return one bot's status. Raises NotFound."""
        ...

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be."""
        ...

    def watching(self) -> Watching | None:
        """Return what the fleet looks out for, None while that is not known."""
        ...

    def suspended(self, name: str) -> tuple[Suspension, ...]:
        """Return everything that keeps a bot from running."""
        ...

    async def suspend(
        self, name: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Keep a bot from running."""
        ...

    async def kill(self, scope: str, by: str, reason: str, *, token: str = "") -> KillProgress:
        """Turn the kill switch of a scope on."""
        ...

    def suspensions(self) -> list[Suspension]:
        """Return everything that keeps bots from running."""
        ...

    def held_scopes(self) -> frozenset[str]:
        """Return the scopes of which every bot is suspended until somebody ends that."""
        ...

    def behind(self) -> float | None:
        """Return how many seconds late suspensions are known here, None while they are not known."""
        ...

    async def suspend_scope(
        self, scope: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Keep every bot of a scope from running, also those to come."""
        ...

    async def resume_scope(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End the suspension of exactly this scope. Raises UsageError where there is none."""
        ...


class Bots:
    """Who bots are and what the fleet looks out for; each is read again only where it is another.

    `watching` tells what the fleet looks out for, as far as that is known; else the controller does.
    """

    def __init__(self, controller: Watched, watching: Callable[[], Watching | None] | None = None) -> None:
        self._controller = controller
        self._look_out = watching or controller.watching
        self._setups: dict[str, tuple[BotSpec, bool, Setup]] = {}
        self._watching: Watching | None = None
        self._rules: tuple[AlertRule, ...] = ()
        self._accounts: Mapping[str, RiskLimits] = {}

    def names(self) -> list[str]:
        """Return the names of all bots."""
        return [status.name for status in self._controller.statuses()]

    def setup(self, bot: str) -> Setup | None:
        """Return who a bot is, None where there is none of this name."""
        try:
            status = self._controller.status(bot)
        except NotFound:
            self._setups.pop(bot, None)
            return None
        spec = self._controller.spec(bot)
        if spec is None:
            return None
        running = status.health is not Health.SUSPENDED and status.reason not in _NOT_RUNNING
        known = self._setups.get(bot)
        if known is not None and known[0] is spec and known[1] is running:
            return known[2]
        found = _setup(spec, running=running)
        if known is not None and known[2] == found:
            found = known[2]
        self._setups[bot] = (spec, running, found)
        return found

    def rules(self) -> Sequence[AlertRule] | None:
        """Return the fleet's rules, None while they are not known."""
        watching = self._look_out()
        if watching is None:
            return None
        if watching is not self._watching and (self._watching is None or watching != self._watching):
            self._watching, self._rules = watching, tuple(read_rules(watching.rules))
            self._accounts = {name: read_risk(limits) for name, limits in watching.accounts.items()}
        return self._rules

    def accounts(self) -> Mapping[str, RiskLimits]:
        """Return the limits of accounts."""
        return self._accounts


def _setup(spec: BotSpec, *, running: bool) -> Setup:
    profile = BotProfile(
        spec.name,
        spec.program.name,
        spec.account,
        spec.environment,
        spec.mode.value,
        dict(spec.labels),
        read_risk(spec.risk),
        running,
    )
    rules = spec.alerts.get("rules", {})
    return Setup(profile, tuple(read_rules(rules)) if isinstance(rules, dict) else (), spec.currency)


class ControllersHands:
    """Acts through the controller, in whichever process that is."""

    def __init__(self, controller: Watched, database: Database) -> None:
        self._controller = controller
        self._database = database

    def stops(self, bot: str) -> tuple[Stop, ...]:
        """Return everything that keeps a bot from running now."""
        own = bot_scope(bot)
        return tuple(
            Stop(one.by, one.until, one.kill, one.bot == bot or one.scope == own)
            for one in self._controller.suspended(bot)
        )

    async def acted_since(self, bot: str, by: str, at: float) -> bool:
        """Say whether a bot was stopped by somebody since a Unix time, whether or not it runs again."""
        subjects = (bot, bot_scope(bot))
        return await self._database.run(lambda connection: acted_since(connection, by, subjects, at - 1))

    async def suspend(self, bot: str, by: str, reason: str, until: float | None) -> None:
        """Stop a bot until an operator resumes it, or until a Unix time."""
        await self._controller.suspend(bot, by, reason, until)

    async def kill(self, bot: str, by: str, reason: str) -> None:
        """Turn a bot's kill switch on."""
        await self._controller.kill(bot_scope(bot), by, reason)

    def held_accounts(self, accounts: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those all bots of which are suspended by one rule until somebody ends it."""
        scopes = self._controller.held_scopes()
        return {one for one in accounts if account_scope(*one) in scopes}

    def behind(self) -> float | None:
        """Return how many seconds late what is in force is known here."""
        return self._controller.behind()

    async def hold(self, account: str, mode: str, by: str, reason: str) -> None:
        """Suspend all of them, also those to come, until an operator resumes exactly these."""
        scope = account_scope(account, mode)
        await self._controller.suspend_scope(scope, by, f"{reason}; `herdsman resume {scope_options(scope)}`")

    async def let_go(self, account: str, mode: str, by: str, reason: str) -> None:
        """End that, where it is by the same word."""
        scope = account_scope(account, mode)
        if any(
            one.scope == scope and one.by == by and not one.kill for one in self._controller.suspensions()
        ):
            with contextlib.suppress(UsageError):  # somebody did
                await self._controller.resume_scope(scope, by, reason)


class DatabaseAlerts:
    """The `AlertBook` in the database that all processes share."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._trim_at = 0.0

    async def load(self) -> tuple[list[Kept], list[Muting]]:
        """Return the alerts that are not ok, and the mutes."""

        def read(connection: Connection) -> tuple[list[AlertRow], list[str]]:
            return load_alerts(connection), load_mutes(connection)

        rows, mutes = await self._database.run(read)
        found = [_read(row.document) for row in rows if row.state != State.OK]
        mutings = [_read_muting(text) for text in mutes]
        return [one for one in found if one is not None], [one for one in mutings if one is not None]

    async def keep(self, moved: Sequence[Kept]) -> None:
        """Keep how alerts stand now, and in the history what happened to them."""
        rows = [
            AlertRow(one.bot, one.rule, one.state.state.value, one.at, _encode(one).decode()) for one in moved
        ]
        past = [row for row, one in zip(rows, moved, strict=True) if one.what is not What.NOTHING]
        now = self._clock()
        trims = now >= self._trim_at

        def write(connection: Connection) -> None:
            save_alerts(connection, rows, past)
            if trims:
                trim_alerts(connection, now)

        await self._database.run(write)
        if trims:
            self._trim_at = now + _TRIM_EVERY

    async def history(
        self, limit: int, *, bot: str = "", rule: str = "", before: int = 0, since: float = 0.0
    ) -> list[tuple[int, Kept]]:
        """Return what happened, newest first, each with its number."""
        rows = await self._database.run(
            lambda connection: load_history(connection, limit, bot=bot, rule=rule, before=before, since=since)
        )
        found = [(row.number, _read(row.document)) for row in rows]
        return [(number, one) for number, one in found if one is not None]

    async def add_mute(self, mute: Muting, entry: AuditEntry) -> None:
        """Keep a mute, and by whom in the audit."""

        def write(connection: Connection) -> None:
            save_mute(connection, mute.id, mute.until, _encode(mute).decode())
            add_audit(connection, entry)

        await self._database.run(write)

    async def end_mute(self, identity: str, entry: AuditEntry) -> None:
        """End a mute, and keep by whom in the audit."""

        def write(connection: Connection) -> None:
            drop_mute(connection, identity)
            add_audit(connection, entry)

        await self._database.run(write)

    async def audit(self, entry: AuditEntry) -> None:
        """Keep what somebody did."""
        await self._database.run(lambda connection: add_audit(connection, entry))


def _read(document: str) -> Kept | None:
    try:
        return _kept.decode(document)
    except msgspec.MsgspecError:
        return None  # of another herdsman: what it was is in its log


def _read_muting(document: str) -> Muting | None:
    try:
        return _muting.decode(document)
    except msgspec.MsgspecError:
        return None  # of another herdsman: nobody is kept from being told by what cannot be read


class Alerts:
    """What people ask about alerts, and what they note of them."""

    def __init__(
        self, desk: AlertDesk, book: DatabaseAlerts, clock: Callable[[], float], trials: AlertTrials
    ) -> None:
        self.desk = desk
        self._trials = trials
        self._trying = asyncio.Lock()
        self._book, self._clock = book, clock

    def standing(self, states: Collection[State], bot: str = "", rule: str = "") -> list[Kept]:
        """Return the rules that stand so now."""
        return self.desk.standing(states, bot, rule)

    async def try_rules(self, asked: TrialRequest, start: float, end: float) -> TrialAnswer:
        """Return what rules would have done over a range of time, for one who asks at a time.

        Raises InvalidManifests, UsageError, TooBusy, StoreUnavailable, SearchTooLong.
        """
        if self._trying.locked():  # already to read what is sent takes seconds where it is much
            raise TooBusy(BUSY)
        async with self._trying:
            now = await in_force(self.desk, bots=asked.bots is None)
            choice = await asyncio.to_thread(choose, asked, now)
            found = await self._trials.run(choice.setups, start, end, choice.accounts)
            return await asyncio.to_thread(trial_answer, found, choice.notes)

    def mutes(self) -> list[Muting]:
        """Return the mutes in force, the one that ends first first."""
        now = self._clock()
        return sorted(
            (one for one in self.desk.mutings.values() if one.until > now), key=lambda one: one.until
        )

    async def history(
        self, limit: int, *, bot: str = "", rule: str = "", before: int = 0, since: float = 0.0
    ) -> list[tuple[int, Kept]]:
        """Return what happened to alerts, newest first."""
        return await self._book.history(limit, bot=bot, rule=rule, before=before, since=since)

    async def acknowledge(self, bot: str, rule: str, by: str, reason: str) -> Kept:
        """Note that somebody looks after an alert. Raises NotFound, UsageError where it does not fire."""
        found = self.desk.find(bot, rule)
        if found is None:
            raise NotFound(f"{bot} has no rule {rule}: `herdsman alerts list {bot} --all` names its rules")
        if found.state.state is not State.FIRING:
            raise UsageError(f"{rule} of {bot} does not fire now: there is nothing to acknowledge")
        now = self._clock()
        await self._book.audit(AuditEntry(now, by, "alert-ack", f"{bot} {rule}", reason, by))
        found = self.desk.find(bot, rule)  # it may have moved while that was written
        if found is None or found.state.state is not State.FIRING:
            raise UsageError(f"{rule} of {bot} is over by now: there is nothing to acknowledge")
        noted = {"acked_by": by, "acked_at": now, "ack_reason": reason}
        kept = self.desk.note(bot, rule, What.ACKNOWLEDGED, reason, **noted)
        if kept is None:
            raise NotFound(f"{bot} has no rule {rule} any more")
        return kept

    async def mute(self, bot: str, rule: str, until: float, by: str, reason: str) -> Muting:
        """Have nobody told of some alerts until a Unix time. Raises UsageError."""
        now = self._clock()
        if not now < until <= now + LONGEST_MUTE:
            raise UsageError(
                "a mute ends in the future, and within 90 days: a rule that is never wanted is removed"
            )
        if not bot and not rule:
            raise UsageError("say of which bot or of which rule nobody is to be told")
        if len(self.desk.mutings) >= MOST_MUTES:
            raise UsageError(f"there are {MOST_MUTES} mutes already: end some first")
        one = Muting(secrets.token_hex(4), bot, rule, until, by, reason, now)
        await self._book.add_mute(one, AuditEntry(now, by, "alert-mute", _about(one), reason, by))
        self.desk.mutings[one.id] = one
        self.desk.look_at_mutes()
        return one

    async def unmute(self, identity: str, by: str) -> Muting:
        """End a mute before its time. Raises NotFound."""
        found = self.desk.mutings.get(identity)
        if found is None:
            raise NotFound(f"there is no mute {identity}")
        entry = AuditEntry(self._clock(), by, "alert-unmute", _about(found), "", by)
        await self._book.end_mute(identity, entry)
        self.desk.mutings.pop(identity, None)
        self.desk.look_at_mutes()
        return found


def _about(mute: Muting) -> str:
    return " ".join(filter(None, (mute.bot, mute.rule)))
