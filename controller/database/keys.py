"""Secrets that all controllers of a fleet share, such as the one under which bundles' addresses are made."""

import secrets

from sqlalchemy import Connection, insert, select

from controller.database.opening import take_turns
from controller.database.tables import keys


def shared_key(connection: Connection, name: str, first: bytes = b"") -> bytes:
    """Return a key of 32 bytes, made at the first time (or `first`, where that is given)."""
    take_turns(connection)
    found = connection.execute(select(keys.c.value).where(keys.c.name == name)).scalar()
    if found:
        return bytes.fromhex(found)
    made = first or secrets.token_bytes(32)
    connection.execute(insert(keys).values(name=name, value=made.hex()))
    return made
