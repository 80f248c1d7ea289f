"""A fleet with several sources: what one does, or fails to do, is nothing to the bots of the other."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from controller.consent import TO_WHAT_IS_HELD
from controller.records import ChangeState, RevisionState
from controller.schedulers.protocol import Phase
from controller.status import Reason, Sync
from gitops.desired import DesiredState
from gitops.revision import Revision
from gitops.source_set import Member, SourceSet
from gitops.sources import News, OneSource
from schemas.bot import BotSpec
from schemas.errors import HerdsmanError, NotFound, SourceUnavailable
from tests.unit.controller.examples import program, spec
from tests.unit.controller.harness import FakeSource, World


class FakeRepository(OneSource):
    """One source of several, with its states: `push` makes a revision; `hangs` keeps it from answering."""

    repository = Path("/nowhere")
    interval = 3600.0

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = DesiredState(Revision("0" * 40))
        self.error: HerdsmanError | None = None
        self.hangs: asyncio.Event | None = None
        self.moved: News = lambda _trigger: None

    def push(self, specs: Iterable[BotSpec], number: int, **fields: object) -> None:
        bots = {one.name: one for one in specs}
        self.state = DesiredState(Revision(f"{number:040x}", message=self.name), bots=bots, **fields)
        self.moved("webhook")

    async def fetch(self) -> Revision:
        if self.hangs is not None:
            await self.hangs.wait()
        if self.error is not None:
            raise self.error
        return self.state.revision

    async def build(self, revision: Revision, previous: DesiredState | None) -> DesiredState:
        state = self.state
        return DesiredState(
            revision,
            bots=state.bots,
            errors=state.errors,
            failed_paths=state.failed_paths,
            failed_bots=state.failed_bots,
            complete=state.complete,
        )

    async def watch(self, news: News) -> None:
        self.moved = news
        await asyncio.Event().wait()

    def distrust(self) -> None:
        pass


class Two(World):
    """A world whose fleet has the sources desk and research."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.patience = 60.0
        self.desk, self.research = FakeRepository("desk"), FakeRepository("research")
        self.configured = [self.desk, self.research]
        self.compose()

    def compose(self) -> None:
        members = [Member(one.name, one, one) for one in self.configured]
        self.source = SourceSet(
            members,
            Path("/nowhere"),
            current=lambda: self.controller.desired(),
            owners=lambda: self.controller.owners(),
            clock=self.clock.time,
            patience=self.patience,
        )

    def running(self) -> set[str]:
        return {name for name, job in self.scheduler.jobs.items() if job.seen.phase is Phase.RUNNING}

    async def until_running(self, *names: str) -> None:
        """Return once exactly these bots run, and every pass has begun what it should."""
        await self.until(lambda: self.running() == set(names) and self.settled())

    def settled(self) -> bool:
        """Say whether what every source holds has been taken."""
        desired = self.controller.desired()
        taken = {name: part.revision.id for name, part in desired.parts.items()} if desired else {}
        answering = [one for one in self.configured if one.error is None and one.hangs is None]
        return all(taken.get(one.name) == one.state.revision.id for one in answering)


@pytest.fixture
def two(tmp_path):
    return Two(tmp_path)


async def test_each_source_has_its_own_bots_and_revisions(two):
    """The fleet is both sources together; each bot shows its source, and the revision of that source."""
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b")], 2)
    async with two.life() as controller:
        await two.until_running("a", "b")
        assert {one.name: one.source for one in controller.statuses()} == {"a": "desk", "b": "research"}
        assert controller.status("a").applied_revision == f"{1:040x}"
        assert controller.status("b").applied_revision == f"{2:040x}"
        two.desk.push([spec("a", version="2.0.0")], 3)
        await two.until(lambda: controller.status("a").applied_revision == f"{3:040x}")
        assert controller.status("b").applied_revision == f"{2:040x}"
        records = {one.revision.key: one for one in await controller.revisions()}
        assert [change.bot for change in records[f"{3:040x}@desk"].changes] == ["a"]
        assert records[f"{2:040x}@research"].state is not RevisionState.SUPERSEDED


