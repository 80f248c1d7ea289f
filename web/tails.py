"""Live tails: what bots print, filtered here, each filter a topic of its own on the live channel.

A tail lives while somebody reads it or may come back to it. One that was let go begins anew: whoever comes
back to it with an old place is told to fetch what was missed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl

import msgspec

from schemas.errors import TooBusy, UsageError
from telemetry.live import Broadcaster
from telemetry.logs.matching import Matches, matches_of
from telemetry.records import Event
from telemetry.stores import EventQuery
from web.presentation import event_document

PREFIX = "logs:"
MOST_TAILS = 40
"""Different filters that are followed at once."""
MOST_OF_ONE = 10
"""Of these, how many one principal may have begun."""
_AT_ONCE = 2000
"""Looks of a filter at an event before others get their turn."""
_MOST_WAITING = 50_000
"""Events that wait to be looked at; where more come, all are looked at once."""
UNKNOWN_PLACE = "0-0"
"""A place in the stream that no channel knows."""
_encode = msgspec.json.Encoder().encode
ReadFilter = Callable[[dict[str, str]], EventQuery]
"""Reads a filter as the address of a search has it. Raises UsageError."""


def is_tail(topic: str) -> bool:
    """Tell whether a topic is a tail."""
    return topic.startswith(PREFIX)


class Tails:
    """The filters that are followed, and the telling of what passes them. Used from the loop's own thread."""

    def __init__(self, live: Broadcaster) -> None:
        self._live = live
        self._tails: dict[str, Matches] = {}
        self._begun_by: dict[str, str] = {}
        self._waiting: deque[Event] = deque()
        self._telling: asyncio.Task[None] | None = None

    def open(self, topics: Sequence[str], last: str, read: ReadFilter, by: str = "") -> str:
        """Follow the tails among these topics; return the place from which their stream can go on.

        `by` names who asks. Raises UsageError for a filter that makes no sense, TooBusy beyond so many.
        """
        self._let_go()
        wanted = {topic: matches_of(read(_filter(topic))) for topic in topics if is_tail(topic)}
        fresh = wanted.keys() - self._tails.keys()
        if len(self._tails) + len(fresh) > MOST_TAILS:
            raise TooBusy(f"{MOST_TAILS} different searches are followed already: close one, or follow wider")
        own = sum(one == by for one in self._begun_by.values())
        if own + len(fresh) > MOST_OF_ONE:
            raise TooBusy(f"you follow {own} different searches already: close one, or follow wider")
        self._tails |= wanted
        self._begun_by |= dict.fromkeys(fresh, by)
        return UNKNOWN_PLACE if fresh and last else last

    def events(self, events: Sequence[Event]) -> None:
        """Tell of new events: of a few at once, of many in slices between which others get their turn."""
        if not self._tails:
            return
        self._waiting.extend(events)
        if len(self._waiting) > _MOST_WAITING or not self._is_telling():
            self._tell(_MOST_WAITING if len(self._waiting) > _MOST_WAITING else self._slice())
        if self._waiting and not self._is_telling():
            self._telling = asyncio.get_running_loop().create_task(self._tell_on(), name="tails")

    def _is_telling(self) -> bool:
        return self._telling is not None and not self._telling.done()

    def _slice(self) -> int:
        return max(_AT_ONCE // max(len(self._tails), 1), 1)

    async def _tell_on(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)
            self._tell(self._slice())

    def _tell(self, most: int) -> None:
        """Tell of the oldest events that wait, at most so many."""
        self._let_go()
        for _ in range(min(most, len(self._waiting))):
            event = self._waiting.popleft()
            document = b""
            for topic, matches in self._tails.items():
                if matches(event):
                    document = document or _encode(event_document(event))
                    self._live.publish(topic, "log", document)

    def _let_go(self) -> None:
        """Forget the tails that nobody reads, or may come back to."""
        for topic in [topic for topic in self._tails if not self._live.has_readers(topic)]:
            del self._tails[topic]
            self._begun_by.pop(topic, None)
            self._live.forget(topic)


def _filter(topic: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(topic.removeprefix(PREFIX), strict_parsing=topic != PREFIX, max_num_fields=30))
    except ValueError as error:
        raise UsageError(f'"{topic}" is no filter: write logs: and a search as its address has it') from error
