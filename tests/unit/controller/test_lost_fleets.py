"""Every way to lose a fleet by accident, over real git repositories: nothing that runs is stopped unasked."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.consent import TO_WHAT_IS_HELD, consent_to
from controller.records import RevisionState
from controller.status import Health, Reason
from gitops.desired import DesiredState
from gitops.git_source import GitSource
from gitops.references import make_reference
from gitops.revision import Revision
from gitops.sources import OneSource
from gitops.states import FleetStates
from gitops.transport import Transport
from schemas.errors import SourceUnavailable
from tests.unit.controller.harness import World
from tests.unit.gitops.fleets import Clone, bot_file, program_files

NAMES = ("one", "two", "three", "four", "five", "six")


class RealSource(OneSource):
    """A git source with its desired states, as a service opens it."""

    def __init__(
        self, url: str, mirror: Path, *, branch: str = "main", subfolder: str = "", environment: str = ""
    ) -> None:
        reference = make_reference(branch=branch)
        self.git = GitSource(Transport(url), reference, subfolder, mirror=mirror, timeout=60)
        self.repository = self.git.repository
        self.states = FleetStates(self.git, environments=[environment] if environment else [])

    async def fetch(self) -> Revision:
        return await self.git.fetch()

    async def build(self, revision: Revision, previous: DesiredState | None) -> DesiredState:
        return await self.states.build(revision, previous)

    async def rebuild(self, revision: Revision, current: DesiredState | None) -> DesiredState:
        return await self.states.rebuild(revision, current)


class Desk:
    """A fleet in a clone, and a controller that follows it."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.clone = Clone(folder / "clone")
        self.mirror = folder / "mirror.git"

    def open(self, **options: str) -> None:
        """Follow the clone with these options; in force from the next life on."""
        self.world.source = RealSource(f"file://{self.clone.path}", self.mirror, **options)

    async def start(self, names: tuple[str, ...] = NAMES, folder: str = "bots") -> None:
        """Commit bots and have them run."""
        files = {f"{folder}/{name}.yaml": bot_file(name) for name in names}
        self.clone.commit({**program_files(), **files}, "a fleet")
        await self.sync()
        await self.world.clock.advance(12)
        await self.world.until(lambda: all(self.world.health(name) is Health.HEALTHY for name in names))
        assert set(self.world.scheduler.jobs) == set(names)

    async def sync(self) -> str:
        """Have a pass look at what is new and return why it is held."""
        asked = self.world.controller.request_pass("operator", by="ada")
        plan = await asyncio.wait_for(asked.planned(), 60)
        await asyncio.wait_for(asked.wait(), 60)
        return plan.held

    async def try_sync(self) -> str:
        """Have a pass look, and return why it could not, "" where it could."""
        try:
            await self.sync()
        except SourceUnavailable as error:
            return str(error)
        return ""

    def all_run(self, names: tuple[str, ...] = NAMES) -> None:
        """Check that nothing was stopped, and nothing else was started."""
        assert set(self.world.scheduler.jobs) == set(names)
        assert self.world.scheduler.calls["stop"] == 0
        assert self.world.scheduler.calls["remove"] == 0


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    desk = Desk(world, tmp_path)
    desk.open()
    return desk


def emptied(clone: Clone) -> None:
    """Delete every instance; git knows no empty folders."""
    shutil.rmtree(clone.path / "bots")


def moved(clone: Clone) -> None:
    """Give the folder another name."""
    clone.git("mv", "bots", "instances")


def moved_down(clone: Clone) -> None:
    """Move the whole fleet into a folder of the repository."""
    (clone.path / "trading").mkdir()
    clone.git("mv", "bots", "programs", "trading/")


def renamed(clone: Clone) -> None:
    """Give every bot another name, without saying from which."""
    for name in NAMES:
        (clone.path / f"bots/{name}.yaml").write_text(bot_file(f"eu-{name}"))


