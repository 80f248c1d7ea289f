"""Alerts: how each rule stands for a bot, what happened to it, and who muted what."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "alerts",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("alerts_number", "alerts", ["number"])
    op.create_table(
        "alert_history",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("bot", sa.String, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("alert_history_at", "alert_history", ["at"])
    op.create_index("alert_history_bot", "alert_history", ["bot", "at"])
    op.create_table(
        "alert_mutes",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
