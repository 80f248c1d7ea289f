"""A launcher to be started in a test, and surely ended after it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.controller.launcher.station import Station


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Callable[[str], Station]]:
    """Return how to make the station of a bot with some code."""
    made: list[Station] = []

    def make(code: str) -> Station:
        made.append(Station(tmp_path, code))
        return made[-1]

    yield make
    for each in made:
        each.close()
