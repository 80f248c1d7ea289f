"""Output that was lost, as an event tells of it: how much, and from when to when. Pure."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from telemetry.stores import Position
from telemetry.wire import Chunk, Gap


def files_missed(first: int, last: int) -> str:
    """Return in words that these log files are gone."""
    files = f"file {first}" if first == last else f"files {first} to {last}"
    return f"some output was lost: log {files} had been deleted before the agent could read it all"


def still_missed(chunk: Chunk, stored: Position) -> Chunk:
    """Return a chunk with as much of the gap before it as was not stored.

    An agent whose checkpoint is old, or lost, takes files for lost that were read in its earlier life.
    """
    gap = chunk.gap
    if gap is None or not gap.files or stored.index < chunk.index - gap.files:
        return chunk
    if stored >= Position(chunk.index, chunk.offset):
        return replace(chunk, missed="", gap=None)
    files = chunk.index - stored.index
    size = min(gap.size, max(gap.whole * files - stored.offset, 0)) if gap.whole else gap.size
    return replace(
        chunk, missed=files_missed(stored.index, chunk.index - 1), gap=replace(gap, files=files, size=size)
    )


def gap_told(text: str, gap: Gap, until: float) -> tuple[str, dict[str, Any]]:
    """Return the message and the data of a gap's event.

    `data`: `missed` (true), `files`, `bytes` (about) and `since` (Unix seconds), each null where nobody
    knows, and `until`, when the first line after the gap was printed.
    """
    known = gap.since > 0
    since = min(gap.since, until)
    size = f": about {_amount(gap.size)}" if gap.size > 0 else ""
    when = f", printed between {_moment(since)} and {_moment(until)}" if known else ""
    data = {
        "missed": True,
        "files": gap.files,
        "bytes": gap.size if gap.size > 0 else None,
        "since": since if known else None,
        "until": until,
    }
    return f"{text}{size}{when}", data


def _amount(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def _moment(time: float) -> str:
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{time:.0f}"
