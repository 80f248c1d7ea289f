"""Letting go of the saved states of bots that were removed long ago."""

import logging
from collections.abc import Callable, Set

from controller.clock import Clock
from controller.state.saved import SavedStates
from schemas.errors import HerdsmanError

KEPT_FOR = 30 * 86400.0
"""Seconds that a removed bot's state is kept after its last save."""
_EVERY = 6 * 3600.0
_LOG = logging.getLogger(__name__)


async def forget_removed(saved: SavedStates, known: Callable[[], Set[str] | None], clock: Clock) -> None:
    """Look now and then, for ever; `known` returns the fleet's bots, None while they are not known."""
    while True:
        await clock.sleep(_EVERY)
        try:
            await forget_once(saved, known(), clock.time())
        except HerdsmanError as error:
            _LOG.warning("old states were not looked at: %s", error)


async def forget_once(saved: SavedStates, known: Set[str] | None, now: float) -> list[str]:
    """Delete what is old enough of bots that are not known, and return their names."""
    if known is None:
        return []
    gone = [
        bot
        for bot in await saved.bots()
        if bot not in known and await saved.forget(bot, older_than=now - KEPT_FOR)
    ]
    for bot in gone:
        _LOG.info("the state of %s, removed long ago, was deleted", bot)
    return gone
