"""One allocation on this node: whose it is, and its streams of rotated log files."""

import contextlib
import errno
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from schemas.labels import LABELS_FILE, AllocationLabels
from schemas.reports import LAUNCHER_STREAM, LauncherReport, ReportKind
from telemetry.agent.claims import Claims
from telemetry.agent.opening import open_plain, opened
from telemetry.agent.tail import Piece, Place, Tail
from telemetry.gaps import files_missed
from telemetry.wire import Gap

QUERY_STREAM = "query"
"""What a realtime bot's query server prints, both of its streams in one."""
_FILE = re.compile(rf"(.+)\.(stdout|stderr|{QUERY_STREAM}|{LAUNCHER_STREAM})\.(0|[1-9]\d{{0,9}})", re.ASCII)
LOGS = ("alloc", "logs")
"""Where the logs are, below an allocation's folder."""
_MOST_LABELS = 1 << 16
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})
"""Errors that say nothing of a file: it can be opened later."""
_decode_labels = msgspec.json.Decoder(AllocationLabels).decode
_NOT_READ = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a text brings about that is not what it should be: a bot may have written it."""
_log = logging.getLogger("herdsman.agent")
_decode_report = msgspec.json.Decoder(LauncherReport).decode


def read_labels(folder: Path) -> AllocationLabels | None:
    """Return the labels in an allocation's folder, None where there are none, or not of this allocation."""
    try:
        with opened(folder, "alloc") as inside, os.fdopen(open_plain(LABELS_FILE, inside), "rb") as file:
            text = file.read(_MOST_LABELS)
    except OSError:
        return None
    try:
        labels = _decode_labels(text)
    except _NOT_READ:
        return None
    return labels if labels.allocation == folder.name else None


@dataclass(frozen=True, slots=True)
class Ready:
    """Lines of one file, ready to be sent."""

    stream: str
    index: int
    name: str
    piece: Piece
    missed: str
    gap: Gap | None


