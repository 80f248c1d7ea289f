"""A file that SQLite finds damaged: it is set aside whole, so that what bots print goes on into a new one.

An index of texts that does not agree with itself is no such damage: it is made of what is in the file.
"""

import sqlite3
import time
from pathlib import Path

_SIGNS = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SIGNS_OF_INDEX = ("invalid fts5 file format", "vtable constructor failed: events_text_")
_MARK = ".damaged-"
_BESIDE = ("", "-wal", "-shm")


def is_damage(error: BaseException) -> bool:
    """Say whether an error means that the file itself is damaged, and not that the disk is full, say."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _SIGNS and code != sqlite3.SQLITE_CORRUPT_VTAB


def is_damage_of_index(error: BaseException) -> bool:
    """Say whether an error means that an index of texts is damaged, and nothing that it is made of."""
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_CORRUPT_VTAB or str(error).startswith(_SIGNS_OF_INDEX)


def set_aside(path: Path) -> Path:
    """Rename a damaged file, with what SQLite keeps beside it; return its new name. Raises OSError.

    Where the file itself is away already, since a process died in the middle of this, the rest follows it.
    """
    away = path.with_name(f"{path.name}{_MARK}{time.time_ns() // 1_000_000}")
    if not path.exists() and (earlier := damaged_files(path)):
        away = earlier[-1]
    for end in _BESIDE:
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(away.with_name(away.name + end))
    return away


def damaged_files(path: Path) -> list[Path]:
    """Return the files that were set aside and are there still, oldest first."""
    found = path.parent.glob(f"{path.name}{_MARK}*")
    return sorted(file for file in found if not file.name.endswith(_BESIDE[1:]))
