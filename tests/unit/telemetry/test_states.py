"""The agent's care for states: what is saved, what is refused, what is brought, and when it is not."""

import asyncio
import hashlib
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest

from controller.schedulers.protocol import Placed
from controller.state.folder import FolderStore
from controller.state.guarding import GuardedStates
from controller.state.saved import SavedStates
from schemas.labels import AllocationLabels
from schemas.state import (
    ANSWER_FILE,
    IN_STORE,
    MOST_FILE,
    STATE_FILE,
    HeldState,
    StateAnswer,
    StateFile,
    StatePlace,
    StateVersion,
)
from telemetry.agent.allocation import Allocation
from telemetry.agent.states.bringer import PATIENCE, Bringer, judge
from telemetry.agent.states.caretaker import Caretaker
from telemetry.agent.states.folder import NewFolder, Snapshot, look, take
from telemetry.agent.states.living import Living
from telemetry.agent.states.looking import Looks
from telemetry.agent.states.saver import Whose
from telemetry.agent.states.turns import Progress, Turn, Turns
from tests.fakes.scheduler import FakeScheduler
from tests.unit.telemetry.bots import eventually

FLEET = "desk-abc123"


@dataclass
class Node:
    """One node's state root with the bot `maker` on it, and the service's own store."""

    folder: Path
    saved: SavedStates
    allocations: list[Allocation] = field(default_factory=list)
    scheduler: FakeScheduler = field(default_factory=lambda: FakeScheduler(FLEET, lambda: 0.0))
    """Says whose allocations truly are."""

    @property
    def root(self) -> Path:
        return self.folder / "state"

    @property
    def state(self) -> Path:
        return self.root / FLEET / "maker"

    def write(self, name: str, text: str) -> None:
        """Have a file of the state hold a text, at no moment half of it."""
        part = self.folder / "part"
        part.write_text(text)
        part.replace(self.state / name)

    def place(
        self,
        held: HeldState,
        allocation: str = "a1",
        node: str = "n1",
        *,
        truly: str = "maker",
        bot: str = "maker",
    ) -> Path:
        """Let an allocation say something of the state of `bot`, and return its shared folder."""
        self.scheduler.placements[allocation] = Placed(truly)
        shared = self.folder / "alloc" / allocation / "alloc"
        (shared / "logs").mkdir(parents=True, exist_ok=True)
        part = shared / "part"
        part.write_bytes(msgspec.json.encode(held))
        part.replace(shared / STATE_FILE)
        labels = AllocationLabels(
            FLEET, bot, "p", "1.0.0", "realtime", "dry", "r", "s", allocation, node=node
        )
        if allocation not in {one.labels.allocation for one in self.allocations}:
            self.allocations.append(Allocation(shared.parent, labels, {}))
        return shared

    @asynccontextmanager
    async def cared(
        self,
        gap: float = 0.05,
        looks: Looks | None = None,
        turns: Turns | None = None,
        *,
        look_every: float = 0.02,
        last_saves: float = 4.0,
    ) -> AsyncIterator[Caretaker]:
        """Care for the node's states during a block."""
        caretaker = Caretaker(
            GuardedStates(self.saved, self.scheduler, FLEET),
            self.root,
            self.folder / "spool",
            gap=gap,
            look_every=look_every,
            looks=looks,
            turns=turns,
            last_saves=last_saves,
        )
        caring = asyncio.create_task(caretaker.run(lambda: self.allocations))
        try:
            yield caretaker
        finally:
            caring.cancel()
            await asyncio.gather(caring, return_exceptions=True)

    async def version(self, number: int = 1, bot: str = "maker") -> StateVersion:
        """Wait for a version of at least this number."""
        async with asyncio.timeout(90):
            while True:
                found = await self.saved.newest(bot)
                if found is not None and found.number >= number:
                    return found
                await asyncio.sleep(0.01)

    async def until(self, wanted: Callable[[StateVersion], bool]) -> StateVersion:
        """Wait until the newest version is as wanted."""
        found = await self.version()
        while not wanted(found):
            found = await self.version(found.number + 1)
        return found

    async def answer(self, shared: Path, token: int) -> StateAnswer:
        """Wait for what the agent answers to a launcher."""
        async with asyncio.timeout(90):
            while True:
                path = shared / ANSWER_FILE
                if path.exists():
                    found = msgspec.json.decode(path.read_bytes(), type=StateAnswer)
                    if found.token == token and found.status != "bringing":
                        return found
                await asyncio.sleep(0.01)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    place = Node(tmp_path, SavedStates(FolderStore(tmp_path / "states"), FLEET))
    place.state.mkdir(parents=True)
    return place


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_a_folder_is_saved_when_it_changes_and_marked_when_its_holder_has_ended(node: Node) -> None:
    """Each change makes a version, the end one that is complete; what did not change is not sent again."""
    node.state.joinpath("counter.json").write_text("1")
    node.state.joinpath("deep").mkdir()
    node.state.joinpath("deep", "other.bin").write_bytes(b"x")
    node.place(HeldState(4, "held", StatePlace("n1", 4)))
    async with node.cared():
        first = await node.version()
        assert (first.token, first.node, first.final) == (4, "n1", False)
        assert {file.path: file.sha256 for file in first.files} == {
            "counter.json": sha256(b"1"),
            "deep/other.bin": sha256(b"x"),
        }
        node.write("counter.json", "2")
        second = await node.version(2)
        assert await node.saved.download("maker", second.files[0].sha256) == b"2"
        node.state.joinpath("deep", "other.bin").unlink()
        third = await node.version(3)
        assert [file.path for file in third.files] == ["counter.json"]
        node.place(HeldState(4, "ended", StatePlace("n1", 4)))
        assert (await node.version(4)).final
    assert not list((node.folder / "spool").iterdir())


