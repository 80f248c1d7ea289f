"""Many bots are suspended by one rule, each rule ends by itself alone, and all of it outlives a database."""

import asyncio

import pytest

from controller.database import Database
from controller.database.rules import load_rules
from controller.records import Rules, Suspension
from controller.rules import decode_rules, encode_rules, newer
from controller.schedulers.protocol import Phase
from controller.scopes import checked_scope, scope_options, scope_words, scopes_of
from controller.status import Health, Reason
from schemas.errors import HerdsmanError, UsageError
from tests.unit.controller.examples import NOW, spec

MAKER = spec("a", account="binance-1", labels={"team": "core"})
TAKER = spec("b", account="binance-2", labels={"team": "core"})


@pytest.fixture
async def running(world):
    async with world.life():
        await world.push([MAKER, TAKER], 1)
        await world.clock.advance(12)
        yield world


def phases(world):
    return {name: job.seen.phase for name, job in world.scheduler.jobs.items()}


async def suspended(world, *names):
    await world.until(lambda: all(world.health(name) is Health.SUSPENDED for name in names))


def test_a_bot_is_in_the_scopes_of_all_that_names_it():
    """All, itself, its program, mode, account, and each label by its key and by its value."""
    assert scopes_of(MAKER) == {
        *("all", "bot=a", "mode=dry", f"program={MAKER.program.name}", "account=binance-1"),
        *("label=team", "label=team=core", "dry-account=binance-1"),
    }


@pytest.mark.parametrize("scope", ["", "some", "account=", "colour=red", "mode=paper", "label"])
def test_what_names_no_bots_is_refused(scope):
    """A scope that is none is told with those that are."""
    with pytest.raises(UsageError):
        checked_scope(scope)


def test_a_scope_is_told_in_words_and_in_options():
    """The same scope for people and for the command line."""
    scopes = ["all", "account=binance 1", "label=team=core", "mode=live", "bot=a", "live-account=x y"]
    assert [scope_words(scope) for scope in scopes] == [
        "all bots",
        "account binance 1",
        "label team=core",
        "live bots",
        "bot a",
        "live bots of account x y",
    ]
    assert [scope_options(scope) for scope in scopes] == [
        "--all",
        "--account 'binance 1'",
        "--label team=core",
        "--mode live",
        "a",
        "--account 'x y' --mode live",
    ]


def test_rules_come_back_from_their_document_and_the_newer_hold():
    """What is written can be read; of two documents that with the greater number counts, else the jobs'."""
    rule = Suspension("", "ada", 'a "reason"', NOW, NOW + 60, "label=a=b", kill=False)
    switch = Suspension("", "bob", "why", NOW, None, "all", kill=True)
    rules = Rules(3).including(rule).including(switch)
    assert decode_rules(encode_rules(rules)) == rules
    assert rules.number == 5
    assert rules.over({"all", "label=a=b"}) == (switch, rule)
    assert newer(Rules(2), Rules(3)) == Rules(3)
    assert newer(rules, Rules(4)) is rules
    assert newer(rules, None) is rules
    for text in ("", "[]", '{"number": 1}', '{"number": 1, "rules": [{}]}'):
        with pytest.raises(ValueError, match=r".+"):
            decode_rules(text)


async def test_a_rule_stops_its_bots_and_those_that_come_later(running):
    """The bots of an account are stopped and say why; a new one on it is not started; others run on."""
    controller = running.controller
    await controller.suspend_scope("account=binance-1", "desk", "withdrawals are down", token="t")
    await suspended(running, "a")
    assert controller.status("a").message == 'by desk: "withdrawals are down" (account binance-1)'
    await running.push([MAKER, TAKER, spec("c", account="binance-1")], 2)
    await running.clock.advance(120)
    assert "c" not in running.scheduler.jobs
    assert (running.health("c"), controller.status("c").reason) == (Health.SUSPENDED, Reason.SUSPENDED)
    assert phases(running)["b"] is Phase.RUNNING
    entry = (await controller.audit())[0]
    assert (entry.who, entry.action, entry.subject, entry.token) == (
        "desk",
        "suspend",
        "account=binance-1",
        "t",
    )


