"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "fleet",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "inventory",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("revision", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("scheduler", sa.String, nullable=False),
        sa.Column("node", sa.String, nullable=False),
        sa.Column("program", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("tree", sa.String, nullable=False),
        sa.Column("intent", sa.String, nullable=False),
        sa.Column("halted", sa.String, nullable=False),
        sa.Column("code", sa.String, nullable=False),
        sa.Column("dependencies", sa.String, nullable=False),
        sa.Column("applied_at", sa.Float),
        sa.Column("spec", sa.Text),
    )
    op.create_table(
        "status",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("saved_at", sa.Float, nullable=False),
    )
    op.create_table(
        "revisions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("committed_at", sa.Float, nullable=False),
        sa.Column("branch", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("received_at", sa.Float, nullable=False),
        sa.Column("finished_at", sa.Float),
        sa.Column("trigger", sa.String, nullable=False),
        sa.Column("requested_by", sa.String, nullable=False),
        sa.Column("held", sa.Text, nullable=False),
        sa.Column("errors", sa.Text, nullable=False),
    )
    op.create_index("revisions_received", "revisions", ["received_at"])
    op.create_table(
        "changes",
        sa.Column("revision", sa.String, primary_key=True),
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("bot", sa.String, nullable=False),
        sa.Column("revision", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_index("attempts_bot", "attempts", ["bot", "id"])
    op.create_table(
        "runs",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("allocation", sa.String, nullable=False),
        sa.Column("node", sa.String, nullable=False),
        sa.Column("revision", sa.String, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("ended_at", sa.Float),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.Column("signal", sa.Integer),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
    )
    op.create_index("runs_started", "runs", ["bot", "started_at"])
    op.create_table(
        "suspensions",
        sa.Column("bot", sa.String, primary_key=True),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("until", sa.Float),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float),
        sa.Column("last_used_at", sa.Float),
        sa.Column("revoked_at", sa.Float),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("token", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
    )
    op.create_index("audit_at", "audit", ["at"])
