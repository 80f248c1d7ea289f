"""Who did what, why and when."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from controller.database.documents import decode_any, encode
from controller.database.tables import audit
from controller.records import RECOVER, RESTORE, AuditEntry


def add_audit(connection: Connection, entry: AuditEntry) -> None:
    """Write an entry; there is no way to change or remove one."""
    row = {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__}
    connection.execute(insert(audit).values(row | {"details": encode(entry.details)}))


def load_audit(connection: Connection, limit: int) -> list[AuditEntry]:
    """Return the newest entries, newest first."""
    newest = select(audit).order_by(audit.c.id.desc()).limit(limit)
    return [
        AuditEntry(row.at, row.who, row.action, row.subject, row.why, row.token, decode_any(row.details))
        for row in connection.execute(newest)
    ]


def acted_since(connection: Connection, who: str, subjects: Sequence[str], since: float) -> bool:
    """Say whether somebody did something with any of these since a Unix time."""
    found = (
        select(audit.c.id)
        .where(audit.c.at >= since, audit.c.who == who, audit.c.subject.in_(subjects))
        .limit(1)
    )
    return connection.execute(found).first() is not None


def restored_from(connection: Connection) -> float | None:
    """Return when the backup was taken that this database was restored from; None after a recovery."""
    newest = (
        select(audit)
        .where(audit.c.action.in_((RESTORE, RECOVER)), audit.c.subject == "fleet")
        .order_by(audit.c.id.desc())
        .limit(1)
    )
    row = connection.execute(newest).first()
    if row is None or row.action != RESTORE:
        return None
    return float(decode_any(row.details).get("taken_at", row.at))
