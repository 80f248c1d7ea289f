"""Launcher reports as they come in through the controller."""

import asyncio
from dataclasses import replace

import pytest

from controller.database import Database, DatabaseUnavailable
from controller.database.runs import load_runs
from controller.database.statuses import load_statuses
from controller.fleet import Fleet
from controller.ports import NoListener
from controller.reports import Reports
from controller.settings import Settings
from controller.status import Health
from schemas.bot import BotType
from schemas.reports import LauncherReport, Outcome, ReportKind
from tests.fakes.clock import FakeClock
from tests.unit.controller.examples import FLEET, entry, exited, labels, seen, spec, started


async def test_same_report_twice_changes_nothing(world):
    """Reports that are replayed make no second run and no transition."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        await world.clock.advance(12)
        world.scheduler.crash("a")
        await world.until(lambda: len(world.heard.runs) == 2)
        told = len(world.heard.statuses)
        labelled = world.scheduler.labels("a")
        again = LauncherReport(
            world.clock.time() - 12 + 1e-6, ReportKind.STARTED, run=f"{labelled.allocation}-1", attempt=1
        )
        await controller.record([(labelled, again), (labelled, again)])
        await world.clock.advance(0.5)
        assert len(world.heard.runs) == 2
        assert len(await controller.runs("a")) == 1
        assert len(world.heard.statuses) <= told + 1


async def test_reports_of_other_fleets_are_ignored(world):
    """A report with another fleet's labels is none of ours."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        stranger = replace(labels(spec("a")), fleet="other-zzzzzz")
        await controller.record([(stranger, exited(9, world.clock.time() + 5))])
        assert [run.outcome for run in await controller.runs("a")] == [""]


async def test_a_bot_cannot_speak_for_another(world):
    """Reports under another bot's name, from an allocation that is known as one's own, are refused."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        await world.clock.advance(12)
        assert world.health("b") is Health.HEALTHY
        forged = replace(world.scheduler.labels("b"), allocation=world.scheduler.labels("a").allocation)
        moment = world.clock.time() + 1
        await controller.record([(forged, started(9, moment, forged.allocation))])
        await controller.record([(forged, exited(9, moment + 1, forged.allocation))])
        await world.clock.advance(1)
        assert world.health("b") is Health.HEALTHY
        assert [run.outcome for run in await controller.runs("b")] == [""]
        assert world.health("a") is Health.HEALTHY


async def test_a_report_that_could_not_be_kept_counts_for_nothing_until_it_is(tmp_path):
    """It comes again, and is then in the database as in memory, once; so is what came at the same time."""
    bot, clock = spec(), FakeClock()
    database, touched = await Database.open(str(tmp_path / "herdsman.db")), []
    fleet = Fleet(FLEET, observed={bot.name: seen(bot)}, inventory={bot.name: entry(bot)})
    reports = Reports(fleet, database, clock, Settings(), NoListener(), touched.append, lambda _run: None)

    def away(_connection):
        raise DatabaseUnavailable("it does not answer")

    database.guard = away
    beginning = [(labels(bot), started())]
    with pytest.raises(DatabaseUnavailable):
        await reports.record(beginning)
    assert (fleet.processes, touched) == ({}, [])
    database.guard = None
    crash = [(labels(bot), exited(t=started().t + 1))]
    await asyncio.gather(reports.record(beginning), reports.record(crash), reports.record(crash))
    (kept,) = (await database.run(load_statuses)).values()
    assert kept[1] == fleet.processes[bot.name]
    assert len(kept[1].crashes) == 1
    assert touched == [bot.name] * 2
    assert len(await database.run(lambda connection: load_runs(connection, bot.name, 10))) == 1
    await database.close()


async def test_late_words_of_the_old_copy_complete_its_run_only(world):
    """After an update, the old allocation's end closes its own run and does not touch the new status."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        old = world.scheduler.labels("a")
        await world.clock.advance(12)
        await world.push([spec("a", parameters={"fast": 12})], 2)
        await world.clock.advance(12)
        await controller.record(
            [(old, exited(1, world.clock.time(), old.allocation, outcome=Outcome.STOPPED, message=""))]
        )
        await world.clock.advance(1)
        assert world.health("a") is Health.HEALTHY
        assert [run.outcome for run in await controller.runs("a")] == ["", "stopped"]


async def test_outcomes_of_a_scheduled_bot(world):
    """A scheduled bot is as well as its last run was, and each run keeps its outcome."""
    async with world.life() as controller:
        bot = spec("a", kind=BotType.SCHEDULED)
        await world.push([bot], 1)
        moment = world.clock.time()
        ends = [
            (Outcome.CRASHED, "ValueError: no", Health.DEGRADED),
            (Outcome.ERROR, "no funds", Health.DEGRADED),
            (Outcome.SUCCESS, "", Health.HEALTHY),
        ]
        for number, (outcome, message, health) in enumerate(ends, 1):
            run = labels(bot, f"run-{number}")
            begin = moment + number * 10
            await controller.record([(run, started(1, begin, f"run-{number}"))])
            end = exited(1, begin + 5, f"run-{number}", outcome=outcome, message=message)
            await controller.record([(run, end)])
            await world.clock.advance(1)
            assert world.health("a") is health
        runs = await controller.runs("a")
        assert [one.outcome for one in runs] == ["success", "error", "crashed"]
