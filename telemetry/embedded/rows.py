"""An event's row, and the event that it is."""

from collections.abc import Mapping
from typing import Any

import msgspec

from telemetry.levels import LEVELS
from telemetry.records import Event

WHOLE_ID = -1
"""The position of an event whose id names no place in a file: its source is the whole id."""
COLUMNS = (
    "events.n, sources.name, position, size, events.bot, time, events.kind, events.level, message, data, "
    "contexts.stream, allocation, run, contexts.revision, mode, event_labels.program"
)
TABLES = (
    "events JOIN sources ON sources.id = source JOIN contexts ON contexts.id = context "
    "LEFT JOIN event_labels ON event_labels.id = label"
)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def event_of(row: tuple[Any, ...]) -> Event:
    """Return the event of a row of `COLUMNS`."""
    _, source, position, size, bot, time, kind, level, message, data = row[:10]
    stream, allocation, run, revision, mode, program = row[10:]
    return Event(
        source if position == WHOLE_ID else f"{source}/{position}",
        bot,
        time,
        kind,
        LEVELS[level],
        message,
        stream,
        allocation,
        run,
        revision,
        mode,
        _data(data),
        size,
        program or "",
    )


def _data(data: bytes | None) -> Mapping[str, Any]:
    return _decode(data) if data else {}
