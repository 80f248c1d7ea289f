"""What is kept: settings, sizes, growth and the forecast, as the doctor and the system page tell it."""

from pathlib import Path

import pytest

from cli.checkup.running import storage_findings
from cli.service.keeping import parse_keep
from cli.service.storage import DISK, TELEMETRY, StorageWatch, storage_probe
from schemas.errors import UsageError
from telemetry.embedded import Retention, TelemetryDatabase
from telemetry.growth import DAY, Growth, growth
from web.documents.system import SystemDocument

NOW = 1_790_000_000.0


def test_what_is_kept_for_how_long_can_be_said() -> None:
    """Each name takes a time or a size; what is not named keeps its default."""
    kept = parse_keep(("events=12h", "samples=2w", "minutes=3y", "errors=1d", "size=500MiB"))
    assert kept == Retention(
        raw_days=14, rollup_1m_days=1095, events_days=0.5, errors_days=1, most_bytes=500 << 20
    )
    assert parse_keep(()) == Retention()
    assert parse_keep(("debug=3d", "info=1w")).level_days == {"debug": 3.0, "info": 7.0}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("event=30d", "one of samples, steps, minutes, events, errors, trading, size"),
        ("events", "give a time of at least 1h"),
        ("events=0d", "give a time of at least 1h"),
        ("events=-1d", "give a time of at least 1h"),
        ("events=30", "such as 12h, 30d, 8w or 2y"),
        ("size=8", "such as 500MiB or 8GiB"),
        ("size=1MiB", "at least 64MiB"),
        ("samples=61d", "samples must not be kept longer than steps"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_what_can(asked: str, said: str) -> None:
    """A wrong name, time or size is told with one that is right."""
    with pytest.raises(UsageError, match=said):
        parse_keep((asked,))


def test_growth_is_told_of_the_past_week_and_when_there_is_no_more_room() -> None:
    """By the first and last size of the week; too little told is nothing, and what shrinks is never full."""
    points = [(NOW - 30 * DAY, 5e12), (NOW - 2 * DAY, 100.0), (NOW - DAY, 900.0), (NOW, 300.0)]
    assert growth(points, 1000.0, NOW) == Growth(100.0, NOW + 10 * DAY)
    assert growth(points, None, NOW) == Growth(100.0, None)
    assert growth(points, -5.0, NOW) == Growth(100.0, NOW)
    assert growth(points, 1e9, NOW) == Growth(100.0, None), "in 27,000 years"
    assert growth([(NOW - DAY, 100.0), (NOW, 40.0)], 1000.0, NOW) == Growth(-60.0, None)
    assert growth([(NOW - 3599, 0.0), (NOW, 1e9)], 1.0, NOW) == Growth(None, None)
    assert growth([(NOW + DAY, 0.0), (NOW, 1e9)], 1.0, NOW) == Growth(None, None), "a clock that was set back"
    assert growth([], 1.0, NOW) == Growth(None, None)


async def test_sizes_are_measured_kept_through_a_restart_and_told(tmp_path: Path) -> None:
    """The part has each thing with size, growth, bound and how long it is kept; the doctor says the same."""
    (tmp_path / "git").mkdir()
    (tmp_path / "git" / "pack").write_bytes(b"x" * 100_000)
    retention = parse_keep(("size=64MiB", "events=3d"))
    database = TelemetryDatabase(tmp_path / TELEMETRY, retention)
    await StorageWatch(tmp_path, database, None).measure(NOW - DAY)
    await database.close()
    (tmp_path / "git" / "more").write_bytes(b"x" * 400_000)
    database = TelemetryDatabase(tmp_path / TELEMETRY, retention)
    watch = StorageWatch(tmp_path, database, None)
    seen = await watch.measure(NOW)
    assert 500_000 <= seen.rooms["git"].size < 600_000
    assert seen.rooms["git"].growth.per_day == pytest.approx(400_000, rel=0.05)
    assert seen.rooms[TELEMETRY].size > 0
    assert DISK not in seen.rooms
    part = await storage_probe(watch, database)()
    assert part.table is not None
    assert part.table.columns == ["what", "size", "a day", "full", "kept"]
    assert {str(row[0]) for row in part.table.rows} == {"git", TELEMETRY}
    assert ("events kept", "3 d") in [(fact.name, fact.value) for fact in part.facts]
    told = {
        one.subject: one.found for one in storage_findings(SystemDocument(NOW, "ok", "1", "f", [part], []))
    }
    assert "a day; kept for good" in told["storage git"]
    assert "at most 0.0625 GiB" in told[f"storage {TELEMETRY}"]
    assert "free" in told["service storage"]
    await database.close()
