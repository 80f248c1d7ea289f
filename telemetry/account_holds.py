"""Accounts whose limit is broken: no bot of one starts, also none to come, until an operator has looked.

The bots that there are, are stopped each by itself; a hold is for those that are pushed, or moved there,
later. It is the controller's: whatever happens to whoever judges, it stands.
"""

import asyncio
import logging
from collections.abc import Callable

from schemas.errors import HerdsmanError
from schemas.risk import AUTHOR
from telemetry.alerts.limits.absences import Absences
from telemetry.alerts.limits.guard import Guard
from telemetry.alerts.limits.together import Together
from telemetry.alerts.ports import Hands

_log = logging.getLogger("herdsman.alerts")
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0


class AccountHolds:
    """Brings about the holds that the guard asks for, and tells it of those that an operator ended."""

    def __init__(
        self,
        guard: Guard,
        hands: Hands,
        clock: Callable[[], float],
        steady: Callable[[], float],
        moved: Callable[[], None],
    ) -> None:
        self._guard, self._hands, self._clock, self._moved = guard, hands, clock, moved
        self._group: asyncio.TaskGroup | None = None
        self._busy: set[tuple[str, str]] = set()
        self._in_force = Absences[tuple[str, str]](hands.behind, steady)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Have the tasks live in a group."""
        self._group = group

    def look(self) -> None:
        """Begin what is to be done, once everything is known of who is held."""
        accounts = {(one.account, one.mode): one for one in self._guard.holds()}
        held = self._hands.held_accounts(accounts) if accounts else set()
        for key, one in accounts.items():
            if key in self._busy or self._group is None:
                continue
            if one.held and one.held_at is not None:
                self._follow(one, in_force=key in held)
                continue
            self._busy.add(key)
            self._group.create_task(self._carry_out(one))

    def in_force(self, key: tuple[str, str], *, follow: bool) -> bool:
        """Say whether no bot of an account and mode may start now; `follow`: take it where that was ended."""
        one = self._guard.held_account(key)
        if one is None:
            return False
        in_force = bool(self._hands.held_accounts([key]))
        if follow and one.held and key not in self._busy:
            self._follow(one, in_force=in_force)
        return in_force

    def _follow(self, one: Together, *, in_force: bool) -> None:
        key = (one.account, one.mode)
        if in_force:
            self._in_force.see(key)
        elif self._in_force.is_gone(key):
            self._guard.lifted(one, self._clock())
            self._moved()

    async def _carry_out(self, one: Together) -> None:
        pause, told = _FIRST_RETRY, False
        try:
            while bool(one.held) is (one.held_at is None):
                try:
                    await (self._put(one) if one.held else self._let_go(one))
                except HerdsmanError as error:
                    if not told:
                        _log.error(
                            "bots that come to the account %s are not held yet: %s", one.account, error
                        )
                    told = True
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LAST_RETRY)
        except Exception:  # noqa: BLE001 - it is tried again with the next look
            _log.exception("the hold of the account %s met something that nobody foresaw", one.account)
            await asyncio.sleep(_LAST_RETRY)
        finally:
            self._busy.discard((one.account, one.mode))

    async def _put(self, one: Together) -> None:
        key = (one.account, one.mode)
        if not self._hands.held_accounts([key]):
            await self._hands.hold(*key, AUTHOR, f"{one.held}; no bot of it starts until somebody has looked")
        self._guard.held(one, self._clock())
        self._moved()

    async def _let_go(self, one: Together) -> None:
        why = "an operator resumed a bot of it" if self._guard.limited(one) else "it has no limits any more"
        await self._hands.let_go(one.account, one.mode, AUTHOR, why)
        self._in_force.forget((one.account, one.mode))
        self._guard.held(one, None)
        self._moved()
