"""Opening the file of the embedded stores: its settings, its tables, and what an earlier version left."""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from schemas.errors import StoreUnavailable
from telemetry.embedded import earlier
from telemetry.embedded.damage import is_damage, is_damage_of_index, set_aside
from telemetry.embedded.indexing import drop_table
from telemetry.embedded.labels import EventLabels
from telemetry.embedded.moving import move
from telemetry.embedded.schema import FROM_1, FROM_1_WITHOUT_TEXT, SCHEMA_VERSION, TABLES

_log = logging.getLogger("herdsman.telemetry")


def opened(path: Path) -> sqlite3.Connection:
    """Open a file with its tables; one that is damaged is set aside first. Raises StoreUnavailable."""
    if _next(path).exists():
        put_in_place(path, "so an earlier process found")
    try:
        return _prepared(path)
    except StoreUnavailable as error:
        if error.__cause__ is None or not is_damage(error.__cause__):
            raise
        set_file_aside(path, error.__cause__)
        return _prepared(path)


def connect(path: Path) -> sqlite3.Connection:
    """Open a file as it is. Raises StoreUnavailable."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # see checkpoints.py
        connection.execute("PRAGMA journal_size_limit = 0")  # so that the log's size says what is in it
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the embedded store {path} cannot be opened: {error}") from error
    return connection


def build_next(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Write a new file beside a damaged one: filled, closed, and found by `put_in_place` and `opened`.

    Raises StoreUnavailable, OSError and sqlite3.Error; then there is none.
    """
    building = path.with_name(path.name + ".part")
    for end in ("", "-wal", "-shm"):
        building.with_name(building.name + end).unlink(missing_ok=True)
    connection = _prepared(building)
    try:
        connection.execute("BEGIN IMMEDIATE")
        fill(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    building.rename(_next(path))


def put_in_place(path: Path, error: BaseException | str) -> None:
    """Set a damaged file aside, and put the one that was built in its place. Raises OSError.

    After a kill in the middle of it `opened` does what is left of it.
    """
    set_file_aside(path, error)
    _next(path).rename(path)


def _next(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def set_file_aside(path: Path, error: BaseException | str) -> None:
    """Set a damaged file aside, and say so. Raises OSError."""
    away = set_aside(path)
    _log.critical(
        "the embedded store %s is damaged (%s): it is set aside as %s, and a new one is begun. What bots "
        "printed until now is in that file: sqlite3 FILE .recover reads what is left of it",
        path,
        error,
        away,
    )


def _prepared(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise StoreUnavailable(f"the embedded store {path} cannot be opened: {error}") from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        connection.close()
        raise StoreUnavailable(
            f"{path} was written by a newer herdsman (schema {version}, this one knows {SCHEMA_VERSION}): "
            "start that version, or name another data folder"
        )
    if version == 1:
        _take_over(connection, path)
    elif version < SCHEMA_VERSION:
        connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def _take_over(connection: sqlite3.Connection, path: Path) -> None:
    """Make a file of version 1 one of today; its events, but for the newest, are moved later."""
    (erases,) = connection.execute("PRAGMA secure_delete").fetchone()
    connection.execute("PRAGMA secure_delete = OFF")  # else every page of a dropped index is written
    try:
        connection.executescript(f"BEGIN; {FROM_1}")
    except sqlite3.Error as error:
        if not is_damage_of_index(error):
            raise
        connection.rollback()
        _log.error("the index of texts in %s is damaged (%s): it is made anew behind", path, error)
        connection.executescript(f"BEGIN; {FROM_1_WITHOUT_TEXT}")
        drop_table(connection, "events_text")
    move(connection, EventLabels())  # so that the numbers of new events go on after theirs
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
    connection.execute(f"PRAGMA secure_delete = {erases}")
    _log.info(
        "%s is of an earlier version: about %d events are moved behind the writes, the newest first; "
        "searches find each once it is moved",
        path,
        earlier.left(connection),
    )