async def test_two_sources_at_one_commit_have_a_record_each(two):
    """Two folders of one repository move together; what each changed is told apart."""
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b")], 1)
    async with two.life() as controller:
        await two.until_running("a", "b")
        records = {one.revision.origin: one for one in await controller.revisions()}
        assert {name: [c.bot for c in one.changes] for name, one in records.items()} == {
            "desk": ["a"],
            "research": ["b"],
        }
    two.compose()
    async with two.life() as controller:
        await two.until(two.settled)
        records = {one.revision.origin: one for one in await controller.revisions()}
        assert [change.bot for change in records["desk"].changes] == ["a"]


async def test_a_source_that_hangs_delays_nobody_else(two):
    """While one source does not answer, the other's bots are started, updated and removed."""
    two.patience = 0.05
    two.compose()
    two.research.hangs = asyncio.Event()
    two.desk.push([spec("a"), spec("b")], 1)
    async with two.life() as controller:
        await two.until_running("a", "b")
        two.desk.push([spec("a", version="2.0.0")], 2)
        await two.until_running("a")
        await two.until(lambda: controller.status("a").version == "2.0.0")
        assert any("source research" in problem for problem in controller.problems())
        two.research.push([spec("c")], 3)
        two.research.hangs.set()
        two.research.hangs = None
        await two.until_running("a", "c")
        assert controller.problems() == []


async def test_a_source_that_is_not_read_keeps_its_bots(two):
    """After a restart, the bots of a source that fails run on and are said to be of an unread source."""
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b")], 2)
    async with two.life():
        await two.until_running("a", "b")
    two.research.error = SourceUnavailable("no answer")
    two.desk.push([spec("a"), spec("c")], 3)
    two.compose()
    async with two.life() as controller:
        await two.until_running("a", "b", "c")
        await two.clock.advance(11)
        status = controller.status("b")
        assert (status.sync, status.reason) == (Sync.UNKNOWN, Reason.SOURCE_UNREAD)
        assert "no answer" in status.message
        two.research.error = None
        two.research.push([], 4)
        await two.until(lambda: any("has no bot at all" in text for text in controller.problems()))
        await controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD).wait()
        await two.until_running("a", "c")


async def test_a_broken_revision_of_one_source_is_nothing_to_the_other(two):
    """A tree that was not read whole prunes nothing of its own source, and of the other all it should."""
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b"), spec("c")], 2)
    async with two.life():
        await two.until_running("a", "b", "c")
        two.research.push([spec("c")], 3, complete=False)
        two.desk.push([spec("d")], 4)
        await two.until_running("b", "c", "d")


async def test_a_name_in_two_sources_runs_once_from_the_first(two):
    """The later source gets an error in its revision; the bot stays the first one's."""
    two.desk.push([spec("a")], 1)
    async with two.life() as controller:
        await two.until_running("a")
        two.research.push([spec("a", version="2.0.0"), spec("b")], 2)
        await two.until_running("a", "b")
        assert controller.status("a").version == "1.0.0"
        record = await controller.find_revision(f"{2:040x}")
        assert "belongs to a bot of the source desk" in record.errors[0].message
        assert len(two.scheduler.applied) == 2


async def test_a_bot_moves_between_sources_without_a_second_copy(two):
    """Declared in the new source first, then removed from the old: it changes in place, never pruned."""
    two.desk.push([spec("a"), spec("b")], 1)
    async with two.life() as controller:
        await two.until_running("a", "b")
        two.research.push([spec("a", version="2.0.0")], 2)
        await two.until(two.settled)
        assert controller.status("a").source == "desk"
        two.desk.push([spec("b")], 3)
        await two.until(lambda: controller.status("a").version == "2.0.0")
        await two.until_running("a", "b")
        assert controller.status("a").source == "research"
        assert ("a", "remove") not in two.scheduler.log
        assert controller.owners()["a"].source == "research"


