"""Services for the end-to-end tests: each is the installed command with an empty home."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, new_fleet
from tests.e2e.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Run herdsman with the local scheduler and its embedded stores."""
    running = Service(tmp_path / "home").start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def fleet(service: Service, tmp_path: Path) -> Fleet:
    """Clone an empty fleet that is connected to the service."""
    return new_fleet(tmp_path / "fleet", service)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Name the file where test bots keep the record of their lives."""
    return tmp_path / "lives"
