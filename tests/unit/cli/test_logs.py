"""How log lines are printed."""

import re
import time
from datetime import UTC, datetime

from cli.logs import line_of, moment_of
from web.documents.series import LogEvent


def test_a_line_of_today_has_its_time_in_utc() -> None:
    """The zone is said, and is the dashboard's."""
    now = time.time()
    shown = moment_of(now)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}Z", shown.split(" ")[-1])
    assert f"{datetime.fromtimestamp(now, UTC):%H:%M:%S}" in shown


def test_a_line_of_another_day_has_its_date() -> None:
    """Nobody takes yesterday's crash for today's; milliseconds are cut, not rounded into the next second."""
    assert moment_of(1767225599.9999) == "2025-12-31 23:59:59.999Z"


def test_lines_of_several_bots_stand_under_one_another() -> None:
    """The name of a bot is written as wide as the longest of them; of one bot alone it is left out."""
    event = LogEvent("e", "ada", 1.0, "log", "info", "started", "stdout", "", "", {})
    assert line_of(event, 7).endswith("  ada      info    started")
    assert "ada" not in line_of(event)
