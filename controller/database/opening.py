"""Opening a database: connecting, refusing what cannot be used, and running the missing migrations.

SQLite runs with a write-ahead log and `synchronous=FULL`. NORMAL would be quicker, but it may forget the
last commits at a power failure, and then jobs run on a cluster that the inventory has never heard of:
herdsman could only observe until someone recovers it.

PostgreSQL serves several processes at once. Each of ours keeps one connection, which notices within seconds
that the server is gone; two that start together migrate one after the other.
"""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError

from controller.database.trouble import UnusableDatabase, damaged, explain, name_of

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_BUSY_TIMEOUT_MS = 10_000
_TURNS = 0x68657264
"""The PostgreSQL advisory lock under which one process at a time migrates, or makes what is made once."""
KEEP_ALIVE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""How libpq notices a server that is gone: seconds, and milliseconds for the last."""


def parse_address(address: str) -> URL:
    """Return the URL of a database: a path means SQLite. Raises UnusableDatabase for any other kind."""
    try:
        url = make_url(address if "://" in address else f"sqlite:///{address}")
    except ArgumentError as error:
        raise UnusableDatabase("the database's address is no URL such as postgresql://HOST/NAME") from error
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise UnusableDatabase(
            f"{url.get_backend_name()} databases are not supported: use a file (SQLite) or postgresql://"
        )
    return url


def libpq_address(address: str) -> str:
    """Return a PostgreSQL database's URL as psycopg itself takes it. Raises UnusableDatabase."""
    url = parse_address(address)
    if url.get_backend_name() != "postgresql":
        raise UnusableDatabase(
            "several processes meet in PostgreSQL: give postgresql://USER@HOST/NAME, or run `herdsman up`"
        )
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def open_engine(address: str) -> Engine:
    """Connect, refuse what cannot be used in words, and run the missing migrations."""
    engine = _engine(parse_address(address))
    try:
        with engine.begin() as connection:
            _check(connection, engine.url)
            _bring_up_to_date(connection, engine.url)
    except UnusableDatabase:
        engine.dispose()
        raise
    except (DatabaseError, sqlite3.Error) as error:
        engine.dispose()
        raise explain(error, engine) from error
    return engine


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        # A process that freezes inside a transaction must not keep the next leader waiting.
        session = "-c idle_in_transaction_session_timeout=10s"
        arguments: dict[str, Any] = {"application_name": "herdsman", "options": session, **KEEP_ALIVE}
        return create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args=arguments)
    engine = create_engine(url, pool_size=1, max_overflow=0, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, so that savepoints and DDL are transactional
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check(connection: Connection, url: URL) -> None:
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if found != "ok":
            raise UnusableDatabase(damaged(url.render_as_string(), str(found)))
    else:
        take_turns(connection)


def take_turns(connection: Connection) -> None:
    """Let one process at a time come past here, until its transaction ends; for what is made only once."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURNS})


def newest_version() -> str:
    """Return the version that the last migration leaves a database at."""
    return max(file.name[1:5] for file in _VERSIONS.glob("r*.py"))


def _bring_up_to_date(connection: Connection, url: URL) -> None:
    """Run the missing migrations. Raises UnusableDatabase for a database of a newer herdsman."""
    if _versions(connection) == [newest_version()]:
        return
    # Only here: the library takes 8 MB and a tenth of a second, and most starts need none of it.
    from controller.database.migrating import migrate

    migrate(connection, name_of(url.render_as_string()))


def _versions(connection: Connection) -> list[str]:
    if not inspect(connection).has_table("alembic_version"):
        return []
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
