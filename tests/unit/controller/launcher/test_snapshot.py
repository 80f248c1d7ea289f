"""A query's copy of the state: the same as the bot's, and never the bot's own."""

import os
import time
from pathlib import Path

import pytest

from controller.launcher import snapshot
from controller.launcher.snapshot import TooLarge, refresh


def content(folder: Path) -> dict[str, str]:
    """Return the texts of all files below a folder by their path."""
    return {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}


def test_a_copy_follows_its_source(tmp_path: Path) -> None:
    """New, changed and removed files and folders, and what a query did to the copy, are all made good."""
    source, target = tmp_path / "state", tmp_path / "copy"
    (source / "deep").mkdir(parents=True)
    (source / "a.json").write_text("1")
    (source / "deep" / "b.json").write_text("2")
    refresh(source, target)
    assert content(target) == {"a.json": "1", "deep/b.json": "2"}
    (target / "a.json").write_text("9")
    (target / "c.json").write_text("9")
    (source / "deep" / "b.json").unlink()
    (source / "deep").rmdir()
    (source / "deep").write_text("a file now")
    refresh(source, target)
    assert content(target) == content(source) == {"a.json": "1", "deep": "a file now"}


def test_an_unchanged_file_is_not_copied_again(tmp_path: Path) -> None:
    """The copy of a file that is as it was stays the same file."""
    source, target = tmp_path / "state", tmp_path / "copy"
    source.mkdir()
    (source / "a.json").write_text("1")
    refresh(source, target)
    before = (target / "a.json").stat().st_ino
    refresh(source, target)
    assert (target / "a.json").stat().st_ino == before


def test_only_plain_files_are_taken(tmp_path: Path) -> None:
    """Links and pipes in a state folder are passed over; a folder that is missing is an empty one."""
    source, target = tmp_path / "state", tmp_path / "copy"
    refresh(source, target)
    assert content(target) == {}
    source.mkdir()
    (tmp_path / "secret").write_text("another's")
    (source / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(source / "pipe")
    refresh(source, target)
    assert list(target.iterdir()) == []


def test_a_state_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy is never begun that would fill the disk."""
    monkeypatch.setattr(snapshot, "MOST_BYTES", 10)
    source = tmp_path / "state"
    source.mkdir()
    (source / "a.json").write_text("x" * 11)
    with pytest.raises(TooLarge):
        refresh(source, tmp_path / "copy")
    assert content(tmp_path / "copy") == {}


@pytest.mark.parametrize("looks", [1, 3])
def test_a_file_is_never_taken_empty_while_it_is_being_written(tmp_path: Path, looks: int) -> None:
    """A bot that has emptied its file and fills it a moment later is never seen without its state."""
    source, target = tmp_path / "state", tmp_path / "copy"
    source.mkdir()
    file, pauses = source / "a.json", list[float]()
    file.touch()
    os.utime(file, (time.time() + 3600,) * 2)  # emptied a moment ago, however slowly we look

    def fill(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == looks:
            file.write_text("x" * 100)

    refresh(source, target, fill)
    assert content(target) == {"a.json": "x" * 100}
    assert len(pauses) == looks


def test_a_file_that_stays_empty_is_taken_as_it_is(tmp_path: Path) -> None:
    """Nobody waits for what a bot may never write."""
    source, target = tmp_path / "state", tmp_path / "copy"
    source.mkdir()
    (source / "a.json").touch()
    refresh(source, target, lambda _seconds: None)
    assert content(target) == {"a.json": ""}
