"""The waves in which a revision reaches its bots."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add what people see of a rollout, and what it needs to go on; revisions of before had none."""
    for name in ("rollout", "rollout_state"):
        op.add_column("revisions", sa.Column(name, sa.Text, nullable=False, server_default=""))
