"""How far each stream of output was taken, by the ids of its events: what comes again counts once. Pure."""

from collections.abc import Sequence

from telemetry.records import Event

_MOST_STREAMS = 64
_NOWHERE = (-1, -1)


def untaken(read: dict[str, tuple[int, int]], events: Sequence[Event]) -> Sequence[Event]:
    """Return those of one stream's events, in its order, that were not taken before; note that they are now.

    `read`: stream of an allocation -> file index and offset of the newest event that was taken of it.
    """
    stream, first = _place(events[0].id)
    _, newest = _place(events[-1].id)
    last = read.get(stream, _NOWHERE)
    if newest <= last:
        return []
    if first <= last:
        events = [event for event in events if _place(event.id)[1] > last]
    if last is _NOWHERE and len(read) >= _MOST_STREAMS:
        del read[next(iter(read))]
    read[stream] = newest
    return events


def _place(identity: str) -> tuple[str, tuple[int, int]]:
    """Return the stream of an event's id (`allocation/stream/index/offset`), and its place in it."""
    rest, _, offset = identity.rpartition("/")
    stream, _, index = rest.rpartition("/")
    if not (index.isdigit() and offset.isdigit()):
        return identity, (0, 0)
    return stream, (int(index), int(offset))
