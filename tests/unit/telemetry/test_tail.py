"""One file read in any portions: nothing is lost, doubled or held for ever."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.agent.tail import LINE_LIMIT, Piece, Place, Tail

_PORTIONS = st.sampled_from(
    [
        b"plain line\n",
        b"half a ",
        b"\n",
        b"Traceback (most recent call last):\n",
        b'  File "a.py", line 1, in f\n',
        b"ValueError: x\n",
        b"Error: y\n",
        b"    at f (a.js:1:2)\n",
        b"\xff\xfe",
        b'{"a": 1}\n',
        b"panic: z\n\ngoroutine 1 [running]:\n",
    ]
)


def read_all(tail: Tail, now: float, *, last: bool = False) -> list[Piece]:
    pieces = []
    while (piece := tail.read(now, last=last)) is not None:
        pieces.append(piece)
    return pieces


@given(st.lists(st.tuples(_PORTIONS, st.sampled_from([0.0, 0.05, 0.3, 3.0]), st.booleans()), max_size=25))
@settings(max_examples=300, deadline=None)
def test_pieces_make_up_the_file(portions: list[tuple[bytes, float, bool]]) -> None:
    """However a file grows and whenever it is read, its pieces follow each other and make up its content."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bot.stdout.0"
        path.touch()
        tail = Tail(path)
        pieces: list[Piece] = []
        now = 100.0
        written = b""
        for data, pause, reopened in portions:
            with path.open("ab") as file:
                file.write(data)
            written += data
            pieces += read_all(tail, now)
            now += pause
            if reopened:
                place = tail.place
                tail.close()
                tail = Tail(path, place)
        pieces += read_all(tail, now, last=True)
        assert b"".join(piece.data for piece in pieces) == written
        at = 0
        for piece in pieces:
            assert piece.offset == at
            at = piece.end
            for first, count in piece.joins:
                assert first + count <= piece.data.count(b"\n")
        assert not tail.unread()
        tail.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "bot.stdout.0"
    file.touch()
    return file


def test_held_lines_are_due_soon(path: Path) -> None:
    """What may begin a trace is due 0.1 s after the last growth, and 1 s after it was first held."""
    tail = Tail(path)
    path.write_bytes(b"Traceback (most recent call last):\n")
    assert tail.read(100.0) is None
    assert tail.wake_at == pytest.approx(100.1)
    for step in range(1, 30):
        with path.open("ab") as file:
            file.write(b"  File 'x'\n")
        piece = tail.read(100.0 + step * 0.05)
        if piece is not None:
            break
    assert step == 20
    assert piece is not None
    assert piece.data.count(b"\n") == 21
    tail.close()


def test_an_unfinished_line_is_due_later(path: Path) -> None:
    """A line without an end is due two seconds after it last grew."""
    tail = Tail(path)
    path.write_bytes(b"no end")
    assert tail.read(100.0) is None
    assert tail.wake_at == 102.0
    piece = tail.read(102.0)
    assert piece is not None
    assert piece.data == b"no end"
    assert tail.wake_at is None
    tail.close()


def test_truncation_while_a_part_is_held(path: Path) -> None:
    """What was read and held back when the file was truncated is handed out before the new content."""
    tail = Tail(path)
    path.write_bytes(b"one\ntail")
    first = tail.read(100.0)
    assert first is not None
    os.truncate(path, 0)
    path.write_bytes(b"new\n")
    pieces = read_all(tail, 100.1)
    assert [(piece.data, piece.offset) for piece in [first, *pieces]] == [
        (b"one\n", 0),
        (b"tail", 4),
        (b"new\n", 8),
    ]
    tail.close()


def test_a_file_cut_and_filled_again_between_two_reads(path: Path) -> None:
    """Cut short and longer than before at the next look, it is read from its beginning and told as cut."""
    tail = Tail(path)
    path.write_bytes(b"one\ntwo\n")
    assert [piece.data for piece in read_all(tail, 100.0)] == [b"one\ntwo\n"]
    os.truncate(path, 0)
    path.write_bytes(b"three\nfour\n")
    (piece,) = read_all(tail, 100.1)
    assert (piece.data, piece.offset, tail.cut_after) == (b"three\nfour\n", 8, 8)
    tail.close()


def test_a_long_line_that_is_cut_away_leaves_no_trace(path: Path) -> None:
    """Cut short within a line that is too long, what was held of it is handed out, and the next is whole."""
    tail = Tail(path)
    path.write_bytes(b"a" * (LINE_LIMIT + 5000))
    while tail.more:
        assert tail.read(100.0) is None
    os.truncate(path, 0)
    path.write_bytes(b"new\n")
    rest, new = read_all(tail, 100.1)
    assert (len(rest.data), rest.dropped) == (LINE_LIMIT, 5000)
    assert (new.data, new.offset, new.dropped) == (b"new\n", LINE_LIMIT + 5000, 0)
    tail.close()


@given(st.binary(min_size=1, max_size=80), st.binary(max_size=80), st.integers(0, 80))
@settings(max_examples=200, deadline=None)
def test_what_comes_after_a_cut_is_read_whole(before: bytes, after: bytes, read: int) -> None:
    """Whatever a file held and holds now, a reader that comes back to it reads on, or from its beginning."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bot.stdout.0"
        path.write_bytes(before[: min(read, len(before))])
        tail = Tail(path)
        pieces = read_all(tail, 100.0, last=True)
        place = tail.place
        tail.close()
        path.write_bytes(after)
        tail = Tail(path, place)
        new = b"".join(piece.data for piece in read_all(tail, 200.0, last=True))
        had = b"".join(piece.data for piece in pieces)
        goes_on = after.startswith(had[-32:]) if not had else after[: len(had)][-32:] == had[-32:]
        assert new == (after[len(had) :] if goes_on and len(after) >= len(had) else after)
        tail.close()


def test_a_known_place_of_another_file_begins_anew(path: Path) -> None:
    """A place of another inode, or behind the file's end, means another life of the file."""
    path.write_bytes(b"hello\n")
    inode = path.stat().st_ino
    for known, offset in [
        (Place(inode, 0, 3), 3),
        (Place(inode + 1, 10, 5), 15),
        (Place(inode, 10, 500), 510),
    ]:
        tail = Tail(path, known)
        piece = tail.read(100.0)
        assert piece is not None
        assert piece.offset == offset
        tail.close()
