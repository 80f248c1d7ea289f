"""Which content ran under each version of a program, also after no bot runs it any more."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table, and what the inventory holds already."""
    programs = op.create_table(
        "programs",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("tree", sa.String, nullable=False),
        sa.Column("ran_at", sa.Float, nullable=False),
    )
    inventory = sa.table("inventory", *(sa.column(name) for name in ("program", "version", "tree")))
    columns = (inventory.c.program, inventory.c.version, sa.func.max(inventory.c.tree), sa.literal(0.0))
    owned = sa.select(*columns).where(inventory.c.tree != "").group_by(*columns[:2])
    op.execute(programs.insert().from_select(["name", "version", "tree", "ran_at"], owned))
