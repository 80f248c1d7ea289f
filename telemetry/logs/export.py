"""Events as lines of a file: JSON lines, and CSV that a spreadsheet opens without obeying it. Pure."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from telemetry.records import Event

COLUMNS = (
    *("time", "bot", "program", "kind", "level", "symbol", "message"),
    *("stream", "run", "revision", "mode", "id", "data"),
)
_OBEYED = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet takes for a formula."""
_encode = msgspec.json.Encoder().encode


def json_lines(events: Sequence[Event]) -> bytes:
    """Return a line of JSON for each event, with every field it has."""
    return b"".join(
        _encode({"id": event.id, **_fields(event), "data": event.data}) + b"\n" for event in events
    )


def csv_head() -> bytes:
    """Return the line of titles."""
    return _rows([COLUMNS])


def csv_lines(events: Sequence[Event]) -> bytes:
    """Return a row for each event; a text that begins as a formula does has a quote before it."""
    rows = []
    for event in events:
        fields = _fields(event)
        data = _encode(event.data).decode() if event.data else ""
        rows.append(tuple(harmless(str(fields.get(name, ""))) for name in COLUMNS[:-2]))
        rows[-1] += (harmless(event.id), data)
    return _rows(rows)


def harmless(text: str) -> str:
    """Return a cell's text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_OBEYED) else text


def _fields(event: Event) -> dict[str, object]:
    return {
        "time": moment(event.time),
        "bot": event.bot,
        "program": event.program,
        "kind": event.kind,
        "level": event.level,
        "symbol": event.symbol,
        "message": event.message,
        "stream": event.stream,
        "run": event.run,
        "revision": event.revision,
        "mode": event.mode,
    }


def moment(time: float) -> str:
    """Return a time as RFC 3339 in UTC, to the microsecond; as it is where no calendar has it."""
    try:
        return datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return repr(time)


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().replace("\0", "").encode("utf-8", "replace")
