import asyncio
import os
import time

import pytest

from gitops import upkeep
from gitops.git_source import GitSource
from gitops.objects import ObjectStream
from gitops.references import make_reference
from gitops.transport import Transport
from gitops.upkeep import keep_packed, needs_packing, pack, packs_kept
from tests.unit.gitops.fleets import Clone


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


@pytest.fixture
def source(clone, tmp_path):
    return GitSource(
        Transport(f"file://{clone.path}"), make_reference(branch="main"), mirror=tmp_path / "mirror.git"
    )


async def test_packing_keeps_what_no_branch_holds(clone, source, monkeypatch):
    """After a force-push and a packing, what ran before is still there, and there is one pack."""
    first = clone.commit({"a": "1"})
    clone.commit({"a": "2"})
    await source.fetch()
    lost = clone.git("rev-parse", "HEAD:a").stdout.strip()
    clone.git("reset", "-q", "--hard", first)
    clone.commit({"a": "3"})
    await source.fetch()
    assert not await needs_packing(source.repository)
    monkeypatch.setattr(upkeep, "MOST_LOOSE", 3)
    assert await needs_packing(source.repository)
    await pack(source.repository)
    assert not await needs_packing(source.repository)
    assert len(list((source.repository / "objects" / "pack").glob("*.pack"))) == 1
    with ObjectStream(source.repository) as objects:
        assert objects.read(lost) == b"2"
    commit = clone.commit({"a": "4"})
    assert (await source.fetch()).id == commit


async def test_who_reads_goes_on_while_it_is_packed(clone, source):
    """An open reader still finds everything after the packs under it were replaced."""
    clone.commit({f"file-{number}": str(number) for number in range(150)})
    await source.fetch()
    blob = clone.git("rev-parse", "HEAD:file-7").stdout.strip()
    other = clone.git("rev-parse", "HEAD:file-8").stdout.strip()
    with ObjectStream(source.repository) as objects:
        assert objects.read(blob) == b"7"
        await pack(source.repository)
        assert objects.read(other) == b"8"


async def test_a_killed_packing_leaves_nothing_for_long(clone, source):
    """The half-written pack of an earlier day is removed, one that may be under way is not."""
    clone.commit({"a": "1"})
    await source.fetch()
    folder = source.repository / "objects" / "pack"
    folder.mkdir(exist_ok=True)
    old, new = folder / "tmp_pack_old", folder / "tmp_pack_new"
    for left in (old, new):
        left.write_text("half")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    await pack(source.repository)
    assert not old.exists()
    assert new.exists()


async def test_nothing_is_packed_while_somebody_pushes(clone, source, monkeypatch):
    """The upkeep waits for a push to end, then packs, and outlives a repository that is not there."""
    monkeypatch.setattr(upkeep, "MOST_LOOSE", 0)
    clone.commit({"a": "1"})
    await source.fetch()
    pushing = [True]
    asked = asyncio.Event()

    def busy() -> bool:
        asked.set()
        return pushing[0]

    nowhere = source.repository.with_name("nowhere.git")
    running = asyncio.create_task(
        keep_packed(source.repository.parent, [nowhere, source.repository], busy, every=0.0, busy_wait=0.0)
    )
    await asked.wait()
    packs = source.repository / "objects" / "pack"
    assert not list(packs.glob("*.pack"))
    pushing[0] = False
    while not await asyncio.to_thread(lambda: list(packs.glob("*.pack"))):
        assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_nothing_is_packed_while_a_backup_reads(clone, source, monkeypatch):
    """Whoever has the packs kept finds all of them; they are packed once that is over."""
    monkeypatch.setattr(upkeep, "MOST_LOOSE", 0)
    clone.commit({"a": "1"})
    await source.fetch()
    packs = source.repository / "objects" / "pack"
    folder = source.repository.parent
    with packs_kept(folder):
        running = asyncio.create_task(
            keep_packed(folder, [source.repository], lambda: False, every=0.0, busy_wait=0.0)
        )
        await asyncio.wait({running}, timeout=0.3)
        assert not await asyncio.to_thread(lambda: list(packs.glob("*.pack")))
    while not await asyncio.to_thread(lambda: list(packs.glob("*.pack"))):
        assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