def other_endings(clone: Clone) -> None:
    """Set every instance aside, as people do in the shell."""
    for name in NAMES:
        clone.git("mv", f"bots/{name}.yaml", f"bots/{name}.yaml.off")


HELD = {
    "emptied": emptied,
    "moved": moved,
    "moved down": moved_down,
    "renamed": renamed,
    "off": other_endings,
}


@pytest.mark.parametrize("accident", HELD.values(), ids=HELD.keys())
@pytest.mark.parametrize("names", [NAMES, NAMES[:2], NAMES[:1]], ids=["six", "two", "one"])
async def test_a_fleet_that_is_gone_from_git_runs_until_somebody_agrees(
    desk: Desk, accident: Callable[[Clone], None], names: tuple[str, ...]
) -> None:
    """However small it is: held, in words, over further pushes and a restart, and nothing new starts."""
    if accident in (renamed, other_endings) and len(names) < len(NAMES):
        names = NAMES
    async with desk.world.life() as controller:
        await desk.start(names)
        accident(desk.clone)
        desk.clone.commit(message="an accident")
        held = await desk.sync()
        assert f"{len(names)} of {len(names)} " in held
        assert all(word in held for word in ("herdsman sync --confirm-prune", "bring the files back"))
        desk.all_run(names)
        desk.clone.commit({"bots/new.yaml": bot_file("new")}, "on top of it")
        assert await desk.sync()
        desk.all_run(names)
        await desk.world.until(lambda: controller.status("new").reason is Reason.PRUNE_HELD)
        assert (await controller.find_revision(desk.clone.head)).state is RevisionState.PENDING
    async with desk.world.life() as controller:
        assert await desk.sync()
        desk.all_run(names)
        asked = controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD)
        await asyncio.wait_for(asked.wait(), 60)
        assert not set(names) & set(desk.world.scheduler.jobs)
        assert "new" in desk.world.scheduler.jobs


async def test_an_accident_that_is_undone_leaves_no_trace(desk: Desk) -> None:
    """Bringing the files back is the whole repair: nothing was stopped and nothing starts anew."""
    async with desk.world.life() as controller:
        await desk.start()
        before = list(desk.world.scheduler.applied)
        emptied(desk.clone)
        desk.clone.commit(message="an accident")
        assert await desk.sync()
        desk.clone.git("revert", "--no-edit", "HEAD")
        assert await desk.sync() == ""
        desk.all_run()
        assert desk.world.scheduler.applied == before
        assert controller.problems() == []


async def test_a_wrong_branch_stops_nobody(desk: Desk) -> None:
    """A branch without bots that is followed by mistake holds everything; the right one lets it go on."""
    async with desk.world.life():
        await desk.start()
    desk.clone.git("switch", "-q", "--orphan", "pages")
    desk.clone.commit({"index.html": "<p>"}, "a site")
    desk.open(branch="pages")
    async with desk.world.life():
        assert "the revision has no bot at all" in await desk.sync()
        desk.all_run()
    desk.open()
    async with desk.world.life():
        assert await desk.sync() == ""
        desk.all_run()


async def test_a_branch_that_lacks_one_bot_stops_nobody_either(desk: Desk) -> None:
    """What a switch to another branch removes is held however little it is, until somebody agrees."""
    async with desk.world.life():
        await desk.start()
    desk.clone.git("switch", "-q", "-c", "old")
    desk.clone.git("commit", "-q", "--amend", "-m", "the past")
    desk.clone.commit({"bots/six.yaml": None})
    desk.open(branch="old")
    async with desk.world.life():
        held = await desk.sync()
        assert "another branch is followed" in held
        assert "1 of 6 bots would be removed: six" in held
    async with desk.world.life():
        assert await desk.sync() == held
        desk.all_run()


