"""Versions of states behind the one writer: in order, whole, never of a fenced copy."""

import asyncio
import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from controller.state.changing import StateChange, change_state
from controller.state.folder import FolderStore
from controller.state.recalling import recall
from controller.state.retention import KEPT_FOR, forget_once
from controller.state.saved import SavedStates
from controller.state.store import Stored
from schemas.errors import Conflict, NotFound, StateDamaged, StoreUnavailable, UsageError
from schemas.state import IN_STORE, StateFile, StatePlace, StateSave, StateVersion, is_newest
from tests.engines.launching import make_spec
from tests.fakes.scheduler import FakeScheduler


def of(content: bytes, path: str = "counter.json") -> StateFile:
    """Return a file of a state as its content makes it."""
    return StateFile(path, hashlib.sha256(content).hexdigest(), len(content), 1_700_000_000.0)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "states")


@pytest.fixture
def saved(store: FolderStore) -> SavedStates:
    return SavedStates(store, "desk-abc123", lambda: 1_700_000_100.0)


async def save(
    saved: SavedStates,
    content: bytes,
    token: int = 1,
    *,
    final: bool = False,
    node: str = "n1",
    **more: object,
) -> int:
    """Save a state of one file as an agent does, and return the version's number."""
    offer = StateSave(token, node, final, (of(content),), **more)  # type: ignore[arg-type]
    answer = await saved.offer("maker", offer)
    for sha256 in answer.missing:
        await saved.upload("maker", sha256, content)
    return (await saved.offer("maker", offer)).version


async def newest(saved: SavedStates) -> StateVersion:
    version = await saved.newest("maker")
    assert version is not None
    return version


async def test_a_version_is_there_once_all_its_contents_are(saved: SavedStates) -> None:
    """The agent is told what is missing; what it then saved is read back."""
    offer = StateSave(1, "n1", final=False, files=(of(b"1"), of(b"2", "deep/other.bin")))
    answer = await saved.offer("maker", offer)
    assert (answer.version, len(answer.missing)) == (0, 2)
    await saved.upload("maker", of(b"1").sha256, b"1")
    assert (await saved.offer("maker", offer)).missing == (of(b"2").sha256,)
    assert await saved.newest("maker") is None
    await saved.upload("maker", of(b"2").sha256, b"2")
    assert (await saved.offer("maker", offer)).version == 1
    version = await newest(saved)
    assert [file.path for file in version.files] == ["counter.json", "deep/other.bin"]
    assert await saved.download("maker", version.files[1].sha256) == b"2"


async def test_a_fenced_copys_save_is_refused(saved: SavedStates) -> None:
    """Once a later holder has saved, nothing of an earlier one is taken, not even as its last word."""
    await save(saved, b"old", token=5)
    await save(saved, b"new", token=6, node="n2")
    for final in (False, True):
        with pytest.raises(Conflict, match="fenced"):
            await save(saved, b"late", token=5, final=final)
    assert (await newest(saved)).files == (of(b"new"),)


async def test_a_late_save_takes_nothing_back_from_a_last_one(saved: SavedStates) -> None:
    """What a holder saved at its end stays complete, whatever of it arrives after that."""
    await save(saved, b"last", token=5, final=True)
    await save(saved, b"earlier", token=5)
    version = await newest(saved)
    assert (version.final, version.files) == (True, (of(b"last"),))
    assert is_newest(version, StatePlace("n1", 5))
    assert not is_newest(version, StatePlace("n1", 6))


async def test_what_did_not_change_makes_no_version(saved: SavedStates) -> None:
    """The same again is the version that there is; a new holder's same content takes its place."""
    assert await save(saved, b"1") == 1
    assert await save(saved, b"1") == 1
    assert await save(saved, b"1", final=True) == 2
    assert await save(saved, b"1", token=2) == 3
    assert [version.number for version in await saved.history("maker")] == [3]


