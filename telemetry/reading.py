"""A chunk of lines becomes events, samples and reports: identity and labels around the vocabulary. Pure."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.labels import AllocationLabels
from schemas.reports import LAUNCHER_STREAM, LauncherReport, ReportKind
from telemetry.bot_lines import BotLines
from telemetry.bot_series import BotSeries, base_labels
from telemetry.gaps import gap_told
from telemetry.records import Event, Sample
from telemetry.vocabulary import read_line
from telemetry.wire import Chunk

_log = logging.getLogger("herdsman.intake")
_decode_report = msgspec.json.Decoder(LauncherReport).decode
_MOST_NUMBER = 1 << 31
"""What a database keeps of a number."""
_ERROR_KINDS = {ReportKind.FAILED, ReportKind.LEASE_LOST}


@dataclass(slots=True)
class Output:
    """What one chunk meant."""

    file: str
    """How the ids of the file's events begin."""
    events: list[Event] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    reports: list[LauncherReport] = field(default_factory=list)
    lines: int = 0
    refused: int = 0
    """Numbers that were not kept."""
    repeated: int = 0
    """Lines with the `event_id` of an earlier one, which are not kept."""
    gaps: int = 0
    """Gaps in the `seq` of lines; each is an event."""


class AllocationReader:
    """Reads the output of one allocation; holds its bot's series."""

    __slots__ = ("_lines", "_mistaken", "_up_labels", "labels", "series")

    def __init__(
        self, labels: AllocationLabels, series: BotSeries | None = None, lines: BotLines | None = None
    ) -> None:
        self.labels = labels
        self._lines = lines or BotLines()
        self.series = series or BotSeries(base_labels(labels))
        self._up_labels = self.series.base
        self._mistaken = False

    def read(self, chunk: Chunk, after: int) -> Output:
        """Read the lines of a chunk that begin at the offset `after` or later."""
        output = Output(f"{self.labels.allocation}/{chunk.stream}/{chunk.index}/")
        read = self._report if chunk.stream == LAUNCHER_STREAM else self._line
        simple = not chunk.joins and not chunk.dropped and chunk.data[-1:] == b"\n"
        for offset, line, size in _single(chunk, after) if simple else _joined(chunk, after):
            output.lines += 1
            if line:
                try:
                    read(chunk, offset, line, size, output)
                except Exception as error:  # noqa: BLE001 - no line may hold its batch up, and the agent with it
                    output.events.append(self._as_it_is(chunk, offset, line, size, error))
        if chunk.missed:
            until = output.events[0].time if output.events else chunk.time
            output.events.insert(0, self._missed(chunk, until))
        return output

    def use(self, time: float, values: dict[str, float]) -> list[Sample]:
        """Return the samples of a resource measurement."""
        return [Sample(name, self.series.base, time, value) for name, value in values.items()]

    def _line(self, chunk: Chunk, offset: int, line: bytes, size: int, output: Output) -> None:
        reading = read_line(line, chunk.time, self.series)
        message, data = reading.message, reading.data
        if data and ("event_id" in data or "seq" in data) and self._said_before(chunk, offset, data, output):
            return
        if chunk.dropped:
            message += f" [cut: {chunk.dropped} more bytes]"
            data = {**data, "cut_bytes": chunk.dropped}
        output.samples += reading.samples
        output.refused += reading.refused
        labels = self.labels
        output.events.append(
            Event(
                output.file + str(offset),
                labels.bot,
                reading.time,
                reading.kind,
                reading.level,
                message,
                chunk.stream,
                labels.allocation,
                chunk.run,
                labels.revision,
                labels.mode,
                data,
                size,
                labels.program,
            )
        )

    def _as_it_is(self, chunk: Chunk, offset: int, line: bytes, size: int, error: Exception) -> Event:
        """Return the event of a line that a mistake of ours keeps from being understood; log that once."""
        if not self._mistaken:
            _log.error("a line of %s could not be read; said once of a bot", self.labels.bot, exc_info=error)
        self._mistaken = True
        text = line.decode("utf-8", "replace")
        return self._event(chunk, f"{chunk.index}/{offset}", chunk.time, "log", "info", text, {}, size)

    def _said_before(self, chunk: Chunk, offset: int, data: Mapping[str, Any], output: Output) -> bool:
        """Say whether a line is known by its `event_id`; note a gap in `seq` before it."""
        labels = self.labels
        place = output.file + str(offset)
        gap = self._lines.gap(data, place, (labels.allocation, chunk.run, chunk.stream))
        if gap:
            output.gaps += 1
            known = {"gap": True, "seq": data["seq"]}
            at = f"{chunk.index}/{offset}/gap"
            output.events.append(self._event(chunk, at, chunk.time, "log", "warning", gap, known))
        if not self._lines.is_repeated(data, place):
            return False
        output.repeated += 1
        return True

    def _report(self, chunk: Chunk, offset: int, line: bytes, size: int, output: Output) -> None:
        try:
            report = _decode_report(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            report = None
        if report is None or not _is_sound(report):
            self._line(chunk, offset, line, size, output)
            return
        output.reports.append(report)
        if report.kind is ReportKind.RUNNING:
            return  # it tells a person nothing new
        if report.kind in {ReportKind.STARTED, ReportKind.EXITED}:
            up = float(report.kind is ReportKind.STARTED)
            output.samples.append(Sample("bot_up", self._up_labels, report.t, up))
        output.events.append(
            self._event(
                chunk,
                f"{chunk.index}/{offset}",
                report.t,
                "lifecycle",
                _report_level(report),
                _report_text(report),
                msgspec.to_builtins(report),
                size,
                report.run,
            )
        )

    def _missed(self, chunk: Chunk, until: float) -> Event:
        """Return the event of what is missing before a chunk whose first line is of `until`."""
        place = f"{chunk.index}/{chunk.offset}/missed"
        text, data = chunk.missed, {"missed": True}
        if chunk.gap is not None:
            text, data = gap_told(text, chunk.gap, until)
        return self._event(chunk, place, until, "log", "warning", text, data)

    def _event(
        self,
        chunk: Chunk,
        place: str,
        time: float,
        kind: str,
        level: str,
        message: str,
        data: Mapping[str, Any],
        size: int = 0,
        run: str = "",
    ) -> Event:
        labels = self.labels
        return Event(
            f"{labels.allocation}/{chunk.stream}/{place}",
            labels.bot,
            time,
            kind,
            level,
            message,
            chunk.stream,
            labels.allocation,
            run or chunk.run,
            labels.revision,
            labels.mode,
            data,
            size,
            labels.program,
        )


def _single(chunk: Chunk, after: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield what `_joined` does, for a chunk in which every line is whole and stands for itself."""
    offset = chunk.offset
    lines = chunk.data.split(b"\n")
    del lines[-1]
    for line in lines:
        size = len(line) + 1
        if offset >= after:
            yield offset, line, size
        offset += size


def _joined(chunk: Chunk, after: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield offset, text and size in the file of each event (a line, or several that belong together).

    Lines before `after` are passed over; of joined lines only those behind it are yielded.
    """
    lines = chunk.data.split(b"\n")
    unfinished = lines.pop()
    last_end = 0 if unfinished else 1
    if unfinished:
        lines.append(unfinished)
    joins = dict(chunk.joins)
    offset, number, last = chunk.offset, 0, len(lines)
    joined_until = 0
    while number < last:
        count = joins.get(number, 1)
        joined_until = max(joined_until, number + count)
        if offset < after:
            count = 1
        elif count == 1:
            count = joined_until - number
        group = lines[number : number + count]
        number += count
        size = sum(map(len, group)) + count - 1 + (last_end if number == last else 1) + chunk.dropped
        if offset >= after:
            yield offset, group[0] if count == 1 else b"\n".join(group).rstrip(), size
        offset += size


def _is_sound(report: LauncherReport) -> bool:
    """Say whether a report can be kept: a bot may write into the folder that its launcher's lie in."""
    numbers = (report.pid, report.launcher_pid, report.attempt, report.exit_code, report.signal)
    small = all(number is None or -_MOST_NUMBER <= number < _MOST_NUMBER for number in numbers)
    return small and "\0" not in report.run and "\0" not in report.reason


def _report_level(report: LauncherReport) -> str:
    if report.kind in _ERROR_KINDS:
        return "error"
    if report.kind is ReportKind.EXITED and report.outcome not in {None, "success", "stopped"}:
        return "error"
    return "info"


def _report_text(report: LauncherReport) -> str:
    """Return a launcher's report as one sentence."""
    what = report.kind.value.replace("_", " ")
    how = report.outcome.value.replace("_", " ") if report.outcome else report.reason.replace("_", " ")
    code = f"exit code {report.exit_code}" if report.exit_code is not None else ""
    killed = f"signal {report.signal}" if report.signal is not None else ""
    return ": ".join([part for part in (what, how, killed or code, report.message) if part])
