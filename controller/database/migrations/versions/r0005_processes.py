"""What the processes of one herdsman tell each other: who leads, requests, reports, and what web shows."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "leadership",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("asked_at", sa.Float, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.Float),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("requests_state", "requests", ["state", "asked_at"])
    op.create_table(
        "request_steps",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("request", sa.String, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
    )
    op.create_index("request_steps_request", "request_steps", ["request", "id"])
    op.create_table(
        "pending_reports",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("report", sa.Text, nullable=False),
    )
    op.create_table(
        "views",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("views_number", "views", ["number"])
    op.create_table(
        "drains",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("asked_at", sa.Float, nullable=False),
        sa.Column("answered_at", sa.Float),
    )
    op.create_table(
        "keys",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
