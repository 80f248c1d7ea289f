"""A launcher as a child process: never one that nobody watches."""

import os
import sys
from pathlib import Path

import pytest

from controller.schedulers.local.child import Child
from controller.schedulers.local.leftovers import LAUNCHER_MARK, find


async def test_a_launcher_that_cannot_be_watched_does_not_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a free descriptor for its end, it is gone before the error is told."""

    def none_left(_pid: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", none_left)
    mark = f"test-{os.urandom(4).hex()}/a/a-1"
    sleep = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    with pytest.raises(OSError, match="Too many open files"):
        Child.start(sleep, {LAUNCHER_MARK: mark}, tmp_path / "launcher.log")
    assert find(LAUNCHER_MARK, mark) == []
