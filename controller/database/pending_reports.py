"""Launchers' reports on their way from the intake to the leader, in the order in which they came."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from controller.database.notices import Channel, notify
from controller.database.tables import pending_reports


def add_reports(connection: Connection, reports: Sequence[str]) -> None:
    """Keep reports (JSON) until the leader has taken them in."""
    connection.execute(insert(pending_reports), [{"report": report} for report in reports])
    notify(connection, Channel.REPORTS)


def load_reports(connection: Connection, limit: int) -> list[tuple[int, str]]:
    """Return the oldest, with their numbers."""
    oldest = select(pending_reports).order_by(pending_reports.c.id).limit(limit)
    return [(row.id, row.report) for row in connection.execute(oldest)]


def drop_reports(connection: Connection, numbers: Sequence[int]) -> None:
    """Forget what was taken in."""
    connection.execute(delete(pending_reports).where(pending_reports.c.id.in_(numbers)))