async def test_a_branch_that_was_pushed_by_force_stops_nobody(desk: Desk) -> None:
    """What an orphan in the branch's place lacks runs on, also after the next push on top of it."""
    async with desk.world.life() as controller:
        await desk.start()
        desk.clone.git("switch", "-q", "--orphan", "fresh")
        files = {f"bots/{name}.yaml": bot_file(name) for name in NAMES[:5]}
        desk.clone.commit({**program_files(), **files}, "begun anew")
        desk.clone.git("branch", "-f", "main", "fresh")
        desk.clone.git("switch", "-q", "main")
        assert "history was rewritten" in await desk.sync()
        desk.all_run()
        desk.clone.commit({"bots/one.yaml": bot_file("one", size=2)}, "an update")
        assert "1 of 6 bots would be removed: six" in await desk.sync()
        assert desk.world.scheduler.applied.count(("one", desk.world.scheduler.jobs["one"].seen.spec)) == 1
    async with desk.world.life() as controller:
        assert "1 of 6 bots would be removed: six" in await desk.sync()
        desk.all_run()
        agreed = controller.request_pass("operator", consent=consent_to(desk.clone.head))
        await asyncio.wait_for(agreed.wait(), 60)
        assert "six" not in desk.world.scheduler.jobs
        desk.clone.commit({"bots/five.yaml": None}, "meant")
        assert await desk.sync() == ""
        assert "five" not in desk.world.scheduler.jobs


async def test_a_force_push_wedges_nothing(desk: Desk) -> None:
    """After a rewritten history further commits are applied as ever."""
    async with desk.world.life():
        await desk.start()
        desk.clone.git("commit", "-q", "--amend", "-m", "another past")
        assert await desk.sync() == ""
        desk.clone.commit({"bots/seven.yaml": bot_file("seven")})
        assert await desk.sync() == ""
        desk.all_run((*NAMES, "seven"))


async def test_a_subfolder_that_moved_is_not_read_as_empty(desk: Desk) -> None:
    """Where the source's folder is gone the source cannot be read, and says which folder it misses."""
    desk.open(subfolder="desk")
    async with desk.world.life():
        files = {f"desk/{path}": text for path, text in program_files().items()}
        desk.clone.commit(files)
        await desk.start(folder="desk/bots")
        desk.clone.git("mv", "desk", "trading")
        desk.clone.commit(message="moved")
        assert 'no folder "desk"' in await desk.try_sync()
        desk.all_run()
    desk.open(subfolder="programs")
    async with desk.world.life():
        assert 'no folder "programs"' in await desk.try_sync() or await desk.sync()
        desk.all_run()


async def test_a_branch_that_was_deleted_stops_nobody(desk: Desk) -> None:
    """Without its branch a source cannot be read; everything runs on, also over a restart."""
    async with desk.world.life():
        await desk.start()
        desk.clone.git("branch", "-m", "main", "trunk")
        assert "was deleted or renamed" in await desk.try_sync()
        desk.all_run()
    async with desk.world.life():
        assert "was deleted or renamed" in await desk.try_sync()
        desk.all_run()


@pytest.mark.parametrize("kind", ["tree", "blob"])
async def test_a_repository_that_lost_objects_is_not_read_in_part(desk: Desk, kind: str) -> None:
    """A folder or a file whose object is missing at the source leaves the last revision in force."""
    async with desk.world.life():
        await desk.start()
        desk.clone.commit({"bots/one.yaml": None, "bots/two.yaml": bot_file("two", size=3)}, "half")
        path = "bots" if kind == "tree" else "bots/two.yaml"
        oid = desk.clone.git("rev-parse", f"HEAD:{path}").stdout.strip()
        (desk.clone.store / "objects" / oid[:2] / oid[2:]).unlink()
        assert await desk.try_sync()
        desk.all_run()


