"""Tokens in the controller's database; every change is written to the audit in the same transaction."""

from sqlalchemy import Connection

from controller.database import Database
from controller.database.audit import add_audit
from controller.database.tokens import (
    StoredToken,
    find_token,
    insert_token,
    list_tokens,
    revoke_token,
    touch_token,
)
from controller.records import AuditEntry
from schemas.errors import Conflict, NotFound
from web.access.tokens import Token


class DatabaseTokens:
    """A `TokenStore` over the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tokens(self) -> list[Token]:
        """Return every token that is not revoked."""
        found = await self._database.run(list_tokens)
        return [_token(stored) for stored in found if stored.revoked_at is None]

    async def add_token(self, token: Token, by: str) -> None:
        """Keep a new token. Raises Conflict where its digest was ever known."""

        def add(connection: Connection) -> None:
            if find_token(connection, token.digest) is not None:
                raise Conflict("this token was known before, and is revoked; make a new one")
            insert_token(connection, _stored(token))
            add_audit(connection, _entry("token.create", token, by, token.created_at))

        await self._database.run(add)

    async def revoke_token(self, token: Token, by: str, now: float) -> None:
        """End a token for ever; its row stays for the audit. Raises NotFound."""

        def revoke(connection: Connection) -> None:
            if not revoke_token(connection, token.id, now):
                raise NotFound(f'there is no token "{token.name}" (any more)')
            add_audit(connection, _entry("token.revoke", token, by, now))

        await self._database.run(revoke)

    async def touch_token(self, token_id: str, now: float) -> None:
        """Keep when a token was last used."""
        await self._database.run(lambda connection: touch_token(connection, token_id, now))


def _token(stored: StoredToken) -> Token:
    return Token(
        stored.id,
        stored.name,
        stored.scope,
        stored.hash,
        stored.created_at,
        stored.expires_at,
        stored.last_used_at,
    )


def _stored(token: Token) -> StoredToken:
    return StoredToken(token.id, token.name, token.scope, token.digest, token.created_at, token.expires_at)


def _entry(action: str, token: Token, by: str, at: float) -> AuditEntry:
    return AuditEntry(at, by, action, token.name, token=by, details={"scope": token.scope, "id": token.id})