async def test_a_bot_under_several_rules_stays_stopped_until_all_are_lifted(running):
    """Each resume ends exactly its own rule; the status names those that are left."""
    controller = running.controller
    await controller.suspend("a", "ada", "its own")
    await controller.suspend_scope("label=team", "bob", "the team")
    await suspended(running, "a", "b")
    assert controller.status("a").message == 'by bob: "the team" (label team); also by ada: "its own"'
    await controller.resume_scope("label=team", "bob")
    await running.until(lambda: phases(running)["b"] is Phase.RUNNING)
    await running.clock.advance(60)
    assert phases(running)["a"] is Phase.STOPPED
    with pytest.raises(UsageError, match="not suspended"):
        await controller.resume_scope("label=team", "bob")
    await controller.resume("a", "ada")
    await running.until(lambda: phases(running)["a"] is Phase.RUNNING)
    assert not any(status.reason is Reason.DRIFTED for status in running.heard.statuses)


async def test_a_rule_ends_at_its_time(running):
    """A suspension of all bots for a minute ends after it, and the audit says so."""
    controller = running.controller
    await controller.suspend_scope("all", "ops", "an upgrade", running.clock.time() + 60)
    await suspended(running, "a", "b")
    await running.clock.advance(61)
    await running.until(lambda: set(phases(running).values()) == {Phase.RUNNING})
    entry = (await controller.audit())[0]
    assert (entry.who, entry.action, entry.subject) == ("herdsman", "resume", "all")


async def test_nobody_leaves_a_rule_by_another_label(running):
    """A push that moves a suspended bot to another account does not start it."""
    await running.controller.suspend_scope("account=binance-1", "ops", "why")
    await suspended(running, "a")
    await running.push([spec("a", account="binance-9"), TAKER], 2)
    await running.clock.advance(60)
    assert phases(running)["a"] is Phase.STOPPED


async def test_a_restart_under_a_rule_is_refused_with_the_way_out(running):
    """The answer names the command that ends what keeps the bot from running."""
    await running.controller.suspend_scope("account=binance-1", "ops", "why")
    with pytest.raises(UsageError, match="herdsman resume --account binance-1"):
        await running.controller.restart("a", "ops", "why")
    with pytest.raises(UsageError, match="account binance-1"):
        await running.controller.resume("a", "ops")


async def test_rules_outlive_a_lost_database(world):
    """A rule that only the scheduler remembers holds at once, and a recovery starts none of its bots."""
    async with world.life() as controller:
        await world.push([MAKER, TAKER], 1)
        await controller.suspend_scope("account=binance-1", "ops", "why")
        await suspended(world, "a")
    world.path.unlink()
    async with world.life() as controller:
        await controller.request_pass("operator").wait()
        await controller.recover("ops")
        await world.clock.advance(120)
        assert controller.suspended("a")[0].scope == "account=binance-1"
        assert phases(world) == {"a": Phase.STOPPED, "b": Phase.RUNNING}
        await controller.resume_scope("account=binance-1", "ops")
        await world.until(lambda: phases(world)["a"] is Phase.RUNNING)
        assert controller.suspensions() == []


async def test_an_older_database_brings_no_lifted_rule_back(world):
    """What was resumed since a backup stays resumed: the scheduler's rules are newer."""
    async with world.life() as controller:
        await world.push([MAKER], 1)
        await controller.suspend_scope("all", "ops", "why")
        await suspended(world, "a")
        backup = world.path.with_suffix(".bak")
        saved = await asyncio.to_thread(world.path.read_bytes)
        await controller.resume_scope("all", "ops")
    backup.write_bytes(saved)
    world.path.unlink()
    backup.rename(world.path)
    async with world.life() as controller:
        await controller.request_pass("operator").wait()
        assert controller.suspensions() == []


async def test_a_rule_is_in_force_though_the_scheduler_cannot_keep_it_yet(running):
    """It is in the database at once, and beside the jobs as soon as the scheduler answers."""
    running.scheduler.down = True
    await running.controller.suspend_scope("all", "ops", "why")
    assert "kept" in " ".join(running.controller.problems())
    database = await Database.open(str(running.path))
    kept = await database.run(load_rules)
    await database.close()
    assert [rule.scope for rule in kept.rules] == ["all"]
    running.scheduler.down = False
    await running.clock.advance(3)
    assert running.controller.problems() == []
    assert running.scheduler.kept_rules == kept


async def test_so_many_rules_that_they_cannot_be_kept_are_refused(running):
    """The variable beside the jobs has a size; what is free is for kill switches."""
    with pytest.raises(HerdsmanError, match="no room"):  # noqa: PT012
        for number in range(200):
            await running.controller.suspend_scope(f"account={number}", "ops", "y" * 499)
    await running.controller.kill("all", "ops", "now")
    assert running.controller.suspensions()[0].kill
