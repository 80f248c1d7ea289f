"""Who leads: the epoch that every write of a leader carries, and where the leader is.

PostgreSQL only. The right to lead is an advisory lock of the leader's session; the epoch grows with every
leader, so that one who has lost the lock without knowing it can write nothing more.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from controller.database.tables import leadership

LOCK = 0x6865726473
"""The advisory lock that the leader's session holds."""
_HELD = text(
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND classid = :high AND objid = :low"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@dataclass(frozen=True, slots=True)
class Leader:
    """A controller that leads: its name, the URL of its own HTTP service, since when (Unix seconds)."""

    epoch: int
    holder: str
    address: str
    since: float


def current_epoch(connection: Connection) -> int:
    """Return the newest leader's epoch, and keep it from changing while this transaction lasts."""
    found = connection.execute(select(leadership.c.epoch).with_for_update(read=True)).scalar()
    return found or 0


def find_leader(connection: Connection) -> Leader | None:
    """Return who leads now, None where nobody does."""
    if connection.execute(_HELD, {"high": LOCK >> 32, "low": LOCK & 0xFFFFFFFF}).first() is None:
        return None
    row = connection.execute(select(leadership)).first()
    return Leader(row.epoch, row.holder, row.address, row.since) if row else None