async def test_a_cleared_folder_is_saved_as_empty_and_one_never_used_not_at_all(node: Node) -> None:
    """Clearing all keys clears them; a bot without a state leaves no versions."""
    node.place(HeldState(1, "held"))
    async with node.cared():
        await asyncio.sleep(0.3)
        assert await node.saved.newest("maker") is None
        node.write("a.json", "1")
        await node.version()
        node.state.joinpath("a.json").unlink()
        assert (await node.version(2)).files == ()


async def test_what_cannot_be_saved_is_said_and_stops_nothing_else(node: Node) -> None:
    """A file too large, a link to another's secrets, a pipe: the rest is kept."""
    secret = node.folder / "secret"
    secret.write_text("another's")
    node.state.joinpath("good.json").write_text("1")
    with node.state.joinpath("large.bin").open("wb") as large:
        large.truncate(MOST_FILE + 1)
    node.state.joinpath("link.json").symlink_to(secret)
    node.state.joinpath("folder").symlink_to(node.folder)
    os.mkfifo(node.state / "pipe")
    node.place(HeldState(1, "held"))
    async with node.cared():
        version = await node.version()
    assert [file.path for file in version.files] == ["good.json"]
    assert {one.path: one.reason.split(":")[0] for one in version.skipped} == {
        "folder": "it is no plain file",
        "large.bin": "it is too large",
        "link.json": "it is no plain file",
        "pipe": "it is no plain file",
    }


