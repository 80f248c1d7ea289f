"""Destinations of notifications with what they were told, and the messages that wait for them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "notification_destinations",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("service", sa.String, nullable=False),
        sa.Column("routes", sa.Text, nullable=False),
        sa.Column("memory", sa.Text, nullable=False),
        sa.Column("sent_at", sa.Float),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("dropped", sa.Integer, nullable=False),
    )
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "notification_queue",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("destination", sa.String, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("subjects", sa.Integer, nullable=False),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("notification_queue_waiting", "notification_queue", ["ended_at", "destination", "number"])
