from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.approval import approved
from tests.unit.cli.terminal import Terminal, terminal


@pytest.fixture(autouse=True)
def nothing_approved() -> Iterator[None]:
    """Let no command's `--yes` count for the next test of this process."""
    before = approved.set(False)
    yield
    approved.reset(before)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Terminal]:
    """Give a person a terminal of their own beside a service over fakes."""
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in ("URL", "TOKEN", "TOKEN_FILE", "DATA", "ENV", "CA_FILE"):
        monkeypatch.delenv(f"HERDSMAN_{name}", raising=False)
    async with terminal(tmp_path) as made:
        yield made
