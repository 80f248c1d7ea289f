"""What can be wrong with a database, in words."""

import sqlite3

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DatabaseError, OperationalError

from schemas.errors import UsageError


class UnusableDatabase(UsageError):
    """The database is damaged, locked, of a newer herdsman, or cannot be opened."""


class DatabaseUnavailable(UnusableDatabase):
    """The database's server does not answer; it may again."""

    transient = True


def explain(error: Exception, engine: Engine) -> Exception:
    """Turn the database's own errors into ours, in words; every other error stays as it is."""
    if not isinstance(error, DatabaseError | sqlite3.Error):
        return error
    url, said = engine.url.render_as_string(), str(getattr(error, "orig", None) or error).strip()
    if engine.dialect.name == "sqlite":
        return _explain_file(error, url, said)
    if isinstance(error, OperationalError) or getattr(error, "connection_invalidated", False):
        return DatabaseUnavailable(f"the database {name_of(url)} does not answer: {said.splitlines()[0]}")
    return error


def _explain_file(error: Exception, url: str, said: str) -> Exception:
    if any(words in said for words in ("malformed", "not a database", "disk image")):
        return UnusableDatabase(damaged(url, said))
    if "locked" in said:
        return UnusableDatabase(
            f"the database {name_of(url)} is locked by another process: is another herdsman running on it?"
        )
    if isinstance(error, OperationalError) or "unable to open" in said:
        return UnusableDatabase(f"the database {name_of(url)} cannot be used: {said}")
    return error


def damaged(url: str, said: str) -> str:
    """Return the text for a database whose content cannot be trusted."""
    return (
        f"the database {name_of(url)} is damaged ({said.splitlines()[0]}): move it away and restore a "
        "backup; running bots are not touched"
    )


def name_of(url: str) -> str:
    """Return how a database is called in messages: a file's path, or a URL without its password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or ""
    return parsed.set(drivername="postgresql", query={}).render_as_string()
