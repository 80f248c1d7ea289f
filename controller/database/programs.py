"""Which content ran under each version of a program: it is immutable from then on."""

from sqlalchemy import Connection, select

from controller.database.tables import programs
from controller.database.upsert import upsert
from schemas.bot import ProgramVersion


def load_programs(connection: Connection) -> dict[tuple[str, str], str]:
    """Return (program, version) -> git tree id, for everything that ever ran."""
    return {(row.name, row.version): row.tree for row in connection.execute(select(programs))}


def save_program(connection: Connection, program: ProgramVersion, now: float) -> None:
    """Write what runs under a version (other content than before only in development)."""
    row = {"name": program.name, "version": program.version, "tree": program.tree, "ran_at": now}
    upsert(connection, programs, [row])
