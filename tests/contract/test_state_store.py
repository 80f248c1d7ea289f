"""What every store of saved states does: a folder of this machine, and a real S3-compatible server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.state.folder import FolderStore
from controller.state.objects import open_objects
from controller.state.store import StateStore
from schemas.errors import StoreUnavailable, UsageError
from tests.engines.versitygw import ObjectServer, object_server


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with object_server() as running:
        yield running


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StateStore:
    """Each kind of store, empty."""
    if request.param == "folder":
        return FolderStore(tmp_path / "states")
    server: ObjectServer = request.getfixturevalue("server")
    return open_objects(f"{server.url}/{tmp_path.name}", server.environment)


async def test_what_was_created_is_read_back(store: StateStore) -> None:
    """Whole, whatever it holds, also nothing; and what was not created is not there."""
    content = bytes(range(256)) * 9000
    assert await store.create("fleet/bot/objects/a", content)
    assert await store.create("fleet/bot/objects/empty", b"")
    assert await store.read("fleet/bot/objects/a") == content
    assert await store.read("fleet/bot/objects/empty") == b""
    assert await store.read("fleet/bot/objects/b") is None


async def test_a_key_is_created_once(store: StateStore) -> None:
    """The second creation says so, and the first content stays."""
    assert await store.create("fleet/bot/versions/1.json", b"first")
    assert not await store.create("fleet/bot/versions/1.json", b"second")
    assert await store.read("fleet/bot/versions/1.json") == b"first"


async def test_of_many_writers_of_a_key_one_wins(store: StateStore) -> None:
    """However they meet, all but one are told that the key is taken."""
    made = await asyncio.gather(*(store.create("fleet/bot/versions/7.json", b"%d" % n) for n in range(16)))
    assert made.count(True) == 1
    assert await store.read("fleet/bot/versions/7.json") == b"%d" % made.index(True)


async def test_a_listing_has_what_lies_below_a_prefix(store: StateStore) -> None:
    """Sorted, with sizes and times, and of no neighbour whose name begins alike."""
    for key in (
        "fleet/bot/versions/2",
        "fleet/bot/versions/1",
        "fleet/bot-2/versions/1",
        "fleet/bot/objects/x",
    ):
        await store.create(key, b"abc")
    found = await store.find("fleet/bot/versions/")
    assert [(one.key, one.size) for one in found] == [
        ("fleet/bot/versions/1", 3),
        ("fleet/bot/versions/2", 3),
    ]
    assert all(one.modified > 1_600_000_000 for one in found)
    assert [one.key for one in await store.find("fleet/bot/")] == [
        "fleet/bot/objects/x",
        "fleet/bot/versions/1",
        "fleet/bot/versions/2",
    ]
    assert await store.find("elsewhere/") == []


async def test_what_was_deleted_is_gone(store: StateStore) -> None:
    """Deleting it again is no error, and its key can be created anew."""
    await store.create("fleet/bot/objects/a", b"1")
    await store.delete("fleet/bot/objects/a")
    await store.delete("fleet/bot/objects/a")
    assert await store.read("fleet/bot/objects/a") is None
    assert await store.create("fleet/bot/objects/a", b"2")


async def test_a_folder_that_cannot_be_written_is_an_unavailable_store(tmp_path: Path) -> None:
    """The error names the folder."""
    (tmp_path / "states").write_text("a file")
    with pytest.raises(StoreUnavailable, match="states cannot be used"):
        await FolderStore(tmp_path / "states").create("fleet/bot/x", b"")


async def test_a_server_that_is_away_is_an_unavailable_store_without_its_secrets(
    server: ObjectServer,
) -> None:
    """The error names the bucket and no credential."""
    wrong = server.environment | {"AWS_SECRET_ACCESS_KEY": "not-the-right-one"}
    with pytest.raises(StoreUnavailable) as refused:
        await open_objects(server.url, wrong).read("fleet/bot/x")
    assert "s3://states/some/where" in str(refused.value)
    assert "not-the-right-one" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["s3://", "http://states/x", "s3://key:secret@states/x", "s3://states/x?k=v"]
)
def test_an_address_that_is_no_store_is_refused_without_being_shown_whole(address: str) -> None:
    """Credentials in an address are refused, and not repeated."""
    with pytest.raises(UsageError) as refused:
        open_objects(address, {})
    assert "secret@" not in str(refused.value)
