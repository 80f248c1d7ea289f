"""Tokens, sessions, sign-in codes, throttle: each alone, with a clock moved by hand."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from controller.database import Database
from controller.database.audit import load_audit
from schemas.errors import Conflict, NotFound, UsageError
from tests.fakes.tokens import MemoryTokenStore
from web.access.database import DatabaseTokens
from web.access.scopes import Principal, Scope, allows
from web.access.secrets import digest_of
from web.access.sessions import LIFETIME, Sessions
from web.access.sign_in import SignInCodes
from web.access.throttle import Throttle
from web.access.tokens import Tokens, ensure_admin_token


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryTokenStore:
    return MemoryTokenStore()


@pytest.fixture
def tokens(store: MemoryTokenStore) -> Tokens:
    return Tokens(store)


def test_scopes_rise_and_ingest_stands_apart():
    """Each scope does what the lower ones do; ingest does nothing else and nobody else ingests."""
    rising = [Scope.READ, Scope.OPERATE, Scope.ADMIN]
    for granted in rising:
        for wanted in rising:
            assert allows(granted, wanted) == (rising.index(granted) >= rising.index(wanted))
        assert not allows(granted, Scope.INGEST)
        assert not allows(Scope.INGEST, granted)
    assert allows(Scope.INGEST, Scope.INGEST)


async def test_token_is_known_by_its_secret_and_stored_as_a_digest(tokens: Tokens, store: MemoryTokenStore):
    """What is stored cannot be used as a token."""
    token, secret = await tokens.create("desk", Scope.OPERATE, 1000.0, by="admin")
    assert tokens.verify(secret, 1000.0) == Principal("desk", Scope.OPERATE, token.id)
    assert token.digest == digest_of(secret)
    assert secret not in repr(store.kept)
    assert tokens.verify(token.digest, 1000.0) is None


async def test_token_ends_when_it_expires_or_is_revoked(tokens: Tokens):
    """An expired token and a revoked one are nobody's."""
    _, short = await tokens.create("short", Scope.READ, 1000.0, by="admin", expires_at=1010.0)
    assert tokens.verify(short, 1009.0) is not None
    assert tokens.verify(short, 1010.0) is None
    _, long = await tokens.create("long", Scope.READ, 1000.0, by="admin")
    await tokens.revoke("long", 1000.0, by="admin")
    assert tokens.verify(long, 1000.0) is None
    with pytest.raises(NotFound, match='no token "long"; herdsman has: short'):
        await tokens.revoke("long", 1000.0, by="admin")


async def test_token_names_are_unique_and_plain(tokens: Tokens):
    """A taken name is a conflict, and a name that could mislead is refused."""
    await tokens.create("desk", Scope.READ, 0.0, by="admin")
    with pytest.raises(Conflict):
        await tokens.create("desk", Scope.ADMIN, 0.0, by="admin")
    for name in ("", "A", "a b", "-a", "a" * 64, "a/../b"):
        with pytest.raises(UsageError, match="cannot be the name of a token"):
            await tokens.create(name, Scope.READ, 0.0, by="admin")


async def test_tokens_in_the_database_are_there_after_a_restart_and_audited(tmp_path: Path):
    """Another process on the same database knows the token; making and revoking it are written down."""
    database = await Database.open(str(tmp_path / "herdsman.db"))
    try:
        first = Tokens(DatabaseTokens(database))
        _, secret = await first.create("desk", Scope.READ, 1.0, by="admin", expires_at=9.0)
        second = Tokens(DatabaseTokens(database))
        assert second.verify(secret, 2.0) is None
        await second.load()
        assert second.verify(secret, 2.0) is not None
        assert second.verify(secret, 9.0) is None
        await second.revoke("desk", 3.0, by="admin")
        await first.load()
        assert first.all() == []
        with pytest.raises(Conflict, match="is revoked"):
            await second.create("desk", Scope.READ, 4.0, by="admin", secret=secret)
        audit = await database.run(lambda connection: load_audit(connection, 10))
        assert [(entry.action, entry.who, entry.subject) for entry in audit] == [
            ("token.revoke", "admin", "desk"),
            ("token.create", "admin", "desk"),
        ]
    finally:
        await database.close()


async def test_admin_token_is_made_once_in_a_private_file(tokens: Tokens, tmp_path: Path):
    """The file holds the token alone, readable by its owner alone, and stays the same at the next start."""
    path = tmp_path / "data" / "admin-token"
    admin = await ensure_admin_token(tokens, path, 1000.0)
    secret = path.read_text()
    assert secret == secret.strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tokens.verify(secret, 1000.0) == admin
    assert (admin.name, admin.scope) == ("admin", Scope.ADMIN)
    assert await ensure_admin_token(tokens, path, 2000.0) == admin
    assert path.read_text() == secret


