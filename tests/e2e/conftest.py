"""Services for the end-to-end tests: each is the installed command with an empty home."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, new_fleet
from tests.e2e.installation import build_wheel, install, newer_sources
from tests.e2e.service import CHECKOUT, Service

_LONGEST = 600
"""Seconds that a test here has at least: it waits for much that is real, and each may take `PATIENCE`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test that says nothing else more time than tests of no servers have."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_LONGEST))


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


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once."""
    return build_wheel(CHECKOUT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path) -> Iterator[Path]:
    """Install herdsman from its wheel where a task of Nomad may run it too, and return the command."""
    with tempfile.TemporaryDirectory(prefix="herdsman-installed-") as folder:
        Path(folder).chmod(0o755)
        yield install(wheel, Path(folder) / "herdsman")


@pytest.fixture(scope="session")
def newer_installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install a later version of herdsman likewise, and return its command."""
    built = tmp_path_factory.mktemp("newer")
    wheel = build_wheel(newer_sources(built / "sources"), built / "wheel")
    with tempfile.TemporaryDirectory(prefix="herdsman-newer-") as folder:
        Path(folder).chmod(0o755)
        yield install(wheel, Path(folder) / "herdsman")
