"""Which source a bot comes from, and where a revision's history was rewritten."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add both columns; bots of before are of the one source."""
    op.add_column("inventory", sa.Column("source", sa.String, nullable=False, server_default=""))
    op.add_column("revisions", sa.Column("rewritten", sa.String, nullable=False, server_default=""))