async def test_admin_token_survives_a_lost_database_and_a_lost_file(tmp_path: Path):
    """The file decides: another database learns its token; without the file the old token ends."""
    path = tmp_path / "admin-token"
    await ensure_admin_token(Tokens(MemoryTokenStore()), path, 0.0)
    first = path.read_text()
    other = Tokens(MemoryTokenStore())
    await ensure_admin_token(other, path, 0.0)
    assert path.read_text() == first
    path.unlink()
    await ensure_admin_token(other, path, 0.0)
    second = path.read_text()
    assert second != first
    assert other.verify(first, 0.0) is None
    assert other.verify(second, 0.0) is not None


async def test_revoked_admin_token_is_replaced_at_the_next_start(tokens: Tokens, tmp_path: Path):
    """A revoked token does not come back because its file still lies there."""
    path = tmp_path / "admin-token"
    await ensure_admin_token(tokens, path, 0.0)
    leaked = path.read_text()
    await tokens.revoke("admin", 1.0, by="admin")
    await ensure_admin_token(tokens, path, 2.0)
    assert path.read_text() != leaked
    assert tokens.verify(leaked, 2.0) is None
    assert tokens.verify(path.read_text(), 2.0) is not None


async def test_admin_token_file_with_wide_rights_is_narrowed(tokens: Tokens, tmp_path: Path):
    """A token file that others could read is closed at the next start."""
    path = tmp_path / "admin-token"
    path.write_text("herdsman_given-by-hand\n")
    path.chmod(0o644)
    await ensure_admin_token(tokens, path, 0.0)
    assert tokens.verify("herdsman_given-by-hand", 0.0) is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_session_has_the_rights_of_its_token_and_ends_with_it(tokens: Tokens, clock: Clock):
    """A session is its token in a browser: same scope, and gone with it, also if the name comes back."""
    token, _ = await tokens.create("desk", Scope.OPERATE, 0.0, by="admin")
    sessions = Sessions(tokens, clock)
    cookie = sessions.open(token.id)
    assert sessions.verify(cookie) == Principal("desk", Scope.OPERATE, token.id, session=True)
    await tokens.revoke("desk", 1.0, by="admin")
    await tokens.create("desk", Scope.ADMIN, 2.0, by="admin")
    assert sessions.verify(cookie) is None


async def test_session_ends_by_signing_out_or_by_age(tokens: Tokens, clock: Clock):
    """A cookie is worth nothing after the sign-out, and nothing after its lifetime."""
    token, _ = await tokens.create("desk", Scope.READ, 0.0, by="admin")
    sessions = Sessions(tokens, clock)
    out, old = sessions.open(token.id), sessions.open(token.id)
    sessions.close(out)
    assert sessions.verify(out) is None
    clock.now += LIFETIME - 1
    assert sessions.verify(old) is not None
    clock.now += 1
    assert sessions.verify(old) is None


async def test_sessions_survive_a_restart_as_digests_in_a_private_file(
    tokens: Tokens, clock: Clock, tmp_path: Path
):
    """After a restart the browser is still signed in, and the file on disk lets nobody in."""
    token, _ = await tokens.create("desk", Scope.READ, 0.0, by="admin")
    path = tmp_path / "sessions.json"
    cookie = Sessions(tokens, clock, path).open(token.id)
    assert Sessions(tokens, clock, path).verify(cookie) is not None
    assert cookie not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text(json.dumps([{"odd": 1}]))
    assert Sessions(tokens, clock, path).verify(cookie) is None


def test_sign_in_code_works_once_within_ten_minutes(clock: Clock):
    """A code is used up by its first use, and by time."""
    codes = SignInCodes(clock)
    code, late = codes.issue("admin"), codes.issue("admin")
    assert codes.redeem(code) == "admin"
    assert codes.redeem(code) is None
    clock.now += 600
    assert codes.redeem(late) is None
    assert codes.redeem("never-issued") is None


def test_wrong_credentials_are_limited_per_address(clock: Clock):
    """The address that fails too often is told to wait; others are not, and time heals."""
    throttle = Throttle(clock, most=3, window=60)
    assert [throttle.failed("a") for _ in range(4)] == [0, 0, 0, 60]
    assert throttle.failed("b") == 0
    clock.now += 61
    assert throttle.failed("a") == 0


async def test_last_use_is_kept_in_the_database(tmp_path: Path):
    """A token's last use survives a restart, is written at most once a minute, and costs no request."""
    database = await Database.open(str(tmp_path / "db"))
    tokens = Tokens(DatabaseTokens(database))
    token, _ = await tokens.create("desk", Scope.READ, 1000.0, by="admin")
    for now in (1000.0, 1030.0, 1059.0):
        tokens.used(token.id, now)
    await asyncio.gather(*tokens._writing)
    again = Tokens(DatabaseTokens(database))
    await again.load()
    assert again.all()[0].last_used_at == 1000.0
    tokens.used(token.id, 1061.0)
    await asyncio.gather(*tokens._writing)
    await again.load()
    assert again.all()[0].last_used_at == 1061.0
    await database.close()
    tokens.used(token.id, 2000.0)
    await asyncio.gather(*tokens._writing)
