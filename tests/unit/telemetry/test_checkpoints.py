"""The log of the embedded store's file: copied beside the writes, begun anew, bounded."""

import sqlite3
from pathlib import Path

import pytest

from telemetry.embedded.checkpoints import Checkpoints
from telemetry.embedded.opening import opened


def insert(connection: sqlite3.Connection, number: int) -> None:
    """Commit about a page."""
    connection.execute("INSERT INTO sources (name) VALUES (?)", (f"{number:08}" * 400,))


def log_size(path: Path) -> int:
    """Return the bytes of the log."""
    return path.with_name(path.name + "-wal").stat().st_size


def test_a_log_under_writes_that_never_rest_begins_anew(tmp_path: Path) -> None:
    """It is copied beside the writes, its rest by the writer once it is large; nothing is lost."""
    path = tmp_path / "telemetry.db"
    connection = opened(path)
    checkpoints = Checkpoints(path, copy_every=1 << 18, most=1 << 20)
    anew, number, size = 0, 0, 0
    while anew < 3:
        insert(connection, number)
        checkpoints.look(connection)
        before, size = size, log_size(path)
        anew += size < before
        number += 1
    checkpoints.close()
    assert connection.execute("SELECT count(*), count(DISTINCT name) FROM sources").fetchone() == (
        number,
        number,
    )
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_copy_is_made_while_the_writer_is_within_a_transaction(tmp_path: Path) -> None:
    """The file has what was committed before, though the writer has not rested since."""
    path = tmp_path / "telemetry.db"
    connection = opened(path)
    checkpoints = Checkpoints(path, copy_every=1 << 18)
    for number in range(200):
        insert(connection, number)
    before = path.stat().st_size
    connection.execute("BEGIN IMMEDIATE")
    insert(connection, 200)
    checkpoints.look(connection)
    checkpoints.close()
    assert path.stat().st_size > before + (1 << 19)
    connection.execute("COMMIT")
    connection.close()


def test_a_copy_that_fails_is_said_once_and_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer goes on, and copies itself."""
    path = tmp_path / "telemetry.db"
    connection = opened(path)
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    checkpoints = Checkpoints(nowhere, copy_every=1)
    log = tmp_path / "nowhere-wal"
    log.write_bytes(b"something")
    while not caplog.records:
        checkpoints.look(connection)
    log.write_bytes(b"something, and more")
    checkpoints.look(connection)  # the end of that copy
    checkpoints.look(connection)  # the next one
    insert(connection, 0)
    checkpoints.close()
    assert [record.message for record in caplog.records] == [
        f"the log of {nowhere} could not be copied; said once"
    ]
    assert connection.execute("SELECT count(*) FROM sources").fetchone() == (1,)
    connection.close()