async def test_the_last_ten_versions_are_kept(saved: SavedStates, store: FolderStore) -> None:
    """Older ones go, and their contents with them once they are no upload under way."""
    later = SavedStates(store, "desk-abc123", lambda: 4e9)
    for number in range(40):
        await save(later, b"%d" % number)
    assert [version.number for version in await later.history("maker")] == list(range(40, 30, -1))
    left = await store.find("desk-abc123/maker/objects/")
    assert len(left) < 40
    assert await later.download("maker", of(b"30").sha256) == b"30"


async def test_of_two_writers_one_comes_after_the_other(store: FolderStore) -> None:
    """Two services over one store number their versions one by one."""
    writers = [SavedStates(store, "desk-abc123") for _ in range(2)]
    await asyncio.gather(*(save(writer, b"%d" % n, token=9) for n, writer in enumerate(writers * 3)))
    numbers = [version.number for version in await writers[0].history("maker")]
    assert len(numbers) == len(set(numbers))
    assert (await newest(writers[0])).number == (await newest(writers[1])).number


async def test_a_damaged_content_is_never_handed_out(saved: SavedStates, tmp_path: Path) -> None:
    """Neither one whose checksum is wrong, nor a version that was changed by hand."""
    await save(saved, b"1")
    (content,) = (tmp_path / "states").glob("*/maker/objects/*")
    content.write_bytes(b"2")
    with pytest.raises(StateDamaged):
        await saved.download("maker", of(b"1").sha256)
    (version,) = (tmp_path / "states").glob("*/maker/versions/*")
    version.write_text(version.read_text().replace('"counter.json"', '"another.json"'))
    with pytest.raises(StateDamaged, match="version 1"):
        await SavedStates(FolderStore(tmp_path / "states"), "desk-abc123").newest("maker")


async def test_what_is_no_state_is_refused(saved: SavedStates) -> None:
    """Paths that lead elsewhere, wrong checksums, names of no bot."""
    good = of(b"1")
    for path in ("../x", "/etc/passwd", "a//b", "", "a/./b", "x\0y"):
        with pytest.raises(UsageError):
            await saved.offer("maker", StateSave(1, "n", final=False, files=(replace(good, path=path),)))
    with pytest.raises(UsageError):
        await saved.upload("maker", good.sha256, b"2")
    for name in ("..", "a/b", ".hidden", ""):
        with pytest.raises(UsageError):
            await saved.newest(name)
        with pytest.raises(UsageError):
            await saved.upload(name, good.sha256, b"1")
    with pytest.raises(UsageError):
        await saved.upload("maker", "../../x", b"1")


async def test_a_renamed_bots_state_is_nobodys_under_its_former_name(saved: SavedStates) -> None:
    """The first save under the new name leaves an empty state under the old one."""
    await save(saved, b"1", token=4, final=True)
    offer = StateSave(9, "n1", final=False, files=(of(b"1"),), former="maker", former_token=4)
    await saved.upload("taker", of(b"1").sha256, b"1")
    assert (await saved.offer("taker", offer)).version == 1
    buried = await newest(saved)
    assert (buried.files, buried.final, buried.reason) == ((), True, "renamed to taker")


async def test_a_new_bot_of_a_former_name_keeps_its_own(saved: SavedStates) -> None:
    """Where somebody else runs under the old name by now, nothing of his is touched."""
    await save(saved, b"1", token=4)
    offer = StateSave(9, "n1", final=False, files=(), former="maker", former_token=3)
    await saved.offer("taker", offer)
    assert (await newest(saved)).files == (of(b"1"),)


