"""The last applies of each bot."""

from sqlalchemy import Connection, delete, insert, select

from controller.database.tables import attempts
from controller.records import Attempt


def add_attempt(connection: Connection, attempt: Attempt, keep: int) -> None:
    """Write one, and forget all but the newest `keep` of that bot."""
    row = {name: getattr(attempt, name) for name in Attempt.__dataclass_fields__}
    connection.execute(insert(attempts).values(row))
    mine = select(attempts.c.id).where(attempts.c.bot == attempt.bot)
    newest = mine.order_by(attempts.c.id.desc()).limit(keep)
    old = delete(attempts).where(attempts.c.bot == attempt.bot, attempts.c.id.not_in(newest))
    connection.execute(old)


def load_attempts(connection: Connection, bot: str) -> list[Attempt]:
    """Return a bot's attempts, newest first."""
    mine = select(attempts).where(attempts.c.bot == bot).order_by(attempts.c.id.desc())
    return [
        Attempt(row.bot, row.revision, row.digest, row.started_at, row.ended_at, bool(row.ok), row.message)
        for row in connection.execute(mine)
    ]
