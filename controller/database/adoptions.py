"""Which bots are to take the place of jobs that herdsman did not start, by whose word."""

from sqlalchemy import Connection, delete, select

from controller.database.tables import adoptions
from controller.database.upsert import upsert
from controller.records import Adoption


def load_adoptions(connection: Connection) -> dict[str, Adoption]:
    """Return every adoption that was not carried out yet, by bot."""
    return {
        row.bot: Adoption(row.bot, row.job, row.token, row.by, row.reason, row.at)
        for row in connection.execute(select(adoptions))
    }


def save_adoption(connection: Connection, one: Adoption) -> None:
    """Write an adoption over the bot's earlier one."""
    row = {"bot": one.bot, "job": one.job, "token": one.token, "by": one.by, "reason": one.reason}
    upsert(connection, adoptions, [{**row, "at": one.at}])


def drop_adoption(connection: Connection, bot: str) -> None:
    """Forget an adoption."""
    connection.execute(delete(adoptions).where(adoptions.c.bot == bot))
