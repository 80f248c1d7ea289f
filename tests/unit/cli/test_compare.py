"""What `herdsman compare` says: sizes with their unit, any other number as it is."""

from cli.compare import report
from cli.compare_groups import report_groups
from cli.metrics import sized_of
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


def test_lines_are_counted_whatever_their_text_is() -> None:
    """A line that ends as the name of a series of bytes does, is no size: a bot decides what it prints."""
    rates = (SpreadDocument(8, 1.5, 1, 2), SpreadDocument(8, 3000, 2800, 3100))
    some = RowChangeDocument("lines", "cannot reset sent_bytes", {}, "more", *rates, {"more": 8})
    part = PartDocument("live", 8, 8, [], [some])
    lines = list(report_groups("all", TogetherDocument("before", "after", [part]), everything=False))
    assert " ".join(words_of(lines, "sent_bytes")) == "1.5 (1..2) 3,000 (2,800..3,100) more in 8 of 8"


def test_sizes_that_differ_are_told_apart() -> None:
    """By three digits, also where they are less than a byte a second, or nearly the next unit."""
    sizes = (11.6 * 1024 * MIB, 12.4 * 1024 * MIB, 10.501 * MIB, 999.7, 1000, 1023.4 * MIB, 1023.99 * MIB)
    assert [sized_of("bot_memory_bytes", one) for one in sizes] == (
        ["11.6 GiB", "12.4 GiB", "10.5 MiB", "1000 B", "1000 B", "1023 MiB", "1 GiB"]
    )
    rates = (0.3, 0.45, 1 / 30, 1 / 21, -0.4, 0, 2048)
    assert [sized_of("bot_disk_read_bytes_per_second", one) for one in rates] == (
        ["0.3 B/s", "0.45 B/s", "0.0333 B/s", "0.0476 B/s", "-0.4 B/s", "0 B/s", "2 KiB/s"]
    )
