"""Log files that follow one another, and small files that are never seen in parts."""

import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.launcher.files import LogFile, indices, last_line, make_folder, read, replace
from controller.launcher.streams import Pump


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder: Path) -> list[bytes]:
    return [(folder / f"x.{index}").read_bytes() for index in indices(str(folder), "x")]


@given(st.lists(st.binary(min_size=1, max_size=40)))
def test_nothing_is_lost_or_moved_by_rotation(chunks: list[bytes]) -> None:
    """All files together are what was written, and each ends with a line's end."""
    with tempfile.TemporaryDirectory() as folder:
        log = LogFile(folder, "x", size=32, keep=1000)
        for chunk in chunks:
            assert log.write(chunk) == b""
        log.close()
        files = contents(Path(folder))
        assert b"".join(files) == b"".join(chunks)
        assert all(file.endswith(b"\n") for file in files[:-1])


def test_a_file_holds_its_size_and_the_line_that_filled_it(tmp_path: Path) -> None:
    """However large the pieces are that come in."""
    log = LogFile(str(tmp_path), "x", size=10, keep=10)
    log.write(b"aaaa\nbbbb\ncccc\ndddd\neeee")
    log.write(b"e\nffff\n")
    log.close()
    assert contents(tmp_path) == [b"aaaa\nbbbb\n", b"cccc\ndddd\n", b"eeeee\nffff\n"]


def test_only_the_newest_files_are_kept(tmp_path: Path) -> None:
    """The oldest go, and numbers are never used again."""
    log = LogFile(str(tmp_path), "x", size=2, keep=3)
    for n in range(8):
        log.write(b"%d\n" % n)
    log.close()
    assert indices(str(tmp_path), "x") == [5, 6, 7]


def test_a_new_life_goes_on_in_the_newest_file(tmp_path: Path) -> None:
    """What was there stays, and its size counts."""
    for text in (b"12345\n", b"6789\n", b"0\n"):
        log = LogFile(str(tmp_path), "x", size=10, keep=3)
        log.write(text)
        log.close()
    assert contents(tmp_path) == [b"12345\n6789\n", b"0\n"]


@pytest.mark.parametrize("planted", ["pipe", "link", "hard link", "folder", "dangling link"])
@pytest.mark.parametrize("index", [0, 1])
def test_what_a_bot_puts_under_a_name_of_ours_is_passed_over(
    tmp_path: Path, planted: str, index: int
) -> None:
    """A pipe, a link or a folder at the next name is never written to, and nothing of the output is lost."""
    logs, secret = tmp_path / "logs", tmp_path / "secret"
    logs.mkdir()
    secret.write_text("another's\n")
    log = LogFile(str(logs), "x", size=4, keep=10) if index else None
    if log:
        log.write(b"one\n")
    place = logs / f"x.{index}"
    if planted == "pipe":
        os.mkfifo(place)
    elif planted == "link":
        place.symlink_to(secret)
    elif planted == "dangling link":
        place.symlink_to(tmp_path / "nowhere")
    elif planted == "hard link":
        place.hardlink_to(secret)
    else:
        place.mkdir()
    log = log or LogFile(str(logs), "x", size=4, keep=10)
    assert log.write(b"two\nthree\nfour\n") == b""
    log.close()
    written = [(logs / f"x.{number}") for number in indices(str(logs), "x") if number != index]
    expected = b"one\ntwo\nthree\nfour\n" if index else b"two\nthree\nfour\n"
    assert b"".join(file.read_bytes() for file in written) == expected
    assert secret.read_text() == "another's\n"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_among_old_files_stops_no_rotation(tmp_path: Path) -> None:
    """What cannot be deleted is left where it is."""
    (tmp_path / "x.0").mkdir()
    log = LogFile(str(tmp_path), "x", size=2, keep=1)
    for number in range(4):
        assert log.write(b"%d\n" % number) == b""
    log.close()
    assert indices(str(tmp_path), "x") == [0, 4]


def test_a_full_disk_gives_back_what_it_did_not_take(tmp_path: Path) -> None:
    """The caller keeps the rest and tries again; a pump says that it is held up."""
    log = LogFile(str(tmp_path), "x", size=10, keep=3)
    pump = Pump(log)
    os.write(pump.writing, b"precious\n")
    pump.hand_over()
    with no_room():
        assert log.write(b"precious\n") == b"precious\n"
        assert not pump.move()
    assert pump.blocked
    assert not pump.ended
    os.close(pump.reading)
    log.close()


