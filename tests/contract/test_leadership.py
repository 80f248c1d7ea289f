"""Leading, on a real PostgreSQL: one at a time, taken over by itself, nothing written by who has lost it."""

import asyncio

import pytest

from controller.database import Database
from controller.database.fleets import ensure_fleet, fleet_id
from controller.database.leadership import find_leader
from controller.records import Rules
from controller.remote.fenced import FencedScheduler
from controller.remote.leadership import Leadership, LeaseTimes
from controller.remote.trouble import NotLeading
from controller.schedulers.protocol import Launch, Question
from schemas.state import StatePlace
from tests.fakes.scheduler import FakeScheduler
from tests.unit.controller.examples import NOW, revision, spec

SHORT = LeaseTimes(renew_every=0.1, leads_for=0.5, session_ends=1.0, look_every=0.05)
"""For a lead that is to be lost by itself."""
LONG = LeaseTimes(renew_every=0.1, leads_for=300.0, session_ends=600.0, look_every=0.05)
"""For one that is lost by nothing but what a test does: a slow machine must not end it before."""


@pytest.fixture
async def database(postgres):
    address = postgres.new_database()
    opened = await Database.open(address)
    yield address, opened
    await opened.close()


async def test_one_leads_and_the_next_takes_over(database):
    """A second controller waits while the first leads, leads after it, and everybody can see who does."""
    address, opened = database
    assert await opened.run(find_leader) is None
    first = await Leadership(address, "first", "http://first", LONG).win()
    waiting = asyncio.create_task(Leadership(address, "second", "http://second", LONG).win())
    await asyncio.sleep(LONG.look_every)
    holding = asyncio.create_task(first.hold())
    seen = await opened.run(find_leader)
    assert (seen.holder, seen.address, seen.epoch) == ("first", "http://first", first.epoch)
    assert not waiting.done()
    holding.cancel()
    await first.close()
    second = await waiting
    assert second.epoch == first.epoch + 1
    assert (await opened.run(find_leader)).holder == "second"
    assert second.lasts
    assert not first.lasts
    await second.close()


async def test_a_silent_leader_stops_before_another_can_lead(database):
    """Who renews no more stops acting by itself, and then the server lets another one lead."""
    address, _ = database
    silent = await Leadership(address, "silent", "", SHORT).win()
    waiting = asyncio.create_task(Leadership(address, "next", "", SHORT).win())
    while silent.lasts:
        assert not waiting.done()
        await asyncio.sleep(0.01)
    with pytest.raises(NotLeading):
        silent.check()
    following = await waiting
    silent._until = float("inf")
    with pytest.raises(NotLeading, match="does not answer"):
        await silent.hold()
    await following.close()
    await silent.close()


async def test_a_leader_of_the_past_writes_nothing(database):
    """A transaction of an earlier leader is refused, and it knows from then on that it does not lead."""
    address, opened = database
    old = await Leadership(address, "old", "", LONG).win()
    opened.guard = old.guard
    made = await opened.run(lambda connection: ensure_fleet(connection, "desk", NOW))
    await old._connection.close()
    new = await Leadership(address, "new", "", LONG).win()
    with pytest.raises(NotLeading, match="another one"):
        await opened.run(lambda connection: ensure_fleet(connection, "other", NOW))
    assert not old.lasts
    opened.guard = new.guard
    assert await opened.run(fleet_id) == made
    await new.close()


async def test_a_leader_of_the_past_changes_nothing_at_the_scheduler():
    """Every change is refused once the lead is lost; looking is not."""

    def check():
        raise NotLeading("lost")

    inner = FakeScheduler("desk", lambda: NOW)
    fenced = FencedScheduler(inner, check)
    launch = Launch(spec(), revision(1).id, code=None)
    for change in (
        fenced.open(),
        fenced.apply(launch, None),
        fenced.stop("a", None, ""),
        fenced.keep_rules(Rules()),
        fenced.restart("a", ""),
        fenced.query("a", Question("/state")),
        fenced.remove("a"),
        fenced.recall_state("a", StatePlace()),
    ):
        with pytest.raises(NotLeading):
            await change
    with pytest.raises(NotLeading):
        fenced.hold_state("a")
    assert not (await fenced.observe()).bots
