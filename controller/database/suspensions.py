"""Who may not run, by whose word, until when."""

from sqlalchemy import Connection, delete, select

from controller.database.tables import suspensions
from controller.database.upsert import upsert
from controller.records import Suspension


def load_suspensions(connection: Connection) -> dict[str, Suspension]:
    """Return every suspension by bot."""
    return {
        row.bot: Suspension(row.bot, row.by, row.reason, row.since, row.until)
        for row in connection.execute(select(suspensions))
    }


def save_suspension(connection: Connection, one: Suspension) -> None:
    """Write a suspension over the bot's earlier one."""
    row = {"bot": one.bot, "by": one.by, "reason": one.reason, "since": one.since, "until": one.until}
    upsert(connection, suspensions, [row])


def drop_suspension(connection: Connection, bot: str) -> None:
    """End a suspension."""
    connection.execute(delete(suspensions).where(suspensions.c.bot == bot))