def test_the_last_line_that_says_anything(tmp_path: Path) -> None:
    """Empty lines and empty newer files are passed over."""
    (tmp_path / "x.0").write_text("one\ntwo\n\n")
    (tmp_path / "x.1").write_text("\n \n")
    (tmp_path / "x.note").write_text("not a stream")
    assert last_line(str(tmp_path), "x") == "two"
    assert last_line(str(tmp_path), "y") == ""


def test_small_files(tmp_path: Path) -> None:
    """They are replaced whole; what is missing, too large or not text is None."""
    file = tmp_path / "deep" / "er" / "small"
    make_folder(str(file.parent))
    replace(str(file), "old" * 1000)
    replace(str(file), "new ☃")
    assert read(str(file)) == "new ☃"
    assert [entry.name for entry in file.parent.iterdir()] == ["small"]
    assert read(str(file), limit=3) is None
    file.write_bytes(b"\xff\xfe")
    assert read(str(file)) is None
    assert read(str(tmp_path / "missing")) is None


def test_a_pipe_in_place_of_a_file_keeps_no_reader_waiting(tmp_path: Path) -> None:
    """Neither a small file nor a log is read from a pipe; a link is followed only where it may be."""
    os.mkfifo(tmp_path / "x.0")
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    assert read(str(tmp_path / "x.0")) is None
    assert last_line(str(tmp_path), "x") == ""
    assert read(str(tmp_path / "link")) == "text"
    assert read(str(tmp_path / "link"), links=False) is None


def test_a_name_that_only_looks_like_a_number_is_no_log_file(tmp_path: Path) -> None:
    """A bot may leave any name among its logs."""
    for name in ("x.0", "x.\N{SUPERSCRIPT TWO}", "x.\N{ARABIC-INDIC DIGIT TWO}", "x.", "x.one"):
        (tmp_path / name).touch()
    assert indices(str(tmp_path), "x") == [0]


TRACE = """\
Traceback (most recent call last):
  File "/code/main.py", line 41, in main
    trade("x")
  File "/code/feeds/live.py", line 7, in trade
    call()
  File "/layer/http/client.py", line 900, in call
    raise error
ConnectionError: connection refused
"""
SYNTAX = """\
Traceback (most recent call last):
  File "/code/main.py", line 3
    x = = 2
        ^
SyntaxError: invalid syntax
"""


NAMED = """\
\x1b[1m2026-11-23T11:59:57.645435894Z\x1b[0m \x1b[1;31m[ERROR] BOT-001.DataEngine: Unexpected exception
KeyError('BTC (spot)')
Traceback (most recent call last):
  File "/layer/nautilus_trader/live/data_engine.py", line 482, in _run_data_queue
    self._handle_data(data)
  File "nautilus_trader/data/engine.pyx", line 1676, in nautilus_trader.data.engine.DataEngine._handle_data
  File "/code/strategy.py", line 35, in on_bar
\x1b[0m
"""
TERMINATES = (
    "\x1b[1m2026-11-23T11:59:57.648062794Z\x1b[0m \x1b[1;31m[ERROR] BOT-001.DataEngine: terminates\x1b[0m\n"
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (NAMED, "KeyError: 'BTC (spot)'"),
        (NAMED + TERMINATES, "KeyError: 'BTC (spot)'"),
        (NAMED + TERMINATES * 4, "2026-11-23T11:59:57.648062794Z [ERROR] BOT-001.DataEngine: terminates"),
        ("\x1b[31mno money\x1b[0m \x1b[x \x1b[1", "no money \x1b[x \x1b[1"),
        (TRACE, "ConnectionError: connection refused (feeds/live.py:7)"),
        (
            TRACE + "\nDuring handling of the above exception:\n\n" + SYNTAX,
            "SyntaxError: invalid syntax (main.py:3)",
        ),
        (TRACE + "bye\n", "bye"),
        (TRACE + "[SQL: SELECT 1]\n(more)\n", "ConnectionError: connection refused (feeds/live.py:7)"),
        (
            TRACE.replace("connection refused", "2 validation errors for Order")
            + "price\n  not a number\nsize\n",
            "ConnectionError: 2 validation errors for Order (feeds/live.py:7)",
        ),
        (TRACE.replace("refused", "refused:") + '{"level": "info"}\n', '{"level": "info"}'),
        ("Traceback (most recent call last):\nValueError: x\n", "ValueError: x"),
        ("no money\n", "no money"),
    ],
)
def test_a_crash_is_told_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    """The bot's own file and line stand behind the exception; other last lines stand alone."""
    (tmp_path / "bot.stderr.0").write_text(text)
    assert last_line(str(tmp_path), "bot.stderr") == line
