"""What holds bots at other revisions than git's newest, and what was applied to each bot."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pins",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("pin", sa.Text, nullable=False),
    )
    op.create_table(
        "trials",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("trial", sa.Text, nullable=False),
    )
    op.create_table(
        "refusals",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("refusal", sa.Text, nullable=False),
    )
    op.create_table(
        "deployments",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("applied_at", sa.Float, nullable=False),
        sa.Column("healthy_at", sa.Float),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("dependencies", sa.String, nullable=False),
    )
    op.create_index("deployments_applied", "deployments", ["bot", "applied_at"])
    _begin_with_what_runs()


def _begin_with_what_runs() -> None:
    """Keep what is applied now as every bot's first deployment: the next update can be taken back."""
    kept = ("bot", "digest", "spec", "code", "dependencies")
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(name) for name in (*kept, "revision", "source", "applied_at")
    ]
    rows = op.get_bind().execute(sa.select(*columns).select_from(sa.table("inventory", *columns))).mappings()
    first = [
        {
            **{name: row[name] for name in kept},
            "revision": json.dumps({"id": row["revision"], "origin": row["source"]}),
            "applied_at": row["applied_at"] or 0.0,
        }
        for row in rows
        if row["spec"]
    ]
    if first:
        into = sa.table("deployments", *(sa.column(name) for name in (*kept, "revision", "applied_at")))
        op.bulk_insert(into, first)
