"""What `herdsman compare` says: sizes with their unit, any other number as it is."""

from cli.compare import report
from cli.compare_groups import report_groups
from web.documents.comparing import (
    ComparisonDocument,
    NumbersDocument,
    PartDocument,
    PeriodDocument,
    RowChangeDocument,
    SeriesChangeDocument,
    SpreadDocument,
    TogetherDocument,
)

MIB = 1 << 20


def numbers(median: float, per_minute: float | None = None) -> NumbersDocument:
    """Return the numbers of a series with this median."""
    return NumbersDocument(100, median, median, median, median, median, per_minute)


def series(name: str, before: NumbersDocument, after: NumbersDocument) -> SeriesChangeDocument:
    """Return a series that is higher after."""
    return SeriesChangeDocument(name, {}, "resources", "higher", before, after)


def row(name: str, before: SpreadDocument, after: SpreadDocument) -> RowChangeDocument:
    """Return a series that is higher in every bot."""
    return RowChangeDocument("resources", name, {}, "higher", before, after, {"higher": 8})


def words_of(lines: list[str], name: str) -> list[str]:
    """Return the words of the one row that begins with a name, marks and spaces left out."""
    (found,) = [line for line in lines if name in line.split()]
    return found.split(name)[1].split()


def test_sizes_of_two_revisions_have_their_unit() -> None:
    """Also those that come a second, and counters of bytes; of other series the bare number."""
    period = PeriodDocument("3f9a2c1", "", "", "", 0.0, 10.0, 10.0)
    changed = (
        series("bot_memory_bytes", numbers(42 * MIB), numbers(64.5 * MIB)),
        series("bot_disk_read_bytes_per_second", numbers(512), numbers(2048)),
        series("bot_sent_bytes_total", numbers(1e9, 1024), numbers(2e9, 1536)),
        series("bot_open_files", numbers(4200), numbers(1048576)),
    )
    found = ComparisonDocument("one", period, period, [], list(changed), [], [], None, None)
    lines = list(report(found, everything=False))
    assert words_of(lines, "bot_memory_bytes") == ["42", "MiB", "64.5", "MiB", "higher", "+54%"]
    assert words_of(lines, "bot_disk_read_bytes_per_second")[:4] == ["512", "B/s", "2", "KiB/s"]
    assert words_of(lines, "bot_sent_bytes_total")[:4] == ["1", "KiB", "1.5", "KiB"]
    assert words_of(lines, "bot_open_files")[:2] == ["4,200", "1,048,576"]


def test_sizes_of_many_bots_have_their_unit() -> None:
    """The middle, and what lies around it."""
    some = row(
        "bot_memory_bytes",
        SpreadDocument(8, 42 * MIB, 41 * MIB, 44 * MIB),
        SpreadDocument(6, 2048 * MIB, 2048 * MIB - 1, 2048 * MIB + 1),
    )
    other = row("bot_tick_ms", SpreadDocument(8, 12.34567, 11, 14), SpreadDocument(8, 19, 19, 19))
    part = PartDocument("dry", 8, 8, [], [some, other])
    lines = list(report_groups("all", TogetherDocument("before", "after", [part]), everything=False))
    told = " ".join(words_of(lines, "bot_memory_bytes"))
    assert told == "42 MiB (41 MiB..44 MiB) 2 GiB in 6 of 8 higher in 8 of 8"
    assert " ".join(words_of(lines, "bot_tick_ms")) == "12.35 (11..14) 19 higher in 8 of 8"
