"""Queries: what a person asks a bot's own read-only program, through the scheduler, within bounds."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from controller.fleet import Fleet
from controller.schedulers.protocol import Question, Scheduler
from schemas.errors import NotFound, QueryRefused, TooBusy, UsageError

AT_ONCE = 4
"""Queries that one bot is asked at a time."""
MOST_PARAMS = 64 << 10
"""Bytes of the parameters, as JSON."""
LONGEST = 30.0
"""Seconds after which a query is ended."""
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,511}")


class Queries:
    """Asks bots; each at most `AT_ONCE` things at a time."""

    def __init__(self, fleet: Fleet, scheduler: Scheduler) -> None:
        self._fleet, self._scheduler = fleet, scheduler
        self._under_way: Counter[str] = Counter()

    async def ask(self, bot: str, path: str, params: Mapping[str, Any]) -> str:
        """Return what a bot answers, as JSON text.

        Raises NotFound, UsageError, TooBusy, QueryRefused, QueryFailed, QueryTimedOut, SchedulerUnavailable.
        """
        question = self._checked(bot, path, params)
        if self._under_way[bot] >= AT_ONCE:
            raise TooBusy(f"{bot} is being asked {AT_ONCE} things already: ask again when they are answered")
        self._under_way[bot] += 1
        try:
            return await self._scheduler.query(bot, question)
        except NotFound as error:
            raise QueryRefused(f"{bot} does not run: {error}") from error
        finally:
            self._under_way[bot] -= 1

    def _checked(self, bot: str, path: str, params: Mapping[str, Any]) -> Question:
        if not _PATH.fullmatch(path):
            raise UsageError(f'"{path[:100]}" is no path of a query: it begins with "/", such as /status')
        if len(json.dumps(params)) > MOST_PARAMS:
            raise UsageError(f"the parameters are larger than {MOST_PARAMS >> 10} KiB")
        entry = self._fleet.inventory.get(bot)
        if entry is None:
            if bot not in self._fleet.statuses:
                raise NotFound(f"there is no bot {bot} in this fleet")
            raise QueryRefused(f"{bot} has not been applied yet, so that nobody can answer")
        return Question(path, params, LONGEST)
