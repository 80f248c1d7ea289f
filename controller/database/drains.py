"""Whether a stopped bot's last lines have arrived: the leader asks before it purges a job, web answers."""

from sqlalchemy import Connection, delete, select, update

from controller.database.notices import Channel, notify
from controller.database.tables import drains
from controller.database.upsert import upsert

_SAME_QUESTION = 60.0
"""Seconds without being asked again after which an answer is an older question's."""


def ask_drained(connection: Connection, bot: str, now: float) -> bool:
    """Return whether a bot's lines are known to have arrived; where not, that is asked.

    It is asked every second or so. An answer that nobody came back for, as where the bot
    was wanted again, says nothing of the lines that it has printed since.
    """
    row = connection.execute(select(drains).where(drains.c.bot == bot)).first()
    if row is None or row.asked_at < now - _SAME_QUESTION:
        upsert(connection, drains, [{"bot": bot, "asked_at": now, "answered_at": None}])
        notify(connection, Channel.DRAINS)
        return False
    if row.answered_at is None:
        connection.execute(update(drains).where(drains.c.bot == bot).values(asked_at=now))
        return False
    connection.execute(delete(drains).where(drains.c.bot == bot))
    return True


def open_drains(connection: Connection) -> list[str]:
    """Return the bots that are asked about."""
    return list(connection.execute(select(drains.c.bot).where(drains.c.answered_at.is_(None))).scalars())


def answer_drained(connection: Connection, bot: str, now: float) -> None:
    """Say that all lines of a bot have arrived."""
    connection.execute(update(drains).where(drains.c.bot == bot).values(answered_at=now))


def drop_drains(connection: Connection, before: float) -> None:
    """Forget questions from before a Unix time: nobody waits for their answers any more."""
    connection.execute(delete(drains).where(drains.c.asked_at < before))
