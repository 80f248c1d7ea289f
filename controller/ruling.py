"""Suspending and resuming many bots by one rule, and the kill switch; recorded with who, why and when."""

import asyncio
import logging

from controller.agenda import sleep_or
from controller.apply import Applier
from controller.clock import Clock
from controller.fleet import Fleet
from controller.killing import Killing
from controller.records import AuditEntry, KillProgress, Suspension
from controller.rulebook import Rulebook
from controller.rules import LONGEST_REASON, check_size
from controller.scopes import checked_scope, scope_words
from controller.telling import Telling
from schemas.errors import UsageError

_LOG = logging.getLogger(__name__)
_RETRY = 5.0


class Ruling:
    """Carries out operators' requests about a scope (see `scopes.py`). Every method raises UsageError."""

    def __init__(
        self,
        fleet: Fleet,
        rulebook: Rulebook,
        killing: Killing,
        applier: Applier,
        telling: Telling,
        clock: Clock,
    ) -> None:
        self._fleet = fleet
        self._rulebook = rulebook
        self._killing = killing
        self._applier = applier
        self._telling = telling
        self._clock = clock
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """End suspensions at their time, for ever."""
        while True:
            self._changed.clear()
            ending = [rule for rule in self._fleet.rules.rules if rule.until is not None]
            if not ending:
                await self._changed.wait()
                continue
            first = min(ending, key=lambda rule: rule.until or 0.0)
            left = (first.until or 0.0) - self._clock.time()
            if left > 0:
                await sleep_or(self._clock, left, self._changed)
            else:
                await self._expire(first)

    async def _expire(self, rule: Suspension) -> None:
        try:
            await self.resume(rule.scope, "herdsman", "the suspension's time is over")
        except Exception as error:  # noqa: BLE001 - it is tried again soon
            _LOG.error("%s: the suspension could not be ended: %s", scope_words(rule.scope), error)
            await self._clock.sleep(_RETRY)

    async def suspend(self, scope: str, by: str, reason: str, until: float | None, token: str = "") -> None:
        """Stop every bot of a scope, also those to come, until it is resumed or until a Unix time."""
        now = self._clock.time()
        if until is not None and until <= now:
            raise UsageError("a suspension must end in the future")
        if self._fleet.recovery:
            raise UsageError(f"{self._fleet.recovery}. The kill switch works all the same: `herdsman kill`")
        rule = self._rule(scope, by, reason, now, until, kill=False)
        check_size(self._fleet.rules.including(rule))
        await self._rulebook.put(rule, AuditEntry(now, by, "suspend", scope, reason, token, {"until": until}))

    async def resume(self, scope: str, by: str, reason: str = "", token: str = "") -> None:
        """End the suspension of exactly this scope; its bots become what git asks for."""
        await self._lift("suspend", scope, by, reason, token)

    async def kill(self, scope: str, by: str, reason: str, token: str = "") -> KillProgress:
        """Have every bot of a scope end now, and none of it start until it is released."""
        now = self._clock.time()
        rule = self._rule(scope, by, reason, now, None, kill=True)
        before = self._fleet.rules.find(rule.key)
        if before is not None:
            self._killing.attend()
            return self._progress(before)
        _LOG.warning("kill switch: %s, by %s: %s", scope_words(rule.scope), by, reason)
        await self._rulebook.put(rule, AuditEntry(now, by, "kill", scope, reason, token))
        return self._progress(rule)

    async def release(self, scope: str, by: str, reason: str = "", token: str = "") -> None:
        """Turn a kill switch off; its bots become what git asks for, unless under another rule."""
        await self._lift("kill", scope, by, reason, token)

    def rules_changed(self) -> None:
        """Have everybody who waits hear of other rules."""
        self._changed.set()
        names = self._fleet.names() | self._fleet.observed.keys()
        self._telling.touch_all(names)
        self._killing.attend()
        for name in names:
            self._applier.attend(name)

    async def _lift(self, word: str, scope: str, by: str, reason: str, token: str) -> None:
        checked = checked_scope(scope)
        rule = self._fleet.rules.find(f"{word} {checked}")
        if rule is None:
            on = "under a kill switch" if word == "kill" else "suspended"
            raise UsageError(
                f"{scope_words(checked)}: not {on} by a rule of exactly this scope; "
                "`herdsman suspensions` lists the rules in force"
            )
        action = "release" if word == "kill" else "resume"
        entry = AuditEntry(self._clock.time(), by, action, scope, reason, token)
        await self._rulebook.lift(rule.key, entry)

    def _rule(
        self, scope: str, by: str, reason: str, now: float, until: float | None, *, kill: bool
    ) -> Suspension:
        if not reason.strip():
            raise UsageError("say why (--reason): whoever looks next has to know")
        return Suspension("", by, reason.strip()[:LONGEST_REASON], now, until, checked_scope(scope), kill)

    def _progress(self, rule: Suspension) -> KillProgress:
        found = (one for one in self._killing.progress() if one.rule.key == rule.key)
        return next(found, KillProgress(rule))
