"""Who signed a revision, and what the signature was worth."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add both columns; of revisions of before nothing is known."""
    op.add_column("revisions", sa.Column("signature", sa.String, nullable=False, server_default=""))
    op.add_column("revisions", sa.Column("signer", sa.Text, nullable=False, server_default=""))
