"""Insert or replace by primary key, in the words of SQLite and of PostgreSQL."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Table


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, all columns of each given, over those with the same primary key."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    # Only the one that is used: that of PostgreSQL takes 4 MB, and its own engine has loaded it before.
    name = "postgresql" if connection.dialect.name == "postgresql" else "sqlite"
    statement = import_module(f"sqlalchemy.dialects.{name}").insert(table)
    others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), list(rows))