async def test_a_folder_that_hangs_is_named_and_holds_up_no_other(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are saved on and on meanwhile, and it is saved as soon as it answers."""
    hangs, hanging, answers = threading.Event(), threading.Event(), threading.Event()

    def stuck(root: Path, fleet: str, bot: str) -> Snapshot:
        if bot == "stuck" and hangs.is_set():
            hanging.set()
            answers.wait(600)
        return look(root, fleet, bot)

    async def kept(content: str) -> None:
        async with asyncio.timeout(90):
            while True:
                found = await node.saved.newest("stuck")
                if found is not None and holds(content)(found):
                    return
                await asyncio.sleep(0.01)

    hung = node.state.with_name("stuck")
    hung.mkdir()
    for folder in (hung, node.state):
        folder.joinpath("a.json").write_text("old")
    node.place(HeldState(4, "held", StatePlace("n1", 4)), "a2", truly="stuck", bot="stuck")
    node.place(HeldState(5, "held", StatePlace("n1", 5)))
    try:
        async with node.cared(looks=Looks(node.root, 0.05, stuck)):
            await kept("old")
            hangs.set()
            await eventually(hanging.is_set)
            hung.joinpath("a.json").write_text("new")
            for content in ("1", "2", "3"):
                node.state.joinpath("a.json").write_text(content)
                await node.until(holds(content))
            await eventually(lambda: f"bot stuck: its state folder {hung} has not answered" in caplog.text)
            await kept("old")
            answers.set()
            await kept("new")
    finally:
        answers.set()


@dataclass
class Disk:
    """Folders of the bots `dead...` hang from `hangs` on until the disk `answers`."""

    hangs: threading.Event = field(default_factory=threading.Event)
    answers: threading.Event = field(default_factory=threading.Event)

    def look(self, root: Path, fleet: str, bot: str) -> Snapshot:
        if bot.startswith("dead") and self.hangs.is_set():
            self.answers.wait(600)
        return look(root, fleet, bot)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.answers.set()


async def have_saved(node: Node, *bots: str) -> None:
    """Have each bot hold a state that is saved as its first version."""
    for token, bot in enumerate(bots, 1):
        folder = node.state.with_name(bot)
        folder.mkdir(exist_ok=True)
        folder.joinpath("a.json").write_text("old")
        node.place(HeldState(token, "held", StatePlace("n1", token)), f"a-{bot}", truly=bot, bot=bot)
    for bot in bots:
        await node.version(bot=bot)


async def test_the_last_saves_wait_for_no_folder_that_hangs(
    node: Node, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    """The agent's end saves what answers while others hang, and those too where they answer in time."""
    dead = [f"dead{number}" for number in range(8)]
    looks = Looks(node.root, look=disk.look)
    async with node.cared(600, looks, look_every=600, last_saves=600) as caretaker:
        await have_saved(node, *dead, "maker")
        disk.hangs.set()
        for bot in ("maker", *dead):
            node.state.with_name(bot).joinpath("a.json").write_text("new")
        finishing = asyncio.create_task(caretaker.finish(lambda: node.allocations))
        await node.until(holds("new"))
        assert not finishing.done()
        disk.answers.set()
        await finishing
    for bot in dead:
        newest = await node.saved.newest(bot)
        assert newest is not None
        assert holds("new")(newest), bot
    assert "not every state could be saved" not in caplog.text


async def test_a_state_that_could_not_be_looked_at_at_the_agents_end_is_named(
    node: Node, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose folder does not answer in time may have lost something: that is never passed over in silence."""
    looks = Looks(node.root, look=disk.look)
    async with node.cared(600, looks, look_every=600, last_saves=0.1) as caretaker:
        await have_saved(node, "dead")
        disk.hangs.set()
        await caretaker.finish(lambda: node.allocations)
    assert (
        "not every state could be saved (of dead); what is missing is saved at the next start" in caplog.text
    )


async def test_many_folders_that_hang_hold_up_the_look_at_no_other(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    """Others are looked at meanwhile; that no thread is left for them is said once."""
    disk.hangs.set()
    looks = Looks(tmp_path, 0.5, disk.look)
    well = {(FLEET, f"well{number}") for number in range(20)}

    async def see(keys: list[tuple[str, str]], wanted: Callable[[set[tuple[str, str]]], bool]) -> None:
        seen: set[tuple[str, str]] = set()
        async with asyncio.timeout(90):
            while not wanted(seen):
                seen |= (await looks.at(keys, 0.05)).keys()
                await asyncio.sleep(0.01)

    said = "64 state folders do not answer"
    try:
        dead = [(FLEET, f"dead{number}") for number in range(70)]
        await see([*dead[:40], *well], lambda seen: seen >= well)
        assert said not in caplog.text
        await see([*dead, *well], lambda _: said in caplog.text)
        for _ in range(5):
            assert not (await looks.at(dead, 0.01)).keys() & set(dead)
        assert caplog.text.count(said) == 1
        disk.answers.set()
        await see([*dead, *well], lambda seen: seen >= {*dead, *well})
    finally:
        looks.close()


async def test_a_bot_gets_its_state_while_disks_hold_up_all_saves(node: Node) -> None:
    """A bot that is to start waits for no save."""
    turns = Turns(1)
    await turns.free.acquire()
    async with node.cared(turns=turns):
        node.write("a.json", "1")
        node.place(HeldState(5, "held", StatePlace("n1", 5)))
        shared = node.place(
            HeldState(3, "wanted", StatePlace("n2", 2)), "a-other", truly="other", bot="other"
        )
        assert (await node.answer(shared, 3)).status == "not_yet"
        assert await node.saved.newest("maker") is None
        turns.free.release()
        await node.version()


async def test_a_save_that_waited_speaks_for_no_two_holders(node: Node) -> None:
    """What the next holder writes already is not saved as the end of the one before."""
    asked = asyncio.Event()

    class Noted(Turns):
        @asynccontextmanager
        async def one(self) -> AsyncIterator[Turn]:
            asked.set()
            async with super().one() as turn:
                yield turn

    turns = Noted(1)
    await turns.free.acquire()
    async with asyncio.timeout(90), node.cared(turns=turns):
        node.write("a.json", "1")
        node.place(HeldState(5, "ended", StatePlace("n1", 5)))
        await asked.wait()
        node.place(HeldState(6, "held", StatePlace("n1", 5)))
        later = node.place(HeldState(1, "wanted", StatePlace("n2", 1)), "a-later", truly="later", bot="later")
        await node.answer(later, 1)
        turns.free.release()
        first = await node.version()
    assert (first.number, first.token, first.final) == (1, 6, False)


async def test_a_save_that_is_slow_keeps_its_turn() -> None:
    """A disk that goes on reading is not asked for more at once."""

    class Moving(Progress):
        def made(self) -> int:
            self.step()
            return super().made()

    ends, progress, turns = threading.Event(), Moving(), Turns(1, patience=0.0)

    async def save() -> bool:
        async with turns.one() as turn:
            return await turn.on_disk(lambda: ends.wait(600), progress)

    try:
        async with asyncio.timeout(90):
            slow = asyncio.create_task(save())
            await eventually(lambda: Progress.made(progress) > 5)
            assert turns.free.locked()
            assert not slow.done()
            ends.set()
            assert await slow
    finally:
        ends.set()


async def test_a_look_at_processes_that_hangs_is_told_once(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    """Until it answers, nobody who was killed is seen as gone: that is said."""

    def hang() -> None:
        disk.answers.wait(600)

    looks, said = Looks(tmp_path, 0.05), "the look at this node's processes has not answered"
    try:
        async with asyncio.timeout(90):
            while said not in caplog.text:
                await looks.beside(hang, 0.05)
        await looks.beside(lambda: None, 0.05)
        assert caplog.text.count(said) == 1
        disk.answers.set()
        answered: list[bool] = []
        async with asyncio.timeout(90):
            while not answered:
                await looks.beside(lambda: answered.append(True), 0.05)
    finally:
        looks.close()


async def test_a_state_is_brought_to_a_disk_that_hangs_without_holding_up_the_agent(node: Node) -> None:
    """All else goes on while a file is written, and the state is there once the disk answers."""
    answers, writing = threading.Event(), threading.Event()

    class Stuck(NewFolder):
        def write(self, file: StateFile, data: bytes) -> None:
            writing.set()
            answers.wait(600)
            super().write(file, data)

    desk, turns = GuardedStates(node.saved, node.scheduler, FLEET), Turns(1, patience=0.0, most_hanging=1)
    whose, held = Whose(FLEET, "maker", "n1", "a1"), HeldState(5, "wanted", StatePlace("n1", 4))

    async def bring() -> StateAnswer:
        async with turns.one() as turn:
            return await Bringer(desk, node.root, made=Stuck).bring(whose, held, node.state.stat(), turn)

    try:
        async with asyncio.timeout(90):
            async with node.cared():
                node.write("a.json", "1")
                node.place(HeldState(4, "ended", StatePlace("n1", 4)))
                await node.until(lambda version: version.final)
            bringing = asyncio.create_task(bring())
            await eventually(writing.is_set)
            await eventually(lambda: turns.lendable.locked() and not turns.free.locked())
            assert not bringing.done()
            answers.set()
            answer = await bringing
    finally:
        answers.set()
    assert answer.status == "restored"
    assert node.root.joinpath(FLEET, answer.folder, "a.json").read_text() == "1"


def test_a_new_folder_that_is_let_go_of_stays_open_for_who_writes_to_it(tmp_path: Path) -> None:
    """No write goes elsewhere because its folder was closed meanwhile; none begins after that."""

    class Closing(NewFolder):
        def _write(self, file: StateFile, data: bytes) -> None:
            self.close()
            super()._write(file, data)

    file = StateFile("a.json", sha256(b"1"), 1, 0.0)
    folder = Closing(tmp_path, FLEET, "new")
    folder.write(file, b"1")
    assert (tmp_path / FLEET / "new" / "a.json").read_bytes() == b"1"
    with pytest.raises(OSError, match="not wanted any more"):
        folder.write(file, b"1")


async def test_a_save_that_waits_to_lend_its_turn_lends_it_once_it_may(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That no turn is left is said once; as soon as one disk answers, others have theirs."""
    first, second = threading.Event(), threading.Event()
    turns = Turns(1, patience=0.0, most_hanging=1)
    said = "hold up the states of so many bots"

    async def save(work: Callable[[], object]) -> object:
        async with turns.one() as turn:
            return await turn.on_disk(work)

    try:
        async with asyncio.timeout(90):
            one = asyncio.create_task(save(lambda: first.wait(600)))
            await eventually(turns.lendable.locked)
            other = asyncio.create_task(save(lambda: second.wait(600)))
            await eventually(lambda: said in caplog.text)
            first.set()
            assert await one
            assert await save(lambda: "quick") == "quick"
            assert not other.done()
            second.set()
            assert await other
    finally:
        first.set()
        second.set()
    assert caplog.text.count(said) == 1
    assert not turns.free.locked()
    assert not turns.lendable.locked()


async def test_a_save_that_a_disk_holds_up_lends_its_turn_to_another() -> None:
    """Only so many lend theirs at once; what the work comes to is there once the disk answers."""
    answers = threading.Event()
    turns = Turns(1, patience=0.0, most_hanging=1)

    async def save(work: Callable[[], object]) -> object:
        async with turns.one() as turn:
            return await turn.on_disk(work)

    def broken() -> None:
        answers.wait(600)
        raise OSError("the disk is gone")

    try:
        async with asyncio.timeout(90):
            hanging = asyncio.create_task(save(lambda: answers.wait(600) and "kept"))
            await eventually(turns.lendable.locked)
            assert await save(lambda: "quick") == "quick"
            assert not hanging.done()
            failing = asyncio.create_task(save(broken))
            for _ in range(100):
                await asyncio.sleep(0)
            assert turns.free.locked()
            answers.set()
            assert await hanging == "kept"
            with pytest.raises(OSError, match="the disk is gone"):
                await failing
    finally:
        answers.set()
    assert not turns.free.locked()
    assert not turns.lendable.locked()


def test_a_file_that_changes_while_it_is_read_is_taken_and_marked(tmp_path: Path) -> None:
    """After a few rounds the copy is taken as it is, with its own checksum; quiet files are not marked.

    Copies are kept under their checksum: in the very folder that is read, each copy makes that file anew.
    """
    folder = tmp_path / "state" / "f" / "b"
    folder.mkdir(parents=True)
    (folder / "quiet.json").write_text("1")
    taken = take(tmp_path / "state", ("f", "b"), {}, folder)
    by_path = {file.path: file for file in taken.files}
    assert not by_path["quiet.json"].changing
    busy = by_path[sha256(b"1")]
    assert (busy.changing, busy.sha256, busy.size) == (True, sha256(b"1"), 1)
    assert taken.copies[busy.sha256].read_bytes() == b"1"


async def test_only_the_newest_holder_of_a_node_is_saved(node: Node) -> None:
    """An ended allocation of before says nothing about the folder that another one writes now."""
    node.state.joinpath("a.json").write_text("1")
    node.place(HeldState(3, "ended", StatePlace("n1", 3)), "old")
    node.place(HeldState(5, "held", StatePlace("n1", 5)), "new")
    async with node.cared():
        version = await node.version()
        await asyncio.sleep(0.2)
    assert (version.token, version.final, version.allocation) == (5, False, "new")
    assert len(await node.saved.history("maker")) == 1


FORGED = 10**15


def holds(content: str) -> Callable[[StateVersion], bool]:
    """Return whether a version's first file has a content."""
    return lambda version: version.files[0].sha256 == sha256(content.encode())


@pytest.mark.parametrize(
    "forged",
    [HeldState(FORGED, "held"), HeldState(FORGED, "ended"), HeldState(5, "held")],
    ids=["a huge token", "ended", "the same token"],
)
async def test_a_bot_that_says_it_is_another_neither_saves_nor_hides_that_ones_state(
    node: Node, forged: HeldState
) -> None:
    """After a restart of the agent too: whatever holder it claims to be, the true one's saves go on."""
    node.state.joinpath("a.json").write_text("1")
    node.place(HeldState(5, "held", StatePlace("n1", 5)), "true")
    node.place(forged, "forged", "n9", truly="thief")
    for content in ("2", "3"):
        node.state.joinpath("a.json").write_text(content)
        async with node.cared():
            await node.until(holds(content))
    node.place(HeldState(5, "ended", StatePlace("n1", 5)), "true")
    async with node.cared():
        version = await node.until(lambda one: one.final)
    assert {one.allocation for one in await node.saved.history("maker")} == {"true"}
    assert version.token == 5


async def test_a_bot_gets_no_other_bots_state(node: Node, tmp_path: Path) -> None:
    """Neither under that one's name, nor under its own by naming the other as its former one."""
    node.state.joinpath("a.json").write_text("the maker's secret")
    node.place(HeldState(4, "ended", StatePlace("n1", 4)))
    async with node.cared():
        await node.version()
    thief = Node(tmp_path / "thief", node.saved)
    as_maker = thief.place(HeldState(5, "wanted", StatePlace("n1", 4), source="maker"), truly="thief")
    thief.allocations[0] = Allocation(as_maker.parent, replace(thief.allocations[0].labels, bot="thief"), {})
    async with thief.cared():
        answer = await thief.answer(as_maker, 5)
    assert (answer.status, "refused" in answer.message) == ("not_yet", True)
    as_other = thief.place(HeldState(6, "wanted", StatePlace("n1", 4), source="maker"), "a2", truly="thief")
    thief.allocations = thief.allocations[1:]
    thief.scheduler.asked.clear()
    async with thief.cared():
        await asyncio.wait_for(thief.scheduler.asked["placed"].wait(), 90)
        await asyncio.sleep(0.1)
    assert not (as_other / ANSWER_FILE).exists()
    assert not list(thief.root.glob("**/*"))


async def test_states_wait_while_the_scheduler_cannot_be_asked(node: Node) -> None:
    """Nothing is taken on the word of a file; once the scheduler answers all is saved, nothing was lost."""
    node.state.joinpath("a.json").write_text("1")
    node.place(HeldState(4, "ended", StatePlace("n1", 4)))
    node.scheduler.down = True
    async with node.cared():
        await asyncio.wait_for(node.scheduler.asked["placed"].wait(), 90)
        assert await node.saved.newest("maker") is None
        node.scheduler.down = False
        assert (await node.version()).final


@pytest.mark.parametrize("followed", [False, True])
async def test_a_bot_that_was_removed_is_saved_once_more(node: Node, *, followed: bool) -> None:
    """Its allocation's folder may be deleted before the agent reads that it has ended, or notices that."""
    node.state.joinpath("a.json").write_text("1")
    node.place(HeldState(4, "held", StatePlace("n1", 4)))
    async with node.cared():
        await node.version()
        node.write("a.json", "2")
        shutil.rmtree(node.folder / "alloc")
        if not followed:
            node.allocations.clear()
        last = await node.version(2)
        while not last.final:
            last = await node.version(last.number + 1)
    assert last.files[0].sha256 == sha256(b"2")


async def test_an_agent_that_starts_anew_saves_no_last_state_twice(node: Node) -> None:
    """What became of the folder after its holder's last save is not taken for that holder's state."""
    node.state.joinpath("a.json").write_text("1")
    node.place(HeldState(4, "ended", StatePlace("n1", 4)))
    async with node.cared():
        assert (await node.version()).final
    node.state.joinpath("a.json").unlink()
    async with node.cared():
        await asyncio.sleep(0.2)
    assert [len(version.files) for version in await node.saved.history("maker")] == [1]


async def test_a_folder_that_is_gone_does_not_empty_what_is_saved(node: Node) -> None:
    """A disk that was lost is no bot that cleared its keys."""
    node.state.joinpath("a.json").write_text("1")
    node.place(HeldState(4, "held", StatePlace("n1", 4)))
    async with node.cared():
        await node.version()
        node.state.rename(node.state.with_name("elsewhere"))
        await asyncio.sleep(0.2)
    node.place(HeldState(4, "ended", StatePlace("n1", 4)))
    async with node.cared():
        await asyncio.sleep(0.2)
    assert [len(version.files) for version in await node.saved.history("maker")] == [1]


async def test_a_wanted_state_is_brought_beside_the_folder(node: Node, tmp_path: Path) -> None:
    """Whole, with its contents proven; the launcher puts it in place."""
    node.state.joinpath("a.json").write_text("1")
    node.state.joinpath("deep").mkdir()
    node.state.joinpath("deep", "b").write_text("2")
    node.place(HeldState(4, "ended", StatePlace("n1", 4)))
    async with node.cared():
        await node.version()
    other = Node(tmp_path / "other", node.saved)
    shared = other.place(HeldState(5, "wanted", StatePlace("n1", 4), source="maker"), node="n2")
    async with other.cared():
        answer = await other.answer(shared, 5)
    assert (answer.status, answer.loss) == ("restored", False)
    brought = other.root / FLEET / answer.folder
    assert (brought / "a.json").read_text() == "1"
    assert (brought / "deep" / "b").read_text() == "2"
    assert brought.stat().st_mode & 0o777 == 0o700
    assert not (other.root / FLEET / "maker").exists()


async def test_a_damaged_content_is_not_brought(node: Node, tmp_path: Path) -> None:
    """The launcher is told, and nothing of it is left beside the folder at the next try."""
    node.state.joinpath("a.json").write_text("1")
    node.place(HeldState(4, "ended", StatePlace("n1", 4)))
    async with node.cared():
        await node.version()
    (content,) = (node.folder / "states").glob("*/maker/objects/*")
    content.write_text("2")
    other = Node(tmp_path / "other", node.saved)
    shared = other.place(HeldState(5, "wanted", StatePlace("n1", 4), source="maker"), node="n2")
    async with other.cared():
        answer = await other.answer(shared, 5)
        content.write_text("1")
        other.place(HeldState(6, "wanted", StatePlace("n1", 4), source="maker"), node="n2")
        again = await other.answer(shared, 6)
    assert (answer.status, "damaged" in answer.message) == ("not_yet", True)
    assert again.status == "restored"
    assert [path.name for path in (other.root / FLEET).iterdir()] == [again.folder]


def saved(token: int = 4, *, final: bool, node: str = "n1") -> StateVersion:
    return StateVersion(12, token, node, final, 1_000.0, "", ())


LATE = HeldState(5, "wanted", StatePlace(IN_STORE, 4), lost_node="newest", waited=1e6)
"""A launcher for which no time is left to wait."""


@pytest.mark.parametrize(
    ("version", "held", "status"),
    [
        (None, HeldState(5, "wanted", StatePlace("n1", 4)), "not_yet"),
        (None, HeldState(5, "wanted", StatePlace("n1", 4), lost_node="newest", waited=1e6), "not_yet"),
        (saved(final=True), HeldState(5, "wanted", StatePlace("n1", 4)), "restored"),
        (saved(final=False), HeldState(5, "wanted", StatePlace("n1", 4)), "not_yet"),
        (saved(final=True), HeldState(7, "wanted", StatePlace("n1", 6)), "not_yet"),
        (saved(final=True, node=""), HeldState(5, "wanted", StatePlace(IN_STORE, 4)), "restored"),
        (saved(3, final=True), LATE, "not_yet"),
    ],
)
def test_an_older_copy_is_never_taken_silently(
    version: StateVersion | None, held: HeldState, status: str
) -> None:
    """Only what the last holder saved at its end is restored; without anything saved the bot waits."""
    assert judge(version, held, 1_045.0).status == status


def test_a_lost_nodes_newest_copy_is_taken_where_the_manifest_says_so_and_the_loss_is_told() -> None:
    """After the node had its time; the text says from when the copy is."""
    held = HeldState(5, "wanted", StatePlace("n1", 4), lost_node="newest", waited=PATIENCE - 1)
    early = judge(saved(final=False), held, 1_045.0)
    assert early.status == "not_yet"
    assert "45 s ago" in early.message
    late = judge(saved(final=False), replace(held, waited=PATIENCE), 1_045.0)
    assert (late.status, late.loss) == ("restored", True)
    assert "1970-01-01 00:16:40 UTC" in late.message
    assert "is lost" in late.message


def test_a_launcher_that_was_killed_counts_as_gone_only_where_it_was_seen_before(tmp_path: Path) -> None:
    """Or where it began before the machine did; and never where processes cannot be looked at."""
    proc = tmp_path / "proc"
    (proc / "1").mkdir(parents=True)
    (proc / "stat").write_text("cpu 1\nbtime 5000\n")
    (proc / "1" / "environ").write_bytes(b"PATH=/bin\0HERDSMAN_BOT=desk-abc123/maker/a1\0")
    living, whose = Living(proc, every=0.0), Whose(FLEET, "maker", "n1", "a1")
    unseen, before = Whose(FLEET, "other", "n1", "b1"), Whose(FLEET, "third", "n1", "c1")
    everybody = [(whose, 4, 6000.0), (unseen, 4, 6000.0), (before, 4, 4000.0)]
    living.look(everybody)
    assert [living.are_gone(one, token) for one, token, _ in everybody] == [False, False, True]
    (proc / "1" / "environ").unlink()
    living.look(everybody)
    assert [living.are_gone(one, token) for one, token, _ in everybody] == [True, False, True]
    assert not living.are_gone(whose, 5), "a launcher that came after the look was not looked for"


def test_a_look_goes_through_no_link(tmp_path: Path) -> None:
    """Also where the state folder itself is one."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("1")
    (tmp_path / "state" / "f").mkdir(parents=True)
    (tmp_path / "state" / "f" / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="b"):
        look(tmp_path / "state", "f", "b")
    assert look(tmp_path / "state", "f", "missing").marks == {}
