"""Named access tokens: only their hashes are kept, and a revoked one stays for the audit."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from controller.database.tables import tokens


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One token; `hash` is whatever the access layer makes of its secret, unique. Times: Unix seconds."""

    id: str
    name: str
    scope: str
    hash: str
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None


def insert_token(connection: Connection, token: StoredToken) -> None:
    """Add a token."""
    connection.execute(insert(tokens).values({name: getattr(token, name) for name in _COLUMNS}))


def find_token(connection: Connection, digest: str) -> StoredToken | None:
    """Return the token with this hash, also an expired or revoked one; None where there is none."""
    row = connection.execute(select(tokens).where(tokens.c.hash == digest)).mappings().first()
    return StoredToken(**row) if row else None


def list_tokens(connection: Connection) -> list[StoredToken]:
    """Return every token, oldest first."""
    found = connection.execute(select(tokens).order_by(tokens.c.created_at, tokens.c.id))
    return [StoredToken(**row) for row in found.mappings()]


def revoke_token(connection: Connection, token_id: str, now: float) -> bool:
    """Revoke a token; False where there is none of that id, or it was revoked before."""
    mine = update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
    return connection.execute(mine.values(revoked_at=now)).rowcount > 0


def touch_token(connection: Connection, token_id: str, now: float) -> None:
    """Write when a token was last used."""
    connection.execute(update(tokens).where(tokens.c.id == token_id).values(last_used_at=now))


_COLUMNS = tuple(StoredToken.__dataclass_fields__)
