"""Fifty thousand numbered lines of a hundred bots, kills of all that is behind them, and then a count."""

from pathlib import Path

import pytest

from tests.soak.running import Soak, run
from tests.soak.steps import FEW

pytestmark = [pytest.mark.e2e, pytest.mark.victoriametrics, pytest.mark.timeout(1500)]


def test_kills_and_a_full_disk_lose_and_double_no_line_and_no_sample(tmp_path: Path) -> None:
    """Every line is stored once, every sample is there, and what was rotated away unread is told."""
    outcome = run(Soak(seed=1, lines=50_000, steps=FEW), tmp_path)
    assert outcome.count.mistakes == []
    assert outcome.printed >= 50_000
    assert outcome.count.lines + outcome.count.lost == outcome.printed
    assert outcome.count.samples > outcome.count.lines * 0.49
    assert outcome.count.gaps > 0, "no file was rotated away unread: the gap was not tried"
