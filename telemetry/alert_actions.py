"""What alerts have done: a bot suspended, stopped, killed. Tried until it is done, once for each alert.

One action at a time for each bot: what a second one is to do depends on what the first did.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from schemas.errors import HerdsmanError, NotFound, StoppedLonger
from schemas.risk import ALERT_AUTHOR, AUTHOR, Action
from telemetry.alerts.ports import Hands, Kept, Stop, What
from telemetry.alerts.states import AlertState, Doing

_log = logging.getLogger("herdsman.alerts")
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0
Still = Callable[[str, str], AlertState | None]


class Note(Protocol):
    """Keeps what came of an action: `changes` are those of the alert as it stands by then."""

    def __call__(self, bot: str, rule: str, what: What, text: str, **changes: object) -> Kept | None:
        """Keep it; None where there is no such rule any more."""
        ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    kept: Kept
    earlier: bool
    """It was wanted in an earlier life, which may have done it."""


def author_of(kept: Kept) -> str:
    """Return by whose word an alert acts."""
    return AUTHOR if kept.risk else f"{ALERT_AUTHOR}{kept.rule}"


class Acting:
    """Carries out the actions of alerts, each in a task of its own; `note` keeps what came of one.

    `still` returns how an alert stands, None where it is over: what was not done by then is not done.
    """

    def __init__(self, hands: Hands, note: Note, still: Still, clock: Callable[[], float]) -> None:
        self._hands = hands
        self._note = note
        self._still = still
        self._clock = clock
        self._group: asyncio.TaskGroup | None = None
        self._busy: set[tuple[str, str]] = set()
        self._turns: dict[str, asyncio.Lock] = {}
        """Who acts on each bot now."""

    def start(self, group: asyncio.TaskGroup) -> None:
        """Have the tasks live in a group."""
        self._group = group

    def want(self, kept: Kept, *, earlier: bool = False) -> None:
        """Have an alert's action carried out, where it has one that is not done."""
        key = (kept.bot, kept.rule)
        wanted = kept.state.action is Doing.WANTED or (earlier and kept.state.action is Doing.FAILED)
        if not wanted or key in self._busy or self._group is None:
            return
        self._busy.add(key)
        self._group.create_task(self._carry_out(_Wanted(kept, earlier)))

    async def _carry_out(self, wanted: _Wanted) -> None:
        kept, pause = wanted.kept, _FIRST_RETRY
        try:
            while (state := self._still(kept.bot, kept.rule)) is not None:
                async with self._turns.setdefault(kept.bot, asyncio.Lock()):
                    said = await self._try(wanted, state)
                if said is None:
                    return
                if state.action_text != said:
                    self._note_of(kept, Doing.FAILED, said, f"{_deed(kept)} failed: {said}")
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LAST_RETRY)
        finally:
            self._busy.discard((kept.bot, kept.rule))
            if not any(bot == kept.bot for bot, _ in self._busy):
                self._turns.pop(kept.bot, None)

    async def _try(self, wanted: _Wanted, state: AlertState) -> str | None:
        """Act; return None where there is nothing more to do, else why it did not work."""
        kept, doing = wanted.kept, Doing.DONE
        try:
            said = await self._done_already(wanted, state)
            if not said:
                await self._act(kept, author_of(kept))
                said = _deed(kept)
        except NotFound as error:
            doing, said = Doing.GIVEN_UP, str(error)
        except StoppedLonger as error:
            said = str(error)
        except HerdsmanError as error:
            return str(error)[:300] or type(error).__name__
        except Exception as error:  # noqa: BLE001 - whatever it was, the bot still runs: it is tried again
            _log.exception("the action of the alert %s of %s failed", kept.rule, kept.bot)
            return f"{type(error).__name__}; herdsman's log says more"
        self._note_of(kept, doing, said, said)
        return None

    async def _done_already(self, wanted: _Wanted, state: AlertState) -> str:
        """Return why there is nothing left to do, "" where there is."""
        kept = wanted.kept
        if wanted.earlier and await self._hands.acted_since(kept.bot, author_of(kept), state.since):
            return "done before herdsman started again"
        others = [one for one in self._hands.stops(kept.bot) if self._suffices(one, kept)]
        return f"it is stopped already, by {others[0].by}" if others else ""

    def _suffices(self, stop: Stop, kept: Kept) -> bool:
        """Say whether a bot that is stopped so is stopped for at least as long as an action asks for."""
        if kept.does == Action.KILL:
            return stop.own and stop.kill
        if kept.stop_for is not None and stop.until is not None:
            return stop.own and stop.until >= self._clock() + kept.stop_for
        return stop.holds

    async def _act(self, kept: Kept, by: str) -> None:
        reason = f"{kept.message}: {kept.state.text}" if kept.message else kept.state.text
        if kept.does == Action.KILL:
            await self._hands.kill(kept.bot, by, reason)
            return
        until = None if kept.stop_for is None else self._clock() + kept.stop_for
        await self._hands.suspend(kept.bot, by, reason, until)

    def _note_of(self, kept: Kept, doing: Doing, said: str, text: str) -> None:
        what = What.ACTED if doing is Doing.DONE else What.FAILED
        done = {"action": doing, "action_text": said, "action_at": self._clock()}
        self._note(kept.bot, kept.rule, what, text, **done)


def _deed(kept: Kept) -> str:
    words = {Action.KILL.value: "kill switch on", Action.STOP.value: "stopped for some time"}
    return words.get(kept.does, "suspended")
