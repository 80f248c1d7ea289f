"""What differs in a changed bot's manifest, and a quick way from a bot to the revisions that changed it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("changes", sa.Column("fields", sa.Text, nullable=False, server_default=""))
    op.create_index("changes_bot", "changes", ["bot"])
