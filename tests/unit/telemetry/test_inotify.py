"""Noticing changes through the kernel, and what happens at its limits."""

import asyncio
import errno
from pathlib import Path

import pytest

from telemetry.agent import inotify
from telemetry.agent.inotify import Changes, Inotify, LimitReached
from tests.unit.telemetry.bots import Node


def test_growth_coming_and_going(tmp_path: Path) -> None:
    """Writing tells the file, making and deleting tell the folder; asking again tells nothing."""
    watcher = Inotify()
    assert watcher.watch(tmp_path)
    file = tmp_path / "bot.stdout.0"
    file.touch()
    assert watcher.changes() == Changes(set(), {str(tmp_path)})
    file.write_text("x")
    assert watcher.changes().files == {(str(tmp_path), "bot.stdout.0")}
    file.unlink()
    assert watcher.changes().folders == {str(tmp_path)}
    assert watcher.changes() == Changes(set(), set())
    watcher.close()


def test_a_watched_folder_that_goes_away(tmp_path: Path) -> None:
    """Its end is told once, and it can be watched again when it is back."""
    folder = tmp_path / "logs"
    folder.mkdir()
    watcher = Inotify()
    watcher.watch(folder)
    folder.rmdir()
    assert watcher.changes().folders == {str(folder)}
    folder.mkdir()
    assert watcher.watch(folder)
    (folder / "a").touch()
    assert watcher.changes().folders == {str(folder)}
    watcher.unwatch(folder)
    (folder / "b").touch()
    watcher.changes()
    assert watcher.changes() == Changes(set(), set())
    watcher.close()


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    """A folder that is not there, a file and a link are not watched, without an error."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    watcher = Inotify()
    assert not watcher.watch(tmp_path / "nothing")
    assert not watcher.watch(tmp_path / "file")
    assert not watcher.watch(tmp_path / "link")
    watcher.close()


@pytest.mark.parametrize(
    ("code", "setting"),
    [(errno.EMFILE, "fs.inotify.max_user_instances"), (errno.ENOSPC, "fs.inotify.max_user_watches")],
)
def test_a_limit_says_which_setting_to_raise(code: int, setting: str) -> None:
    """The error for a used-up limit names the kernel's setting and the command."""
    inotify.ctypes.set_errno(code)
    error = inotify._failure("logs cannot be watched")
    assert isinstance(error, LimitReached)
    assert f"Raise it: sysctl -w {setting}=" in str(error)


async def test_an_allocation_without_a_watch_is_polled(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    """Where the kernel has no watch left for one bot, its lines arrive all the same, and the log says why."""

    class Full(Inotify):
        def watch(self, folder: Path) -> bool:
            if folder.name == "logs":
                raise LimitReached(errno.ENOSPC, f"{folder} cannot be watched: raise max_user_watches")
            return super().watch(folder)

    bot = node.bot()
    following = node.agent(watcher=Full())
    running = asyncio.create_task(following.run())
    bot.print("one\n")
    await node.told.until(lambda told: "one" in told.messages)
    bot.print("two\n")
    await node.told.until(lambda told: "two" in told.messages)
    await following.finish()
    await running
    assert "raise max_user_watches" in caplog.text