@dataclass(slots=True)
class Stream:
    """The rotated files of one stream, lowest index first; the highest is the one that grows."""

    folder: Path
    """The allocation's folder."""
    task: str
    name: str
    tails: dict[int, Tail] = field(default_factory=dict)
    renewed: set[int] = field(default_factory=set)
    """Files that were made anew under the same name: the old one is read to its end first."""
    newest: int | None = None
    missed: str = ""
    """What is to be told with the next lines: a file that is not the bot's own."""
    gaps: dict[int, tuple[str, Gap]] = field(default_factory=dict)
    """Index -> what is to be told with the first lines of that file: output before them that is lost."""
    read_until: float = 0.0
    """Unix seconds of the last output that was read."""
    whole: int = 0
    """Bytes of the last file that was seen to be rotated: others were as large, about; 0: none was."""
    claims: Claims = field(default_factory=Claims)

    def file_name(self, index: int) -> str:
        """Return the name of its file of that index."""
        return f"{self.task}.{self.name}.{index}"

    def open(self, logs: int, index: int, place: Place | None) -> None:
        """Begin to follow a file of the open folder; a file that is gone already is passed over.

        Raises OSError where there is no room for another open file.
        """
        expected = 0 if self.newest is None else self.newest + 1
        try:
            if self._is_anothers(logs, index):
                return
            tail = self.tails[index] = Tail(self.file_name(index), place, logs)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise
            return
        if place is not None:
            self.read_until = place.time
            if place.offset and tail.sent == place.base + place.offset and not tail.place.offset:
                self._note_cut(index, place.offset)
        elif index > expected and index not in self.gaps and not self.missed:
            self.note_gap(logs, expected, index)
        self.newest = max(index, self.newest or 0)

    def note_gap(self, logs: int, first: int, index: int, read: int = 0) -> None:
        """Note that files from `first` to before `index` are gone, `read` bytes of the first were read."""
        with contextlib.suppress(OSError):
            os.stat(self.file_name(index + 1), dir_fd=logs, follow_symlinks=False)
            self.whole = os.stat(self.file_name(index), dir_fd=logs, follow_symlinks=False).st_size
        size = max(self.whole * (index - first) - read, 0)
        gap = Gap(index - first, size, self.read_until, self.whole)
        self.gaps[index] = (files_missed(first, index - 1), gap)

    def _note_cut(self, index: int, read: int) -> None:
        text = (
            f"the log file {self.file_name(index)} was cut short, or made anew, after {read} bytes of it had "
            "been read: what was printed into it after those is lost"
        )
        self.gaps[index] = (text, Gap(0, 0, self.read_until))

    def _is_anothers(self, logs: int, index: int) -> bool:
        """Say whether a file is another bot's under a second name; that is told with the next lines."""
        status = os.stat(self.file_name(index), dir_fd=logs, follow_symlinks=False)
        fresh = self.claims.is_new(self.folder.name, status)
        refused = self.claims.refuses(self.folder.name, status)
        if refused and fresh:
            name = self.file_name(index)
            self.missed = (
                f"the log file {name} is not read: it is another bot's, under a second name (a link)"
            )
            _log.warning("%s: %s", self.folder, self.missed)
        return refused

    def check(self, logs: int, index: int) -> None:
        """Notice that a file was made anew under its name."""
        try:
            inode = os.stat(self.file_name(index), dir_fd=logs, follow_symlinks=False).st_ino
        except OSError:
            return
        if inode != self.tails[index].inode:
            self.renewed.add(index)

    def next(self, now: float, *, last: bool = False) -> Ready | None:
        """Return the next lines, in order through the rotated files; None where there are none yet.

        With `last`, what is held back (an unfinished line, the beginning of a trace) is returned as well.
        """
        while self.tails:
            index = min(self.tails)
            tail = self.tails[index]
            ended = len(self.tails) > 1 or index in self.renewed
            piece = tail.read(now, last=ended or last)
            if tail.cut_after:
                self._note_cut(index, tail.cut_after)
                tail.cut_after = 0
            if piece is not None:
                missed, gap = self.gaps.pop(index, ("", None))
                if not missed:
                    missed, self.missed = self.missed, ""
                self.read_until = max(self.read_until, piece.time)
                return Ready(self.name, index, self.file_name(index), piece, missed, gap)
            if tail.more:
                continue
            if not ended or tail.unread():
                break
            self._leave(index, tail)
        return None

    def _leave(self, index: int, tail: Tail) -> None:
        """Go on to the next file, or to the new one of the same name."""
        self.whole = tail.place.offset
        tail.close()
        del self.tails[index]
        if index in self.renewed:
            self.renewed.discard(index)
            try:
                with opened(self.folder, *LOGS) as logs:
                    if not self._is_anothers(logs, index):
                        self.tails[index] = Tail(self.file_name(index), tail.place, logs)
            except OSError:
                return

    def wake_at(self) -> float | None:
        """Return when held lines are due."""
        return self.tails[min(self.tails)].wake_at if self.tails else None

    def unread(self) -> bool:
        """Tell whether any file holds something that was not handed out."""
        return any(tail.unread() for tail in self.tails.values())

    def close(self) -> None:
        """Close all files."""
        for tail in self.tails.values():
            tail.close()
        self.tails.clear()


