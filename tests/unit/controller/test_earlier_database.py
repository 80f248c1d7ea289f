"""A database that an earlier herdsman wrote goes on as it was; one of a later herdsman is not touched.

`databases/first_schema.sql` is the database of a demo fleet, written by a herdsman with the first schema.
"""

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from controller.database import Database, UnusableDatabase
from controller.database.fleets import fleet_id
from controller.database.inventory import load_inventory
from controller.database.migrating import head
from controller.database.opening import newest_version
from controller.database.revisions import find_revision, load_revisions
from controller.database.runs import load_runs
from controller.database.statuses import load_statuses
from controller.database.tokens import list_tokens
from controller.records import RevisionState
from controller.status import Health, Reason

FIRST = Path(__file__).parent / "databases" / "first_schema.sql"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Write the database of an earlier herdsman, and return its path."""
    path = tmp_path / "herdsman.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST.read_text())
    connection.close()
    return path


def version(path: Path) -> str:
    """Return the version of the schema in a file."""
    with sqlite3.connect(path) as connection:
        (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    return str(found)


def digest(path: Path) -> str:
    """Return what tells a changed file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_an_earlier_database_keeps_everything(earlier: Path) -> None:
    """Statuses, inventory, runs, revisions and tokens are there after the migrations."""
    assert version(earlier) == "0001"
    database = await Database.open(str(earlier))
    try:
        assert await database.run(fleet_id) == "desk-qwfut7"
        statuses = {name: status for name, (status, _) in (await database.run(load_statuses)).items()}
        assert {name: (one.health, one.reason) for name, one in statuses.items() if one} == {
            "sma-btc": (Health.HEALTHY, Reason.RUNNING),
            "sma-eth": (Health.HEALTHY, Reason.RUNNING),
            "mm-eth": (Health.HEALTHY, Reason.RUNNING),
            "noisy-xrp": (Health.HEALTHY, Reason.RUNNING),
            "rebalance": (Health.HEALTHY, Reason.WAITING_FOR_SLOT),
            "flaky-doge": (Health.DEGRADED, Reason.CRASH_LOOP),
        }
        (newest,) = await database.run(lambda connection: load_revisions(connection, 10))
        revision = await database.run(lambda connection: find_revision(connection, newest.revision.id))
        assert revision is not None
        assert revision.state is RevisionState.FAILED
        assert {change.bot for change in revision.changes} == set(statuses)
        runs = await database.run(lambda connection: load_runs(connection, "flaky-doge", 10))
        assert len(runs) == 5
        assert {token.name for token in await database.run(list_tokens)} == {"admin", "ci"}
    finally:
        await database.close()
    assert version(earlier) > "0001"


async def test_an_earlier_inventory_is_still_what_runs(earlier: Path) -> None:
    """Each bot's digest is what it was, so that nothing seems to have changed and nobody is restarted."""
    with sqlite3.connect(earlier) as connection:
        before = dict(connection.execute("SELECT bot, digest FROM inventory"))
    connection.close()
    database = await Database.open(str(earlier))
    try:
        entries = await database.run(load_inventory)
    finally:
        await database.close()
    assert {name: entry.digest for name, entry in entries.items()} == before
    assert all(entry.spec and entry.spec.program.tree for entry in entries.values())


async def test_opening_it_again_changes_nothing(earlier: Path) -> None:
    """The migrations run once."""
    for _ in range(2):
        await (await Database.open(str(earlier))).close()
        seen = version(earlier)
    assert version(earlier) == seen


async def test_a_later_database_is_refused_untouched(earlier: Path) -> None:
    """A newer herdsman's database is left byte for byte, and the error says what to do."""
    with sqlite3.connect(earlier) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    before = digest(earlier)
    with pytest.raises(UnusableDatabase, match=r"newer herdsman .*9999.*start that herdsman") as caught:
        await Database.open(str(earlier))
    assert str(earlier) in str(caught.value)
    assert digest(earlier) == before


def test_the_newest_version_is_where_the_migrations_lead() -> None:
    """The name of the newest file says what the library says, which need not be loaded for it."""
    assert newest_version() == head()


async def test_a_database_that_is_up_to_date_needs_no_migrations(tmp_path: Path) -> None:
    """A later start neither loads what migrates, nor what opens secrets in git or speaks PostgreSQL."""
    address = str(tmp_path / "herdsman.db")
    await (await Database.open(address)).close()
    code = (
        "import asyncio, sys, controller.controller\n"
        "from controller.database import Database\n"
        "from controller.database.inventory import save_entries\n"
        "from controller.records import InventoryEntry\n"
        "one = InventoryEntry('a', 'bots/a.yaml', '', None, '', 'local')\n"
        "async def again():\n"
        "    database = await Database.open(sys.argv[1])\n"
        "    await database.run(lambda connection: save_entries(connection, [one]))\n"
        "    await database.close()\n"
        "asyncio.run(again())\n"
        "spared = {'alembic', 'cryptography', 'sqlalchemy.dialects.postgresql'}\n"
        "print(sorted(spared & sys.modules.keys()))\n"
    )
    command = [sys.executable, "-c", code, address]
    child = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"
