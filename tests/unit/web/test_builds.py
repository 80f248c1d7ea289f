"""The builds of compiled programs over HTTP, and what a push shows of one."""

from dataclasses import replace

import pytest

from controller.passes import Pass
from controller.plan import Action, ActionKind, Plan
from controller.records import BUILDING, Change, ChangeState
from controller.remote.trouble import NoController
from gitops.compiling.records import BuildRecords
from gitops.revision import Revision
from tests.fakes.web import running
from tests.unit.controller.examples import desired, spec
from tests.unit.gitops.test_build_records import record
from web.leader import LeadersBuilds, LeadingBuilds
from web.progress import follow


async def test_a_build_is_found_by_its_bot_and_by_its_program(tmp_path):
    """A bot's name gives the build of the program that it should be, a program's name the newest."""
    async with running(tmp_path) as web, web.client() as client:
        program = replace(spec().program, name="maker", runtime="gcc13", tree="tree1")
        web.controller.state = desired([replace(spec("sma-btc"), program=program)])
        shelf = web.services.builds
        for number in (1, 2):
            built = record(number, "built", program.name)
            shelf.log_path(program.name, built.tree).write_text(f"log {number}\n")
            shelf.note(built)
        found = (await client.get("/api/v1/builds/sma-btc")).json()
        assert (found["build"]["tree"], found["log"]) == ("tree1", "log 1\n")
        found = (await client.get(f"/api/v1/builds/{program.name}")).json()
        assert (found["build"]["tree"], found["log"]) == ("tree2", "log 2\n")
        listed = (await client.get("/api/v1/builds")).json()
        assert [one["tree"] for one in listed] == ["tree2", "tree1"]
        missing = await client.get("/api/v1/builds/nobody")
        assert missing.status_code == 404
        web.controller.state = desired([spec("taker")])
        plain = await client.get("/api/v1/builds/taker")
        assert plain.status_code == 404
        assert "taker has no build, which only Rust and C++ programs have" in plain.json()["detail"]


def test_the_leader_tells_of_its_builds_and_a_stand_by_who_leads(tmp_path):
    """Where there are several controllers, the builds are on the disk of the one that leads."""
    builds, shelf = LeadersBuilds(lambda: "c2 leads"), BuildRecords(tmp_path)
    shelf.note(record(1, "built", "maker"))
    with pytest.raises(NoController, match="this controller is a stand-by: c2 leads"):
        builds.all()
    with pytest.raises(NoController):
        builds.spec("maker")
    builds.leading = LeadingBuilds(shelf, {"maker": spec("maker")}.get)
    (found,) = builds.all()
    assert (builds.find("maker"), builds.find("maker", "tree2"), builds.log(found)) == (found, None, "")
    assert builds.spec("maker") == spec("maker")


def asked_for(state: ChangeState, message: str) -> tuple[Pass, Change]:
    """Return a pass with one change."""
    change = Change("a", "create", "realtime", state, message)
    asked = Pass("push", "ada", asked_at=0.0)
    plan = Plan(Revision("f" * 40), (Action("a", ActionKind.CREATE, "realtime"),), total=1)
    asked.begin(plan, [change])
    return asked, change


async def test_the_time_of_a_build_does_not_count_for_a_push():
    """Whoever follows waits on while something is built, and leaves where nothing happens."""
    asked, change = asked_for(ChangeState.WAITING, f"{BUILDING}compiling")
    steps = follow(asked, "running", 0.05, building=60.0)
    assert (await anext(steps)).building
    asked.update(change.to(ChangeState.WAITING, f"{BUILDING}linking", 0.1))
    assert (await anext(steps)).message == f"{BUILDING}linking"
    asked.update(change.to(ChangeState.RUNNING, "", 0.2))
    assert [step.state async for step in steps] == [ChangeState.RUNNING]
    quiet, _ = asked_for(ChangeState.WAITING, "")
    left = [step.state async for step in follow(quiet, "running", 0.05, building=60.0)]
    assert left == [ChangeState.WAITING]
