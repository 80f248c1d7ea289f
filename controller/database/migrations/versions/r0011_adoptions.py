"""Bots that are to take the place of jobs which herdsman did not start."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "adoptions",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("job", sa.String, nullable=False),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
