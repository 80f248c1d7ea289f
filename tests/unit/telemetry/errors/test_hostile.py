"""Whatever a bot prints is read in bounded time."""

import subprocess
import sys
from pathlib import Path

from tests.unit.telemetry.errors import hostile

PROJECT = Path(__file__).parents[4]
PATIENCE = 120.0
"""Seconds for what takes a few: a pattern that tries too much would take hours, or centuries."""


def test_every_pattern_has_hostile_output() -> None:
    """A pattern that is added is shown the output that is the hardest for it."""
    assert set(hostile.PIECES) == set(hostile.patterns())


def test_hostile_output_is_read_in_bounded_time() -> None:
    """Lines made of a pattern's own pieces hold nobody up; read by a process that can be ended."""
    command = [sys.executable, "-m", "tests.unit.telemetry.errors.hostile"]
    try:
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as expired:
        names = (expired.stdout or b"").decode().split()
        raise AssertionError(f"{names[-1:]} takes too long") from expired
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(hostile.patterns())
