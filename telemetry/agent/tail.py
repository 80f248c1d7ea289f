"""One log file: held open from its first line, read line by line, never past what may still grow.

Positions are virtual: bytes since the file's first line, also where it was truncated or made anew meanwhile
(`base` counts what its earlier lives held), so that a line's identity never repeats. A file that was cut
short and has grown beyond the same place since is known by the bytes before it (the seam), which are others.
"""

import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from telemetry.agent.opening import open_plain
from telemetry.agent.traces import group

LINE_LIMIT = 1 << 20
"""A line longer than this many bytes is cut."""
_READ = 1 << 17
_SEAM = 32
"""Bytes before a place that are looked at again."""
_CUT = -1
_HOLD = 0.1
"""Seconds that the last lines are held back, since they may be the beginning of a stack trace."""
_HOLD_AT_MOST = 1.0
_UNFINISHED = 2.0
"""Seconds after which a line without an end is sent as it is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file was read up to: `inode`, bytes of its earlier lives, offset in this one."""

    inode: int
    base: int
    offset: int
    time: float = field(default=0.0, compare=False)
    """Unix seconds, not before the last line up to here was printed; 0: not known."""
    seam: int = field(default=0, compare=False)
    """What `seam_of` makes of the bytes before `offset`; 0: not known."""


