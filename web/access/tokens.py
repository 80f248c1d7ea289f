"""Named tokens: made once, shown once, stored as digests."""

import asyncio
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from schemas.errors import Conflict, NotFound, UsageError
from web.access.scopes import Principal, Scope
from web.access.secrets import digest_of, new_id, new_secret, same

TOKEN_PREFIX = "herdsman_"  # noqa: S105  the form by which secret scanners can know ours
ADMIN_TOKEN = "admin"  # noqa: S105  the name of the token in DIR/admin-token
USED_EVERY = 60.0
"""Seconds between two times that a token's use is written."""
_SELF = "herdsman"
_log = logging.getLogger("herdsman.web.access")
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is stored: never the secret, only its digest. Times in Unix seconds."""

    id: str
    name: str
    scope: str
    digest: str
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    """To about a minute; None where it never was."""


class TokenStore(Protocol):
    """Where tokens are kept: the controller's database, or memory in tests; each change is audited."""

    async def tokens(self) -> list[Token]:
        """Return every token that is not revoked."""
        ...

    async def add_token(self, token: Token, by: str) -> None:
        """Keep a new token. Raises Conflict where its digest was ever known, also of a revoked one."""
        ...

    async def revoke_token(self, token: Token, by: str, now: float) -> None:
        """End a token for ever. Raises NotFound."""
        ...

    async def touch_token(self, token_id: str, now: float) -> None:
        """Keep when a token was last used."""
        ...


class Tokens:
    """The tokens in force, held in memory by digest so that checking one costs no query."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self._by_digest: dict[str, Token] = {}
        self.revocations = 0
        """How many tokens this process has seen end; open streams look at it."""
        self._writing: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Read the store; called before the first request, and whenever another process may have written."""
        self._by_digest = {token.digest: token for token in await self._store.tokens()}

    def verify(self, secret: str, now: float) -> Principal | None:
        """Return who holds this secret, or None where nobody does (or no longer)."""
        digest = digest_of(secret)
        token = self._by_digest.get(digest)
        if token is None or not same(token.digest, digest):
            return None
        return _principal(token, now)

    def holder(self, token_id: str, now: float) -> Principal | None:
        """Return who acts with the token of this id, or None where it is gone or expired."""
        token = next((token for token in self._by_digest.values() if token.id == token_id), None)
        return _principal(token, now) if token else None

    def used(self, token_id: str, now: float) -> None:
        """Note that a token is in use; it is kept at most once a minute, and no request waits for that."""
        token = next((token for token in self._by_digest.values() if token.id == token_id), None)
        if token is None or now - (token.last_used_at or 0.0) < USED_EVERY:
            return
        self._by_digest[token.digest] = replace(token, last_used_at=now)
        writing = asyncio.create_task(self._touch(token_id, now))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def _touch(self, token_id: str, now: float) -> None:
        try:
            await self._store.touch_token(token_id, now)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must cost no request
            _log.warning("when a token was last used could not be kept: %s", error)

    def all(self) -> list[Token]:
        """Return every token, by name."""
        return sorted(self._by_digest.values(), key=lambda token: token.name)

    async def create(
        self,
        name: str,
        scope: Scope,
        now: float,
        *,
        by: str,
        expires_at: float | None = None,
        secret: str = "",
    ) -> tuple[Token, str]:
        """Make a token; return it with its secret, which is known only now.

        `secret` registers an existing one. Raises Conflict where the name is taken, UsageError where it
        cannot be a name.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f'"{name}" cannot be the name of a token: use 1 to 63 of a-z, 0-9, ".", "_" and "-", '
                "with a letter or digit at both ends"
            )
        if any(token.name == name for token in self._by_digest.values()):
            raise Conflict(
                f'there is a token named "{name}" already; revoke it first, or choose another name'
            )
        secret = secret or new_secret(TOKEN_PREFIX)
        token = Token(new_id(), name, scope.value, digest_of(secret), now, expires_at)
        await self._store.add_token(token, by)
        self._by_digest[token.digest] = token
        return token, secret

    async def revoke(self, identity: str, now: float, *, by: str) -> None:
        """End a token by its id or name, and with it the sessions that came from it. Raises NotFound."""
        token = next((token for token in self.all() if identity in (token.id, token.name)), None)
        if token is None:
            names = ", ".join(token.name for token in self.all()) or "none"
            raise NotFound(f'there is no token "{identity}"; herdsman has: {names}')
        self._by_digest.pop(token.digest, None)
        self.revocations += 1
        await self._store.revoke_token(token, by, now)


def _principal(token: Token, now: float) -> Principal | None:
    if token.expires_at is not None and token.expires_at <= now:
        return None
    return Principal(token.name, Scope(token.scope), token.id)


async def ensure_admin_token(tokens: Tokens, path: Path, now: float) -> Principal:
    """Return the holder of the admin token in `path`, making file (mode 0600) and token at the first start.

    The file decides: a token in it that the store does not know (another database) is registered; where
    the file is gone, or its token was revoked, a new one takes its place.
    """
    secret = _read_secret(path)
    holder = tokens.verify(secret, now) if secret else None
    if holder is not None and holder.scope is Scope.ADMIN:
        return holder
    if any(token.name == ADMIN_TOKEN for token in tokens.all()):
        await tokens.revoke(ADMIN_TOKEN, now, by=_SELF)
    try:
        token, secret = await tokens.create(ADMIN_TOKEN, Scope.ADMIN, now, by=_SELF, secret=secret)
    except Conflict:
        token, secret = await tokens.create(ADMIN_TOKEN, Scope.ADMIN, now, by=_SELF)
    _write_secret(path, secret)
    return Principal(token.name, Scope.ADMIN, token.id)


def _read_secret(path: Path) -> str:
    if not path.exists():
        return ""
    path.chmod(0o600)
    return path.read_text("utf-8").strip()


def _write_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_text(secret, "utf-8")
