"""Migrations: the steps from any earlier version of the database to the newest."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from controller.database.trouble import UnusableDatabase

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, name: str) -> None:
    """Run the missing migrations; `name` names the database to people.

    Raises UnusableDatabase where a newer herdsman wrote it.
    """
    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    here = MigrationContext.configure(connection).get_current_heads()
    newer = [revision for revision in here if revision not in known]
    if newer:
        raise UnusableDatabase(
            f"the database {name} was written by a newer herdsman (its version "
            f"{newer[0]} is unknown here): start that herdsman, or restore a backup made by this one"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def head() -> str | None:
    """Return the version that the migrations lead to."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