async def test_an_operators_change_is_what_the_next_start_must_have(saved: SavedStates) -> None:
    """It is a version of its own, newer than any holder's, and no node's folder counts any more."""
    scheduler = FakeScheduler("desk-abc123", lambda: 0.0)
    scheduler.places["maker"] = StatePlace("n1", 5)
    await save(saved, b"1", token=5, final=True)
    await saved.upload("maker", of(b"2").sha256, b"2")
    change = StateChange(put={"other.json": of(b"2", "other.json")})
    made = await change_state(saved, scheduler, "maker", change, "ada", "a test")
    assert (made.token, made.final, made.by, made.reason) == (6, True, "ada", "a test")
    assert [file.path for file in made.files] == ["counter.json", "other.json"]
    assert scheduler.places["maker"] == StatePlace(IN_STORE, 6)
    removed = await change_state(saved, scheduler, "maker", StateChange(remove=("other.json",)), "ada", "")
    assert removed.files == (of(b"1"),)
    cleared = await change_state(saved, scheduler, "maker", StateChange(base=None), "ada", "")
    assert cleared.files == ()
    with pytest.raises(NotFound):
        await change_state(saved, scheduler, "maker", StateChange(remove=("other.json",)), "ada", "")


async def test_no_older_copy_is_changed_unless_the_loss_is_accepted(saved: SavedStates) -> None:
    """While the newest state is on a node that has not saved it, only `accept_loss` goes on."""
    scheduler = FakeScheduler("desk-abc123", lambda: 0.0)
    scheduler.places["maker"] = StatePlace("n1", 7)
    await save(saved, b"1", token=7)
    with pytest.raises(Conflict, match="accept-loss"):
        await change_state(saved, scheduler, "maker", StateChange(base=1), "ada", "")
    made = await change_state(saved, scheduler, "maker", StateChange(base=1, accept_loss=True), "ada", "")
    assert made.token == 8
    with pytest.raises(Conflict, match="fenced"):
        await save(saved, b"back again", token=7, final=True)


async def test_what_was_forgotten_is_gone_and_what_is_young_is_kept(saved: SavedStates) -> None:
    """A removed bot's state is deleted once it is old."""
    await save(saved, b"1")
    assert await saved.bots() == ["maker"]
    assert not await saved.forget("maker", older_than=0.0)
    assert await saved.forget("maker", older_than=4e9)
    assert await saved.newest("maker") is None
    assert await saved.bots() == []


class Away(FolderStore):
    """A store that does not answer."""

    async def find(self, prefix: str) -> list[Stored]:
        raise StoreUnavailable("the state store cannot be used")


async def test_what_the_lease_forgot_is_recalled_from_the_store(saved: SavedStates) -> None:
    """Before a bot is applied, and for its former name; what is remembered stays as it is."""
    scheduler = FakeScheduler("desk-abc123", lambda: 0.0)
    await save(saved, b"1", token=5)
    renamed = make_spec("taker", renamed_from="maker")
    await recall(saved, scheduler, renamed, placed=False)
    assert scheduler.places == {"maker": StatePlace("n1", 5)}
    scheduler.places["maker"] = StatePlace("n2", 9)
    await recall(saved, scheduler, make_spec("maker"), placed=False)
    assert scheduler.places == {"maker": StatePlace("n2", 9)}


async def test_a_store_that_is_away_keeps_back_only_what_has_no_job(tmp_path: Path) -> None:
    """A bot that runs can be updated meanwhile: the lease remembers its state."""
    away = SavedStates(Away(tmp_path), "desk-abc123")
    scheduler = FakeScheduler("desk-abc123", lambda: 0.0)
    await recall(away, scheduler, make_spec("maker"), placed=True)
    with pytest.raises(StoreUnavailable):
        await recall(away, scheduler, make_spec("maker"), placed=False)


async def test_a_removed_bots_state_is_forgotten_after_thirty_days(saved: SavedStates) -> None:
    """That of a bot there is, never; and none while the bots are not known."""
    await save(saved, b"1")
    late = time.time() + KEPT_FOR + 60
    assert await forget_once(saved, None, late) == []
    assert await forget_once(saved, {"maker"}, late) == []
    assert await forget_once(saved, {"another"}, late - 120) == []
    assert await forget_once(saved, {"another"}, late) == ["maker"]