def seam_of(before: bytes) -> int:
    """Return what tells the bytes before a place from others: how many they are, and their checksum."""
    return len(before) << 32 | zlib.crc32(before)


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines that are ready to be sent; `offset` and `end` are virtual, `place` is where they end."""

    offset: int
    data: bytes
    joins: list[tuple[int, int]]
    dropped: int
    time: float
    place: Place

    @property
    def end(self) -> int:
        """Where the next piece begins."""
        return self.offset + len(self.data) + self.dropped


class Tail:
    """Reads one file. `more` says that there is more to read at once; `wake_at` when held lines are due.

    `cut_after` is not 0 once the file was cut short: how much of it had been read by then.
    """

    __slots__ = (
        "_base",
        "_buffer",
        "_dropped",
        "_fd",
        "_given",
        "_grown_at",
        "_held_since",
        "_offset",
        "_seen",
        "_time",
        "cut_after",
        "inode",
        "more",
        "wake_at",
    )

    def __init__(self, path: str | Path, known: Place | None = None, folder: int | None = None) -> None:
        """Open the file, by its name in the open `folder` where one is given.

        Raises OSError where it is not there or no plain file.
        """
        self._fd = open_plain(path, folder)
        status = os.fstat(self._fd)
        self.inode = status.st_ino
        self._base, self._offset = _resumed(known, status, self._fd)
        self._seen = self._given = os.pread(self._fd, min(_SEAM, self._offset), max(self._offset - _SEAM, 0))
        """The last bytes that were read, and that were handed out."""
        self._time = status.st_mtime
        self.cut_after = 0
        self._buffer = bytearray()
        self._dropped = 0
        self._grown_at = 0.0
        self._held_since = 0.0
        self.more = True
        self.wake_at: float | None = None

    @property
    def place(self) -> Place:
        """Where the next piece will begin."""
        offset = self._offset - len(self._buffer) - self._dropped
        return Place(self.inode, self._base, offset, self._time, seam_of(self._given))

    @property
    def sent(self) -> int:
        """The virtual position where the next piece will begin."""
        place = self.place
        return place.base + place.offset

    def unread(self) -> bool:
        """Tell whether the file holds anything that was not handed out yet."""
        size = os.fstat(self._fd).st_size
        return bool(self._buffer) or self._dropped > 0 or size != self._offset

    def read(self, now: float, *, last: bool = False) -> Piece | None:
        """Return the next whole lines, None where there are none (yet).

        `now` is a monotonic time. `last` says that the file grows no more: then nothing is held back.
        """
        status = os.fstat(self._fd)
        self._time = status.st_mtime
        size = self._fill(now) if status.st_size >= self._offset else _CUT
        if size == _CUT:
            if self._buffer:
                return self._rest(status.st_mtime)
            self.cut_after = self._offset
            self._base += self._offset
            self._offset = 0
            self._seen = self._given = b""
            size = self._fill(now)
        self.more = size == _READ
        done = last and not self.more
        overdue = done or now >= self._grown_at + _UNFINISHED
        if self._line_is_too_long():
            return self._cut_line(status.st_mtime, overdue=overdue)
        return self._lines(now, status.st_mtime, last=done, overdue=overdue)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _fill(self, now: float) -> int:
        """Read on; return how many bytes, `_CUT` where those before them are not what they were."""
        if len(self._buffer) > LINE_LIMIT:
            return 0
        before = len(self._seen)
        data = os.pread(self._fd, _READ + before, self._offset - before)
        if data[:before] != self._seen:
            return _CUT
        if before:
            data = data[before:]
        if data:
            self._seen = (self._seen + data[-_SEAM:])[-_SEAM:]
            self._offset += len(data)
            self._buffer += data
            self._grown_at = now
        return len(data)

    def _line_is_too_long(self) -> bool:
        if self._dropped:
            return True
        return len(self._buffer) > LINE_LIMIT and self._buffer.find(b"\n", 0, LINE_LIMIT + 1) < 0

    def _cut_line(self, time: float, *, overdue: bool) -> Piece | None:
        """Keep a long line's beginning and pass over the rest, up to its end."""
        buffer = self._buffer
        start = self.sent
        end = buffer.find(b"\n", LINE_LIMIT)
        passed = (end if end >= 0 else len(buffer)) - LINE_LIMIT
        self._dropped += passed
        del buffer[LINE_LIMIT : LINE_LIMIT + passed]
        if end < 0 and not (overdue and not self.more and not passed):
            self.more = self.more or passed > 0
            self.wake_at = self._grown_at + _UNFINISHED
            return None
        data = bytes(buffer[: LINE_LIMIT + 1])
        del buffer[: LINE_LIMIT + 1]
        dropped, self._dropped = self._dropped, 0
        self.more = True
        self._given = self._seen if not buffer else b""
        return Piece(start, data, [], dropped, time, self.place)

    def _lines(self, now: float, time: float, *, last: bool, overdue: bool) -> Piece | None:
        self.wake_at = None
        if not self._buffer:
            return None
        end = self._buffer.rfind(b"\n") + 1
        if end < len(self._buffer) and not overdue:
            self.wake_at = self._grown_at + _UNFINISHED
        if end == 0:
            return self._take(self.sent, len(self._buffer), [], time) if overdue else None
        return self._whole_lines(end, now, time, last=last)

    def _whole_lines(self, end: int, now: float, time: float, *, last: bool) -> Piece | None:
        """Return the whole lines up to `end`, less those at the end that may be an unfinished trace."""
        block = bytes(self._buffer[:end])
        grouping = group(block)
        is_open = grouping.open_from < block.count(b"\n")
        if not is_open or last or self._is_due(now):
            self._held_since = 0.0
            return self._take(self.sent, end, grouping.joins, time)
        self._held_since = self._held_since or now
        self.wake_at = min(self._grown_at + _HOLD, self._held_since + _HOLD_AT_MOST)
        if grouping.open_from == 0:
            return None
        before = sum(map(len, block.split(b"\n", grouping.open_from)[:-1])) + grouping.open_from
        joins = [join for join in grouping.joins if join[0] < grouping.open_from]
        return self._take(self.sent, before, joins, time)

    def _is_due(self, now: float) -> bool:
        held = self._held_since and now >= self._held_since + _HOLD_AT_MOST
        return bool(held) or now >= self._grown_at + _HOLD

    def _take(self, start: int, end: int, joins: list[tuple[int, int]], time: float) -> Piece:
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._given = (self._given + data[-_SEAM:])[-_SEAM:]
        return Piece(start, data, joins, 0, time, self.place)

    def _rest(self, time: float) -> Piece:
        """Hand out what was held of a file that is cut short."""
        start, data = self.sent, bytes(self._buffer)
        self._buffer.clear()
        dropped, self._dropped = self._dropped, 0
        return Piece(start, data, [], dropped, time, self.place)


def _resumed(known: Place | None, status: os.stat_result, file: int) -> tuple[int, int]:
    """Return base and offset to go on from; a file made anew or truncated begins a new life."""
    if known is None:
        return 0, 0
    same = known.inode == status.st_ino and known.offset <= status.st_size
    before = known.seam >> 32
    if same and (not before or seam_of(os.pread(file, before, known.offset - before)) == known.seam):
        return known.base, known.offset
    return known.base + known.offset, 0
