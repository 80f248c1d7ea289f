"""The tables, as SQLAlchemy Core sees them; the migrations create them, a test holds the two together.

Times are Unix seconds. Values of ours that are read back whole are JSON text (`documents.py`).
"""

import re
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table
from sqlalchemy import Text as AnyText
from sqlalchemy.types import TypeDecorator

metadata = MetaData()
_Number = BigInteger().with_variant(Integer, "sqlite")
"""Numbers that the database gives out; SQLite does so for its own kind of integer alone."""
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")


class Text(TypeDecorator[str]):
    """Text from anywhere: what no database can keep (NUL, half a character) becomes U+FFFD."""

    impl = AnyText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Return what can be kept."""
        del dialect
        return None if value is None else _UNKEEPABLE.sub("\ufffd", value)


fleet = Table(
    "fleet",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", Float, nullable=False),
)

inventory = Table(
    "inventory",
    metadata,
    Column("bot", String, primary_key=True),
    Column("path", String, nullable=False),
    Column("revision", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("token", String, nullable=False),
    Column("scheduler", String, nullable=False),
    Column("node", String, nullable=False),
    Column("program", String, nullable=False),
    Column("version", String, nullable=False),
    Column("tree", String, nullable=False),
    Column("intent", String, nullable=False),
    Column("halted", String, nullable=False),
    Column("code", String, nullable=False),
    Column("dependencies", String, nullable=False),
    Column("applied_at", Float),
    Column("spec", Text),
    Column("source", String, nullable=False, server_default=""),
)

status = Table(
    "status",
    metadata,
    Column("bot", String, primary_key=True),
    Column("status", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("saved_at", Float, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", String, primary_key=True),
    Column("author", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("committed_at", Float, nullable=False),
    Column("branch", String, nullable=False),
    Column("source", String, nullable=False),
    Column("state", String, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("trigger", String, nullable=False),
    Column("requested_by", String, nullable=False),
    Column("held", Text, nullable=False),
    Column("errors", Text, nullable=False),
    Column("rewritten", String, nullable=False, server_default=""),
    Column("signature", String, nullable=False, server_default=""),
    Column("signer", Text, nullable=False, server_default=""),
    Column("rollout", Text, nullable=False, server_default=""),
    Column("rollout_state", Text, nullable=False, server_default=""),
    Index("revisions_received", "received_at"),
)

changes = Table(
    "changes",
    metadata,
    Column("revision", String, primary_key=True),
    Column("bot", String, primary_key=True),
    Column("action", String, nullable=False),
    Column("summary", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("fields", Text, nullable=False, server_default=""),
    Index("changes_bot", "bot"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("bot", String, nullable=False),
    Column("revision", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("message", Text, nullable=False),
    Index("attempts_bot", "bot", "id"),
)

runs = Table(
    "runs",
    metadata,
    Column("bot", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("allocation", String, nullable=False),
    Column("node", String, nullable=False),
    Column("revision", String, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("outcome", String, nullable=False),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("message", Text, nullable=False),
    Column("result", Text, nullable=False),
    Index("runs_started", "bot", "started_at"),
)

suspensions = Table(
    "suspensions",
    metadata,
    Column("bot", String, primary_key=True),
    Column("by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Float, nullable=False),
    Column("until", Float),
)

adoptions = Table(
    "adoptions",
    metadata,
    Column("bot", String, primary_key=True),
    Column("job", String, nullable=False),
    Column("token", String, nullable=False),
    Column("by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
)

pins = Table(
    "pins",
    metadata,
    Column("subject", String, primary_key=True),
    Column("pin", Text, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("bot", String, primary_key=True),
    Column("trial", Text, nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("bot", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("refusal", Text, nullable=False),
)

deployments = Table(
    "deployments",
    metadata,
    Column("bot", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("revision", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("applied_at", Float, nullable=False),
    Column("healthy_at", Float),
    Column("code", String, nullable=False),
    Column("dependencies", String, nullable=False),
    Index("deployments_applied", "bot", "applied_at"),
)

rules = Table(
    "rules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("who", String, nullable=False),
    Column("token", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("why", Text, nullable=False),
    Column("details", Text, nullable=False),
    Index("audit_at", "at"),
)

programs = Table(
    "programs",
    metadata,
    Column("name", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("tree", String, nullable=False),
    Column("ran_at", Float, nullable=False),
)

leadership = Table(
    "leadership",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", String, nullable=False),
    Column("address", String, nullable=False),
    Column("since", Float, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("who", String, nullable=False),
    Column("why", Text, nullable=False),
    Column("token", String, nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("state", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("ended_at", Float),
    Column("answer", Text, nullable=False),
    Column("error", Text, nullable=False),
    Index("requests_state", "state", "asked_at"),
)

request_steps = Table(
    "request_steps",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("request", String, nullable=False),
    Column("step", Text, nullable=False),
    Index("request_steps_request", "request", "id"),
)

pending_reports = Table(
    "pending_reports",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("report", Text, nullable=False),
)

views = Table(
    "views",
    metadata,
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("views_number", "number"),
)

drains = Table(
    "drains",
    metadata,
    Column("bot", String, primary_key=True),
    Column("asked_at", Float, nullable=False),
    Column("answered_at", Float),
)

keys = Table(
    "keys",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

notification_destinations = Table(
    "notification_destinations",
    metadata,
    Column("name", String, primary_key=True),
    Column("service", String, nullable=False),
    Column("routes", Text, nullable=False),
    Column("memory", Text, nullable=False),
    Column("sent_at", Float),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("dropped", Integer, nullable=False),
)

notification_queue = Table(
    "notification_queue",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("destination", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("subjects", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("error", Text, nullable=False),
    Index("notification_queue_waiting", "ended_at", "destination", "number"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("bot", String, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("document", Text, nullable=False),
    Index("alerts_number", "number"),
)

alert_history = Table(
    "alert_history",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("bot", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("document", Text, nullable=False),
    Index("alert_history_at", "at"),
    Index("alert_history_bot", "bot", "at"),
)

alert_mutes = Table(
    "alert_mutes",
    metadata,
    Column("id", String, primary_key=True),
    Column("until", Float, nullable=False),
    Column("document", Text, nullable=False),
)
