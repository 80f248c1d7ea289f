"""The fleet's identity: its name and a random suffix, kept from the first start."""

import base64
import secrets

from sqlalchemy import Connection, delete, insert, select, update

from controller.database.opening import take_turns
from controller.database.tables import fleet, inventory


def fleet_id(connection: Connection) -> str | None:
    """Return the id of this database's fleet, None where it never had one."""
    return connection.execute(select(fleet.c.id).order_by(fleet.c.created_at)).scalars().first()


def ensure_fleet(connection: Connection, name: str, now: float, known: str = "") -> str:
    """Return the fleet id, made now where there is none; `known` is an id kept elsewhere, taken then."""
    found = fleet_id(connection)
    if found is None:
        take_turns(connection)
        found = fleet_id(connection)
    if found:
        return found
    made = known or f"{name}-{new_suffix()}"
    connection.execute(insert(fleet).values(id=made, name=name, created_at=now))
    return made


def change_fleet_id(connection: Connection, known: str) -> bool:
    """Take another fleet's id, whose jobs an operator wants back; say whether that could be.

    It cannot where a bot was ever applied under the id of now: its job would be forgotten.
    """
    if fleet_id(connection) == known:
        return True
    take_turns(connection)
    if connection.execute(select(inventory.c.bot).where(inventory.c.token != "").limit(1)).first():
        return False
    connection.execute(delete(inventory))
    connection.execute(update(fleet).values(id=known))
    return True


def new_suffix() -> str:
    """Return 6 random base32 characters, lower case."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()[:6]