async def test_a_large_prune_of_one_source_holds_only_that_one(two):
    """A source that loses most of its bots waits to be confirmed; the other's new bots start meanwhile."""
    two.desk.push([spec(name) for name in ("a", "b", "c", "d", "e")], 1)
    two.research.push([spec("x")], 2)
    async with two.life() as controller:
        await two.until_running("a", "b", "c", "d", "e", "x")
        two.desk.push([spec("a"), spec("new")], 3)
        await two.until(lambda: any("would be removed" in text for text in controller.problems()))
        two.research.push([spec("x"), spec("y")], 4)
        await two.until_running("a", "b", "c", "d", "e", "x", "y")
        await controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD).wait()
        await two.until_running("a", "new", "x", "y")


async def test_a_source_taken_out_of_the_settings_asks_before_its_bots_go(two):
    """Its bots run on until somebody confirms that they are to be removed."""
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b")], 2)
    async with two.life():
        await two.until_running("a", "b")
    two.configured = [two.desk]
    two.compose()
    async with two.life() as controller:
        await two.until(lambda: any("no longer configured" in text for text in controller.problems()))
        assert two.running() == {"a", "b"}
        await controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD).wait()
        await two.until_running("a")


async def test_a_source_taken_out_asks_also_where_the_others_are_read_one_after_another(two):
    """That nothing could be pruned while a source was unread is no leave to prune once it has been read."""
    old = FakeRepository("old")
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b")], 2)
    old.push([spec("c")], 3)
    two.configured = [two.desk, two.research, old]
    two.compose()
    async with two.life():
        await two.until_running("a", "b", "c")
    two.configured = [two.desk, two.research]
    two.compose()
    async with two.life() as controller:
        await two.until(lambda: any("no longer configured" in text for text in controller.problems()))
        await controller.request_pass("operator", by="ada").wait()
        assert two.running() == {"a", "b", "c"}
        await controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD).wait()
        await two.until_running("a", "b")


async def test_a_tree_read_in_part_gives_no_leave_to_a_large_prune(two):
    """The same revision, read whole later, is held as it would have been at once."""
    names = ("a", "b", "c", "d", "e")
    two.desk.push([spec(name) for name in names], 1)
    two.research.push([spec("x")], 2)
    async with two.life() as controller:
        await two.until_running(*names, "x")
        two.desk.push([spec("a")], 3, complete=False)
        await two.until(two.settled)
        two.desk.push([spec("a")], 3)
        await two.until(lambda: any("would be removed" in text for text in controller.problems()))
        assert two.running() == {*names, "x"}


async def test_a_fleet_of_one_source_becomes_one_of_several(two):
    """The bots of the one source are taken over by the source that declares them, without a restart."""
    several = two.source
    two.source = FakeSource()
    async with two.life():
        await two.push([spec("a")], 1)
    applied = list(two.scheduler.applied)
    two.source = several
    two.desk.push([spec("a")], 1)
    async with two.life() as controller:
        await two.until(lambda: controller.status("a").source == "desk")
        assert two.scheduler.applied == applied


async def test_a_fleet_of_several_sources_becomes_one_of_one(two):
    """Bots that the one source left does not declare run on until somebody confirms that they go."""
    two.desk.push([spec(name) for name in ("a", "b", "c", "d", "e")], 1)
    two.research.push([spec("x")], 2)
    async with two.life():
        await two.until_running("a", "b", "c", "d", "e", "x")
    applied = list(two.scheduler.applied)
    two.source = FakeSource()
    two.source.push([spec(name) for name in ("a", "b", "c", "d", "e")], 3)
    async with two.life() as controller:
        asked = controller.request_pass("operator", by="ada")
        assert "the source research is no longer configured" in (await asked.planned()).held
        await two.clock.advance(12)
        assert two.running() == {"a", "b", "c", "d", "e", "x"}
        assert controller.status("x").reason is Reason.PRUNE_HELD
        assert controller.revision().state is RevisionState.PENDING
        await controller.request_pass("operator", by="ada").wait()
        assert "x" in two.running()
        await controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD).wait()
        await two.until(lambda: two.running() == {"a", "b", "c", "d", "e"})
        assert two.scheduler.applied == applied


