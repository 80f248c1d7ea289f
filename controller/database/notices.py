"""Waking other processes: a notice rings where somebody listens on PostgreSQL, and does nothing elsewhere.

A notice carries nothing: whoever hears it reads the tables, and reads them now and then without one.
"""

from enum import StrEnum

from sqlalchemy import Connection, text


class Channel(StrEnum):
    """What has changed."""

    REQUESTS = "herdsman_requests"
    ANSWERS = "herdsman_answers"
    REPORTS = "herdsman_reports"
    VIEWS = "herdsman_views"
    DRAINS = "herdsman_drains"


def notify(connection: Connection, channel: Channel) -> None:
    """Ring once this transaction is committed."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": channel.value})
