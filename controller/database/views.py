"""What the leader shows to the web: one document for each thing, numbered in the order of their changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from controller.database.notices import Channel, notify
from controller.database.tables import views
from controller.database.upsert import upsert


@dataclass(frozen=True, slots=True)
class View:
    """One document (JSON), "" where the thing is gone."""

    kind: str
    name: str
    number: int
    document: str


def save_views(
    connection: Connection, documents: Mapping[tuple[str, str], str], number: int, now: float
) -> int:
    """Write documents by (kind, name), numbered from `number` on; return the last number used."""
    rows = [
        {"kind": kind, "name": name, "number": number + place, "document": document, "at": now}
        for place, ((kind, name), document) in enumerate(documents.items())
    ]
    upsert(connection, views, rows)
    notify(connection, Channel.VIEWS)
    return number + len(rows) - 1


def load_views(connection: Connection, after: int = 0) -> list[View]:
    """Return what has changed after a number, in that order."""
    newer = select(views).where(views.c.number > after).order_by(views.c.number)
    return [View(row.kind, row.name, row.number, row.document) for row in connection.execute(newer)]


def last_view(connection: Connection) -> int:
    """Return the newest number, 0 where there is none."""
    return connection.execute(select(func.max(views.c.number))).scalar() or 0


def trim_views(connection: Connection, before: float) -> None:
    """Forget what was gone before a Unix time."""
    connection.execute(delete(views).where(views.c.document == "", views.c.at < before))
