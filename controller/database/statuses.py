"""The last status of each bot and what its launcher had reported, so that a restart forgets nothing."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from controller.database.documents import decode_process, decode_status, encode
from controller.database.tables import status
from controller.database.upsert import upsert
from controller.process import ProcessState
from controller.status import BotStatus


def load_statuses(connection: Connection) -> dict[str, tuple[BotStatus | None, ProcessState]]:
    """Return status and process state by bot."""
    found = connection.execute(select(status.c.bot, status.c.status, status.c.process))
    return {row.bot: (decode_status(row.status), decode_process(row.process)) for row in found}


def save_statuses(
    connection: Connection, statuses: Sequence[tuple[BotStatus, ProcessState]], now: float
) -> None:
    """Write the newest of each."""
    rows = [
        {"bot": one.name, "status": encode(one), "process": encode(process), "saved_at": now}
        for one, process in statuses
    ]
    upsert(connection, status, rows)


def save_processes(connection: Connection, processes: Mapping[str, ProcessState], now: float) -> None:
    """Write what launchers reported, beside whatever status a bot has."""
    for bot, process in processes.items():
        row = {"process": encode(process), "saved_at": now}
        if connection.execute(update(status).where(status.c.bot == bot).values(row)).rowcount == 0:
            connection.execute(insert(status).values(row | {"bot": bot, "status": "null"}))


def drop_status(connection: Connection, bot: str) -> None:
    """Forget a removed bot's status (its runs and revisions stay)."""
    connection.execute(delete(status).where(status.c.bot == bot))
