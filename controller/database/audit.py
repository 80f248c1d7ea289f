"""Who did what, why and when."""

from sqlalchemy import Connection, insert, select

from controller.database.documents import decode_any, encode
from controller.database.tables import audit
from controller.records import AuditEntry


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
