"""What moved waits here until it is kept: nobody is told of anything, and nothing is done, before that."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from schemas.errors import HerdsmanError
from schemas.risk import Action
from telemetry.alerts.engine import Moved
from telemetry.alerts.ports import AlertBook, Kept, What
from telemetry.alerts.states import State
from telemetry.names import Health

_log = logging.getLogger("herdsman.alerts")
_AT_ONCE = 200
_AGAIN_AFTER = 1.0
"""Seconds until it is tried again where alerts could not be kept."""


class Keeping:
    """Keeps what is put in, in its order; `kept` hears of each batch once it is."""

    def __init__(self, book: AlertBook, health: Health, kept: Callable[[Sequence[Kept]], None]) -> None:
        self._book, self._health, self._kept = book, health, kept
        self._waiting: list[Kept] = []
        """What moved and is not kept yet."""
        self.quiet: dict[tuple[str, str], bool] = {}
        """The alerts that fire, by bot and rule: whether each was muted when it was put in last."""

    def put(self, one: Kept) -> None:
        """Have something kept with the next flush."""
        if one.state.state is State.FIRING:
            self.quiet[one.bot, one.rule] = one.muted
        else:
            self.quiet.pop((one.bot, one.rule), None)
        self._waiting.append(one)

    async def flush(self) -> None:
        """Keep what waits, then tell of it. What cannot be kept now waits on."""
        while self._waiting:
            batch = self._waiting[:_AT_ONCE]
            keeping = asyncio.ensure_future(self._book.keep(newest_of(batch)))
            try:
                await asyncio.shield(keeping)
            except asyncio.CancelledError:
                await asyncio.wait({keeping})  # it is kept all the same, and must not be once more
                if keeping.exception() is None:
                    del self._waiting[: len(batch)]
                raise
            except HerdsmanError as error:
                _log.warning("alerts cannot be kept yet: %s", error)
                self._health.count("herdsman_store_errors_total", store="alerts")
                await asyncio.sleep(_AGAIN_AFTER)
                return
            del self._waiting[: len(batch)]
            self._kept(batch)


def newest_of(batch: Sequence[Kept]) -> list[Kept]:
    """Return what there is to keep: of one alert all that its history tells, else how it is now."""
    last = {(one.bot, one.rule): place for place, one in enumerate(batch)}
    return [one for place, one in enumerate(batch) if one.what or last[one.bot, one.rule] == place]


def kept_of(moved: Moved, what: What, text: str, *, muted: bool) -> Kept:
    """Return an alert that moved as it is kept."""
    rule, bot = moved.rule, moved.bot
    return Kept(
        bot.bot,
        rule.name,
        rule.severity.word,
        moved.state,
        moved.at,
        what,
        text,
        rule.message,
        bot.program,
        bot.account,
        bot.environment,
        bot.mode,
        muted,
        rule.action.value if rule.action is not Action.NOTIFY else "",
        rule.stop_for if rule.action is Action.STOP else None,
        rule.risk,
        rule.built_in,
    )
