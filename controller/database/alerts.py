"""How alerts stand, and what happened to them: written by the web, read by whoever tells people.

The documents are the web's (`telemetry.alerts.ports.Kept` as JSON); the columns are what is searched by.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from controller.database.tables import alert_history, alert_mutes, alerts
from controller.database.upsert import upsert

KEPT_FOR = 90 * 86400.0
"""Seconds for which the history of alerts is kept."""
_OVER_FOR = 86400.0
"""Seconds for which an alert that is over is kept among those of now: whoever tells people reads it there."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """How a rule stands for a bot. `document` is JSON; `number` grows with every change of any."""

    bot: str
    rule: str
    state: str
    at: float
    document: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class PastAlert:
    """One thing that happened to an alert; `number` is its place in the history."""

    number: int
    document: str


def save_alerts(connection: Connection, rows: Sequence[AlertRow], past: Sequence[AlertRow]) -> None:
    """Keep how alerts stand now, numbered in this order, and add to the history what happened to them."""
    number = connection.execute(select(func.max(alerts.c.number))).scalar() or 0
    newest = {(row.bot, row.rule): row for row in rows}
    upsert(
        connection,
        alerts,
        [
            {
                "bot": row.bot,
                "rule": row.rule,
                "number": number + place,
                "state": row.state,
                "at": row.at,
                "document": row.document,
            }
            for place, row in enumerate(newest.values(), 1)
        ],
    )
    for row in past:
        values = {"at": row.at, "bot": row.bot, "rule": row.rule, "document": row.document}
        connection.execute(insert(alert_history).values(values))


def trim_alerts(connection: Connection, now: float) -> None:
    """Forget alerts that were over long ago, and old history. The newest row stays: its number counts on."""
    newest = select(func.max(alerts.c.number)).scalar_subquery()
    over = (alerts.c.state == "ok") & (alerts.c.at < now - _OVER_FOR) & (alerts.c.number < newest)
    connection.execute(delete(alerts).where(over))
    connection.execute(delete(alert_history).where(alert_history.c.at < now - KEPT_FOR))
    connection.execute(delete(alert_mutes).where(alert_mutes.c.until < now))


def load_alerts(connection: Connection, after: int = 0) -> list[AlertRow]:
    """Return alerts that changed after a number, in that order; also those that are over."""
    newer = select(alerts).where(alerts.c.number > after).order_by(alerts.c.number)
    return [
        AlertRow(row.bot, row.rule, row.state, row.at, row.document, row.number)
        for row in connection.execute(newer)
    ]


def newest_alert(connection: Connection) -> int:
    """Return the newest number, 0 where there is none."""
    return connection.execute(select(func.max(alerts.c.number))).scalar() or 0


def load_history(
    connection: Connection, limit: int, *, bot: str = "", rule: str = "", before: int = 0, since: float = 0.0
) -> list[PastAlert]:
    """Return what happened to alerts, newest first, before a number and since a Unix time."""
    found = select(alert_history).order_by(alert_history.c.id.desc()).limit(limit)
    if bot:
        found = found.where(alert_history.c.bot == bot)
    if rule:
        found = found.where(alert_history.c.rule == rule)
    if before:
        found = found.where(alert_history.c.id < before)
    if since:
        found = found.where(alert_history.c.at >= since)
    return [PastAlert(row.id, row.document) for row in connection.execute(found)]


def load_past_after(connection: Connection, after: int, limit: int) -> list[PastAlert]:
    """Return what happened to alerts after a number, oldest first."""
    later = select(alert_history).where(alert_history.c.id > after).order_by(alert_history.c.id).limit(limit)
    return [PastAlert(row.id, row.document) for row in connection.execute(later)]


def newest_past(connection: Connection) -> int:
    """Return the newest number of the history, 0 where it is empty."""
    return connection.execute(select(func.max(alert_history.c.id))).scalar() or 0


def save_mute(connection: Connection, identity: str, until: float, document: str) -> None:
    """Keep a mute."""
    upsert(connection, alert_mutes, [{"id": identity, "until": until, "document": document}])


def drop_mute(connection: Connection, identity: str) -> None:
    """End a mute."""
    connection.execute(delete(alert_mutes).where(alert_mutes.c.id == identity))


def load_mutes(connection: Connection) -> list[str]:
    """Return the documents of all mutes."""
    return [row.document for row in connection.execute(select(alert_mutes).order_by(alert_mutes.c.until))]
