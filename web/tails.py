"""Live tails: what bots print, filtered here, each filter a topic of its own on the live channel.

A tail lives while somebody reads it or may come back to it. One that was let go begins anew: whoever comes
back to it with an old place is told to fetch what was missed.
"""

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

    def open(self, topics: Sequence[str], last: str, read: ReadFilter) -> str:
        """Follow the tails among these topics; return the place from which their stream can go on.

        Raises UsageError for a filter that makes no sense, TooBusy beyond so many.
        """
        self._let_go()
        wanted = {topic: matches_of(read(_filter(topic))) for topic in topics if is_tail(topic)}
        fresh = wanted.keys() - self._tails.keys()
        if len(self._tails) + len(fresh) > MOST_TAILS:
            raise TooBusy(f"{MOST_TAILS} different searches are followed already: close one, or follow wider")
        self._tails |= wanted
        return UNKNOWN_PLACE if fresh and last else last

    def events(self, events: Sequence[Event]) -> None:
        """Tell of new events."""
        if not self._tails:
            return
        self._let_go()
        for event in events:
            document = b""
            for topic, matches in self._tails.items():
                if matches(event):
                    document = document or _encode(event_document(event))
                    self._live.publish(topic, "log", document)

    def _let_go(self) -> None:
        """Forget the tails that nobody reads, or may come back to."""
        for topic in [topic for topic in self._tails if not self._live.has_readers(topic)]:
            del self._tails[topic]
            self._live.forget(topic)


def _filter(topic: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(topic.removeprefix(PREFIX), strict_parsing=topic != PREFIX, max_num_fields=30))
    except ValueError as error:
        raise UsageError(f'"{topic}" is no filter: write logs: and a search as its address has it') from error