class Allocation:
    """Follows all streams of one allocation."""

    def __init__(
        self,
        folder: Path,
        labels: AllocationLabels,
        acknowledged: Mapping[str, Place],
        claims: Claims | None = None,
    ) -> None:
        self._claims = claims or Claims()
        self.folder = folder
        self.labels = labels
        self.logs = folder.joinpath(*LOGS)
        self.streams: dict[str, Stream] = {}
        self.acknowledged: dict[str, Place] = dict(acknowledged)
        self.in_flight = 0
        """Pieces that were sent and are not acknowledged."""
        self.said_drained = False
        self.gone = False
        """Its folder is no more: what the open files still hold is all there will be."""
        self.launcher_seen_at = 0.0
        self.run = ""
        self.launcher_pid = 0
        self.pid = 0
        self._recall()

    def discover(self) -> bool:
        """Open the files that are new; False where the folder is gone."""
        try:
            with opened(self.folder, *LOGS) as logs:
                self._discover(logs)
        except OSError:
            return False
        return True

    def unread(self) -> bool:
        """Tell whether anything was not handed out, or not acknowledged."""
        return self.in_flight > 0 or any(stream.unread() for stream in self.streams.values())

    def acknowledge(self, stream: str, index: int, place: Place) -> None:
        """Remember how far a stream was acknowledged; files before that are done with."""
        files = self.streams[stream]
        for name in [name for name in self.acknowledged if _index_in(name, files) is not None]:
            if (_index_in(name, files) or 0) < index:
                del self.acknowledged[name]
        self.acknowledged[files.file_name(index)] = place

    def note_reports(self, data: bytes) -> None:
        """Learn from the launcher's lines which run and which processes these are."""
        for line in data.splitlines():
            try:
                report = _decode_report(line)
            except _NOT_READ:
                continue
            if report.launcher_pid and report.launcher_pid != self.launcher_pid:
                self.launcher_pid, self.launcher_seen_at = report.launcher_pid, report.t
            if report.kind in (ReportKind.STARTED, ReportKind.RUNNING):
                self.run, self.pid = report.run, report.pid
            elif report.kind is ReportKind.EXITED:
                self.pid = 0

    def close(self) -> None:
        """Close all files."""
        for stream in self.streams.values():
            stream.close()

    def _discover(self, logs: int) -> None:
        found: dict[str, list[int]] = {}
        for name in os.listdir(logs):
            match = _FILE.fullmatch(name)
            if match and match[1] == self.labels.task:
                found.setdefault(match[2], []).append(int(match[3]))
        for name, indexes in found.items():
            self._open(logs, name, sorted(indexes))

    def _open(self, logs: int, name: str, indexes: list[int]) -> None:
        stream = self.streams.get(name)
        if stream is None:
            stream = self.streams[name] = Stream(self.folder, self.labels.task, name, claims=self._claims)
            done = [index for one in self.acknowledged if (index := _index_in(one, stream)) is not None]
            if indexes[0] > max(done, default=0):
                last = max(done, default=0)
                place = self.acknowledged.get(stream.file_name(last), Place(0, 0, 0))
                stream.read_until = place.time
                stream.note_gap(logs, last, indexes[0], place.offset)
            stream.newest = max(done) - 1 if done and max(done) in indexes else max(done, default=None)
            indexes = [index for index in indexes if index >= max(done, default=0)]
        try:
            for index in indexes:
                if index in stream.tails:
                    stream.check(logs, index)
                elif stream.newest is None or index > stream.newest:
                    stream.open(logs, index, self.acknowledged.get(stream.file_name(index)))
        except OSError as error:  # the rest is opened, in its order, once there is room
            _log.warning("%s: no log file can be opened now: %s", self.folder, error.strerror)

    def _recall(self) -> None:
        """Read what the launcher said before this agent began to follow it."""
        with contextlib.suppress(OSError), opened(self.folder, *LOGS) as logs:
            for index in sorted(self._launcher_files(logs)):
                name = f"{self.labels.task}.{LAUNCHER_STREAM}.{index}"
                with contextlib.suppress(OSError), os.fdopen(open_plain(name, logs), "rb") as file:
                    self.note_reports(file.read(1 << 22))

    def _launcher_files(self, logs: int) -> Iterator[int]:
        for name in os.listdir(logs):
            match = _FILE.fullmatch(name)
            if match and (match[1], match[2]) == (self.labels.task, LAUNCHER_STREAM):
                yield int(match[3])


def _index_in(name: str, stream: Stream) -> int | None:
    """Return the index in a log file's name, None where it is another stream's."""
    prefix = stream.file_name(0)[:-1]
    return int(name[len(prefix) :]) if name.startswith(prefix) else None