async def test_a_change_outlives_a_restart_whose_first_pass_knows_another_source_only(two):
    """What one source left on its way is followed once it has been read, and overtaken by no other source."""
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b")], 2)
    async with two.life():
        await two.until_running("a", "b")
        await two.clock.advance(1)
    two.research.error = SourceUnavailable("no answer")
    two.compose()
    async with two.life() as controller:
        await two.until(two.settled)
        await two.clock.advance(3)
        (change,) = (await controller.find_revision(f"{2:040x}")).changes
        assert change.state is ChangeState.RUNNING
        two.research.error = None
        two.research.moved("webhook")
        await two.until(two.settled)
        await two.clock.advance(12)
        (change,) = (await controller.find_revision(f"{2:040x}")).changes
        assert change.state is ChangeState.HEALTHY


async def test_a_change_whose_drift_is_put_right_before_its_source_is_read_has_its_outcome(two):
    """The repair of an unread source's bot does not take the place of what its revision asked for."""
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b")], 2)
    async with two.life():
        await two.until_running("a", "b")
        await two.clock.advance(1)
    two.research.error = SourceUnavailable("no answer")
    two.scheduler.purge_behind_our_back("b")
    two.compose()
    async with two.life() as controller:
        await two.until_running("a", "b")
        await two.clock.advance(2)
        two.research.error = None
        two.research.moved("webhook")
        await two.until(two.settled)
        await two.clock.advance(14)
        (change,) = (await controller.find_revision(f"{2:040x}")).changes
        assert (change.action, change.state) == ("create", ChangeState.HEALTHY)


async def test_a_bot_whose_new_source_is_broken_runs_on(two):
    """It left its old source for a manifest of another one that does not load: nothing is pruned of it."""
    two.desk.push([spec("a"), spec("b")], 1)
    two.research.push([spec("x")], 2)
    async with two.life() as controller:
        await two.until_running("a", "b", "x")
        two.research.push([spec("x")], 3, failed_paths=frozenset({"b.yaml"}), failed_bots=frozenset({"b"}))
        await two.until(two.settled)
        two.desk.push([spec("a")], 4)
        await two.until(two.settled)
        await controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD).wait()
        assert two.running() == {"a", "b", "x"}
        assert controller.status("b").sync is Sync.UNKNOWN
        two.research.push([spec("x")], 5)
        await two.until_running("a", "x")


async def test_a_broken_manifest_at_the_change_to_several_sources_stops_no_bot(two):
    """A confirmed removal of what nobody declares any more does not mean a bot whose file only fails."""
    several = two.source
    two.source = FakeSource()
    async with two.life():
        await two.push([spec("a"), spec("b"), spec("c")], 1)
        await two.until(lambda: two.running() == {"a", "b", "c"})
    two.source = several
    two.desk.push([spec("a")], 1, failed_paths=frozenset({spec("b").path}))
    async with two.life() as controller:
        await two.until(lambda: any("no longer configured" in text for text in controller.problems()))
        await controller.request_pass("operator", by="ada", consent=TO_WHAT_IS_HELD).wait()
        await two.until(lambda: two.running() == {"a", "b"})


async def test_one_program_may_differ_between_sources(two):
    """What ran under a version is remembered for each source alone."""
    two.desk.push([spec("a")], 1)
    two.research.push([spec("b", program=program(tree="another"))], 2)
    async with two.life() as controller:
        await two.until_running("a", "b")
        assert controller.programs_ran("desk") == {("sma", "1.0.0"): "tree-1.0.0"}
        assert controller.programs_ran("research") == {("sma", "1.0.0"): "another"}
        assert controller.programs_ran() == {}


async def test_an_announced_source_is_looked_at(two):
    """A webhook's word leads to a pass of that source alone, recorded as such; other names are unknown."""
    two.desk.push([spec("a")], 1)
    async with two.life() as controller:
        await two.until_running("a")
        two.desk.moved = lambda _trigger: None
        two.desk.push([spec("a"), spec("b")], 2)
        controller.announce("desk")
        await two.until_running("a", "b")
        assert (await controller.find_revision(f"{2:040x}")).trigger == "webhook"
        with pytest.raises(NotFound):
            controller.announce("nowhere")