@pytest.mark.parametrize("folder", ["bots", "programs/maker"])
async def test_a_mirror_that_lost_objects_prunes_nothing(desk: Desk, folder: str) -> None:
    """What our own copy lacks is not taken for deleted, whether it can be mended or not."""
    async with desk.world.life():
        await desk.start()
        desk.clone.commit({"bots/one.yaml": bot_file("one", size=2)}, "a change")
        source = desk.world.source
        revision = await source.fetch()
        tree = desk.clone.git("rev-parse", f"HEAD:{folder}").stdout.strip()
        for place in desk.mirror.glob("objects/pack/*"):
            place.chmod(0o600)
            shutil.copy(place, place.with_suffix(place.suffix + ".aside"))
        assert revision.id == desk.clone.head
        _lose(desk.mirror, tree)
        await desk.try_sync()
        desk.all_run()


def _lose(mirror: Path, oid: str) -> None:
    """Take an object out of a repository, packed or not."""
    loose = mirror / "objects" / oid[:2] / oid[2:]
    if loose.exists():
        loose.unlink()
    for pack in mirror.glob("objects/pack/*.pack"):
        content = bytearray(pack.read_bytes())
        content[12:] = bytes(len(content) - 12)
        pack.write_bytes(content)


BROKEN = {
    "typo": "name one\n",
    "emptied": "",
    "an answer of a large file store": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "a conflict": "<<<<<<< HEAD\nname: one\n=======\nname: two\n>>>>>>> b\n",
    "two documents": "name: one\n---\nname: two\n",
    "bytes": "\x00\x01",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
async def test_a_file_that_does_not_load_keeps_its_bot(desk: Desk, content: str) -> None:
    """Its bot runs on as it was applied last and says which file; the others go on."""
    async with desk.world.life() as controller:
        await desk.start()
        desk.clone.commit({"bots/one.yaml": content, "bots/new.yaml": bot_file("new")}, "a mistake")
        assert await desk.sync() == ""
        desk.all_run((*NAMES, "new"))
        await desk.world.until(lambda: controller.status("one").reason is Reason.INVALID_MANIFEST)
        assert "bots/one.yaml" in controller.status("one").message


async def test_a_program_around_manifests_keeps_their_bots(desk: Desk) -> None:
    """A `bot-config.yaml` above manifests makes them a program's files; their bots run on."""
    place = "bots/eu"
    async with desk.world.life() as controller:
        await desk.start(folder=place)
        program = program_files("other").items()
        files = {f"{place}/{path.removeprefix('programs/other/')}": text for path, text in program}
        desk.clone.commit(files, "a program in the wrong folder")
        await desk.sync()
        desk.all_run()
        desk.clone.commit({f"{place}/main.py": "def main(*_): ...  # later\n"}, "on top")
        await desk.sync()
        desk.all_run()
        await desk.world.until(lambda: controller.status("one").reason is Reason.INVALID_MANIFEST)
        assert controller.status("one").message.startswith(f"{place}/one.yaml did not load")


@pytest.mark.parametrize("target", ["elsewhere", "/nowhere"])
async def test_a_link_in_place_of_the_folder_prunes_nothing(desk: Desk, target: str) -> None:
    """Where a symbolic link stands for the folder of instances, what it may have held runs on."""
    async with desk.world.life():
        await desk.start()
        desk.clone.git("mv", "bots", "elsewhere")
        desk.clone.link("bots", target)
        desk.clone.commit(message="linked")
        await desk.try_sync()
        desk.all_run()


async def test_a_fleet_of_another_name_is_the_same_fleet(desk: Desk) -> None:
    """`name:` in herdsman.yaml is a title: another one, or none, stops and starts nobody."""
    async with desk.world.life() as controller:
        desk.clone.write({"herdsman.yaml": "name: desk\n"})
        await desk.start()
        before, fleet = list(desk.world.scheduler.applied), controller.fleet_id
        desk.clone.commit({"herdsman.yaml": "name: research\n"}, "renamed")
        assert await desk.sync() == ""
        desk.clone.commit({"herdsman.yaml": None}, "without its settings")
        assert await desk.sync() == ""
        desk.all_run()
        assert desk.world.scheduler.applied == before
    async with desk.world.life() as controller:
        await desk.sync()
        assert controller.fleet_id == fleet
        desk.all_run()


SETTINGS = "environments:\n  prod: {}\n  staging: {}\n"


async def prod_runs(desk: Desk) -> None:
    """Run the bots of one environment out of two."""
    desk.open(environment="prod")
    desk.clone.write({"herdsman.yaml": SETTINGS, "bots/staging/seven.yaml": bot_file("seven")})
    await asyncio.sleep(0)


async def test_an_environments_folder_that_is_gone_or_renamed_stops_nobody(desk: Desk) -> None:
    """A service that runs one environment holds everything where none of its bots is left."""
    await prod_runs(desk)
    async with desk.world.life():
        await desk.start(folder="bots/prod")
        desk.clone.git("mv", "bots/prod", "bots/production")
        desk.clone.commit(message="renamed")
        assert "6 of 6 bots would be removed" in await desk.sync()
        desk.all_run()


async def test_without_herdsman_yaml_an_environments_service_prunes_nothing(desk: Desk) -> None:
    """Where the revision does not know the environment any more, nothing is removed, and it is said."""
    await prod_runs(desk)
    async with desk.world.life() as controller:
        await desk.start(folder="bots/prod")
        desk.clone.commit({"herdsman.yaml": None}, "without its settings")
        await desk.try_sync()
        desk.all_run()
        desk.clone.commit({"herdsman.yaml": "environments:\n  live: {folders: [bots/prod]}\n"}, "renamed")
        said = await desk.try_sync()
        desk.all_run()
        assert "environment prod" in said + " ".join(controller.problems())


async def test_a_fleet_that_is_emptied_while_some_of_it_still_ends_is_held(desk: Desk) -> None:
    """What an earlier revision removes, and has not ended yet, is none that would be left."""
    async with desk.world.life() as controller:
        await desk.start()
        desk.world.scheduler.slow_stops = True
        desk.clone.commit(dict.fromkeys([f"bots/{name}.yaml" for name in NAMES[:3]]), "meant")
        asked = controller.request_pass("operator", by="ada")
        assert (await asyncio.wait_for(asked.planned(), 60)).held == ""
        await desk.world.until(lambda: desk.world.scheduler.calls["stop"] == 3)
        emptied(desk.clone)
        desk.clone.commit(message="an accident")
        asked = controller.request_pass("operator", by="ada")
        assert "3 of 3 bots would be removed" in (await asyncio.wait_for(asked.planned(), 60)).held
        for name in NAMES[:3]:
            desk.world.scheduler.finish_stop(name)
        await desk.world.until(lambda: set(desk.world.scheduler.jobs) == set(NAMES[3:]))
        await desk.world.clock.advance(5)
        assert desk.world.scheduler.calls["stop"] == 3


async def test_consent_to_one_accident_is_none_to_the_next(desk: Desk) -> None:
    """Whoever agreed to two removals has not agreed to the third that came meanwhile."""
    async with desk.world.life() as controller:
        desk.clone.write({"herdsman.yaml": "prune: {share: 0.1, least: 1}\n"})
        await desk.start()
        desk.clone.commit({"bots/one.yaml": None, "bots/two.yaml": None}, "meant")
        assert "2 of 6 bots would be removed, more than 10%: one, two" in await desk.sync()
        shown = (await controller.plan()).codes[""]
        desk.clone.commit({"bots/three.yaml": None}, "an accident of somebody else")
        asked = controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD)
        assert "3 of 6 bots" in (await asyncio.wait_for(asked.planned(), 60)).held
        desk.all_run()
        desk.clone.git("revert", "--no-edit", "HEAD")
        await desk.sync()
        assert (await controller.plan()).codes[""] == shown
        asked = controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD)
        await asyncio.wait_for(asked.wait(), 60)
        assert set(desk.world.scheduler.jobs) == set(NAMES[2:])
        assert (await controller.audit())[0].details["confirm_prune"] == [shown]
