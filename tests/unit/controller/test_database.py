"""The database in a file, and addresses of databases; what holds for every kind is in tests/contract."""

import pytest
from sqlalchemy import text

from controller.database import Database, DatabaseUnavailable, UnusableDatabase
from controller.database.inventory import save_entries
from tests.unit.controller.examples import entry, spec


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(str(tmp_path / "herdsman.db"))
    yield opened
    await opened.close()


async def test_settings_of_sqlite(database):
    """Commits survive a power failure, and readers do not block the writer."""

    def pragmas(connection):
        names = ("journal_mode", "synchronous", "busy_timeout")
        return [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]

    assert await database.run(pragmas) == ["wal", 2, 10000]


async def test_opens_by_url(tmp_path):
    """The database may be named by an SQLAlchemy URL as well as by a path."""
    database = await Database.open(f"sqlite:///{tmp_path / 'other.db'}")
    await database.close()
    assert (tmp_path / "other.db").exists()


async def test_damaged_database_is_refused_in_words(tmp_path):
    """A file that is no database is an error that says what to do, not a stack trace."""
    path = tmp_path / "herdsman.db"
    path.write_bytes(b"this is not a database" * 500)
    with pytest.raises(UnusableDatabase, match=r"damaged.*restore a backup"):
        await Database.open(str(path))


async def test_damaged_page_is_found_at_the_start(tmp_path):
    """Damage inside the file is found when it is opened, before anything is decided by it."""
    path = tmp_path / "herdsman.db"
    database = await Database.open(str(path))
    many = [entry(spec(f"bot-{number}")) for number in range(200)]
    await database.run(lambda connection: save_entries(connection, many))
    await database.close()
    content = bytearray(path.read_bytes())
    content[8192:24576] = b"\xff" * 16384
    path.write_bytes(content)
    with pytest.raises(UnusableDatabase, match="damaged"):
        await Database.open(str(path))


async def test_place_that_cannot_be_written_is_refused_in_words(tmp_path):
    """A path that cannot be opened is named."""
    with pytest.raises(UnusableDatabase, match=r"missing.*cannot be used"):
        await Database.open(str(tmp_path / "missing" / "herdsman.db"))


async def test_other_kinds_of_database_are_refused_in_words():
    """Only what is tested is supported, and a mistyped address shows no password."""
    with pytest.raises(UnusableDatabase, match="mysql databases are not supported"):
        await Database.open("mysql://ops:secret@db/fleet")


async def test_server_that_does_not_answer_is_named_without_its_password():
    """What cannot be reached is told with its address, and never with what opens it."""
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1/fleet does not answer") as refused:
        await Database.open("postgresql://ops:secret@127.0.0.1:1/fleet")
    assert "secret" not in str(refused.value)
