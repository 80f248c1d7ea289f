"""What is Nomad's alone: calls counted in Nomad's own log, reasons of waiting, runs, and what is refused."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from controller.schedulers.nomad.agent_job import render_agent, variable_path
from controller.schedulers.nomad.scheduler import NomadScheduler
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import Launch, ObservedBot, Phase, SchedulerEvent
from gitops.bundle import Bundle
from gitops.platforms import glibc
from gitops.runtimes import nodes
from schemas.errors import Conflict, NotFound, SchedulerRefused, SchedulerUnavailable
from tests.contract.nomad_harness import NomadHarness, nomad_harness
from tests.contract.scheduler_harness import Fleet, bundle, listening_to, until
from tests.engines.forwarding import Wire
from tests.engines.nomad import NomadAgent
from tests.engines.ports import free_ports

pytestmark = pytest.mark.nomad

T = TypeVar("T")


@pytest.fixture
async def harness(nomad: NomadAgent, tmp_path: Path) -> AsyncIterator[NomadHarness]:
    async with nomad_harness(tmp_path, nomad) as opened:
        yield opened


@pytest.fixture
def fleet(harness: NomadHarness) -> Fleet:
    return Fleet(harness)


@pytest.fixture
async def listening(harness: NomadHarness) -> AsyncIterator[asyncio.Queue[SchedulerEvent]]:
    """The scheduler's events, from after the first listing."""
    async with listening_to(harness.scheduler) as events:
        assert (await events.get()).bot is None
        yield events


def requests(agent: NomadAgent) -> Callable[[], list[str]]:
    """Return a function that lists the API requests in Nomad's log since now.

    Not those that launchers make as long as their bots live: for their leases, and for new rules.
    """
    log = agent.process.log
    start = log.stat().st_size

    def since() -> list[str]:
        text = log.read_bytes()[start:].decode()
        found = re.findall(r"request complete: method=(\S+ path=\S+)", text)
        return [line for line in found if "lock-renew" not in line and "wait=" not in line]

    return since


async def looked(
    harness: NomadHarness,
    events: "asyncio.Queue[SchedulerEvent]",
    look: Callable[[], Awaitable[T]],
    calls: int,
) -> tuple[T, list[str]]:
    """Look while events flow, and return what was seen and which calls that took.

    A stream that was too slow for Nomad is opened anew, and all is listed once more: that is told and excuses
    further calls; then it is looked again.
    """
    while True:
        since = requests(harness.agent)
        seen = await look()
        await asyncio.to_thread(harness.agent.get, "status/leader")
        await until(lambda since=since: _true(any("status/leader" in line for line in since())))
        made = [line for line in since() if "status/leader" not in line]
        if len(made) == calls:
            return seen, made
        await told_of(events, None)


async def told_of(events: "asyncio.Queue[SchedulerEvent]", bot: str | None) -> None:
    """Wait until an event tells of a bot; of None, that what was told before may not be all."""
    async with asyncio.timeout(90):
        while (await events.get()).bot != bot:
            pass


async def observed(fleet: Fleet, name: str, condition: Callable[[ObservedBot], bool]) -> ObservedBot:
    """Wait until the listing shows the bot as wanted, by the call that a controller makes."""

    async def look() -> ObservedBot | None:
        bot = (await fleet.scheduler.observe()).bots.get(name)
        return bot if bot is not None and condition(bot) else None

    bot = await until(look)
    assert isinstance(bot, ObservedBot)
    return bot


async def test_a_running_bot_is_looked_at_without_a_call(
    fleet: Fleet, harness: NomadHarness, listening
) -> None:
    """While events flow, what they told of a bot is enough, and what we registered counts at once."""
    token = await fleet.start("alpha")
    await observed(fleet, "alpha", lambda bot: bot.phase is Phase.RUNNING)
    seen, _ = await looked(harness, listening, lambda: fleet.scheduler.observe_bot("alpha"), 0)
    assert seen is not None
    assert (seen.phase, seen.token) == (Phase.RUNNING, token)
    await fleet.scheduler.stop("alpha", token, "a test")
    stopped = await fleet.scheduler.observe_bot("alpha")
    assert stopped is not None
    assert stopped.token.endswith("s")


async def test_somebody_elses_job_under_our_prefix_is_no_bot(
    fleet: Fleet, harness: NomadHarness, listening
) -> None:
    """Also where only events tell of it, it is nobody's, and the looks at our bots go on."""
    await harness.add_foreign("stranger")
    await told_of(listening, "stranger")
    stranger = await fleet.scheduler.observe_bot("stranger")
    assert stranger is not None
    assert (stranger.name, stranger.fleet, stranger.spec) == ("stranger", "", "")


async def test_idle_observation_is_one_call(fleet: Fleet, harness: NomadHarness, listening) -> None:
    """While events flow, all bots are observed by one listing, placements and nodes being known."""
    for name in ("alpha", "beta", "gamma"):
        await fleet.start(name)
    for name in ("alpha", "beta", "gamma"):
        await observed(fleet, name, lambda bot: bot.phase is Phase.RUNNING)
    observation, (call,) = await looked(harness, listening, fleet.scheduler.observe, 1)
    assert set(observation.bots) == {"alpha", "beta", "gamma"}
    assert harness.fleet in call


async def _true(value: bool) -> bool:
    return value


async def test_moves_are_announced_and_known_without_asking(fleet: Fleet, listening) -> None:
    """A new bot, its placement and its stop come as events of that bot."""
    token = await fleet.start("alpha")
    await told_of(listening, "alpha")
    running = await observed(fleet, "alpha", lambda bot: bot.phase is Phase.RUNNING)
    assert running.started_at is not None
    await fleet.scheduler.stop("alpha", token, "a holiday")
    stopped = await observed(fleet, "alpha", lambda bot: bot.phase is Phase.STOPPED)
    assert stopped.suspended == {"reason": "a holiday"}


async def test_token_does_not_change_by_running(fleet: Fleet) -> None:
    """Placement, start, crash and restart leave the job's token alone."""
    token = await fleet.start("alpha", "crash")
    await fleet.report("alpha", "exited", 1)
    assert (await fleet.phase("alpha", Phase.RUNNING)).token == token


async def test_missing_interpreter_is_told(fleet: Fleet, listening) -> None:
    """No node offers the version: the bot waits and says for what, also from events alone."""
    launch = await fleet.launch("alpha")
    await fleet.scheduler.apply(_with_python(launch, "3.99"), None)
    bot = await observed(fleet, "alpha", lambda bot: bot.reason == "no_runtime")
    assert bot.phase is Phase.PENDING
    assert "herdsman agent" in bot.message
    fresh = await fleet.scheduler.observe_bot("alpha")
    assert fresh is not None
    assert fresh.reason == "no_runtime"


def _with_python(launch, python):
    return type(launch)(launch.spec, launch.revision, launch.code, launch.dependencies, python)


async def test_bundle_that_cannot_be_fetched_is_told(fleet: Fleet, harness: NomadHarness) -> None:
    """Nomad's own words of the failed download are the bot's message, and it goes on trying."""
    launch = await fleet.launch("alpha")
    (dead,) = free_ports(1)
    scheduler = NomadScheduler(
        NomadSettings(harness.fleet, address=harness.agent.address),
        Bundle("launcher", "0" * 64, Path("/nowhere"), 1),
        lambda bundle: f"http://127.0.0.1:{dead}/{bundle.digest}.tar.gz",
    )
    await scheduler.apply(launch, None)
    bot = await until(lambda: _artifact(scheduler))
    assert bot.phase is Phase.PENDING
    assert "connection refused" in bot.message
    await scheduler.close()


async def _artifact(scheduler: NomadScheduler) -> ObservedBot | None:
    bot = await scheduler.observe_bot("alpha")
    return bot if bot is not None and bot.reason == "artifact" else None


async def test_stopping_a_scheduled_bot_stops_its_run(fleet: Fleet, harness: NomadHarness) -> None:
    """Nomad would let the run go on; and no run is left when the bot is removed."""
    now = datetime.now(UTC)
    # A start is on its slot now, and in a minute still; the next slot is that of tomorrow.
    schedule = f"{now.minute} {now.hour} * * *"
    await fleet.scheduler.apply(await fleet.launch("cron", "stubborn", schedule=schedule), None)
    idle = await fleet.seen("cron")
    assert (idle.phase, idle.scheduled, idle.copies) == (Phase.IDLE, True, 0)
    await asyncio.to_thread(harness.agent.send, "PUT", f"job/{harness.fleet}.cron/periodic/force")
    await until(lambda: _placed(fleet, "cron"))
    await fleet.scheduler.stop("cron", idle.token, "enough")
    await fleet.phase("cron", Phase.STOPPED)
    await fleet.scheduler.remove("cron")
    assert await asyncio.to_thread(harness.agent.get, f"jobs?prefix={harness.fleet}") == []


async def test_a_run_of_a_scheduled_bot_is_none_of_its_own_and_stays(
    fleet: Fleet, harness: NomadHarness, listening
) -> None:
    """Its job in Nomad is neither seen as a bot nor changed by looks and applies, nor purged at its end."""
    token = await fleet.scheduler.apply(await fleet.launch("cron", schedule="0 0 1 1 *"), None)
    await asyncio.to_thread(harness.agent.send, "PUT", f"job/{harness.fleet}.cron/periodic/force")
    await until(lambda: _placed(fleet, "cron"))
    assert set((await fleet.scheduler.observe()).bots) == {"cron"}
    (run,) = await _runs(harness, "cron")
    await fleet.scheduler.apply(await fleet.launch("cron", digest="two", schedule="0 0 1 1 *"), token)
    assert set((await fleet.scheduler.observe()).bots) == {"cron"}
    (after,) = await _runs(harness, "cron")
    assert (after["ID"], after["JobModifyIndex"]) == (run["ID"], run["JobModifyIndex"])


async def _runs(harness: NomadHarness, name: str) -> list[dict[str, Any]]:
    identity = f"{harness.fleet}.{name}"
    listed = await asyncio.to_thread(harness.agent.get, f"jobs?prefix={identity}/")
    return [one for one in listed if one["ParentID"] == identity]


async def _placed(fleet: Fleet, name: str) -> bool:
    return bool((await fleet.seen(name)).allocation)


async def test_bot_that_becomes_scheduled_ends_first(fleet: Fleet) -> None:
    """Nomad keeps a job's kind for ever, so the old job goes once its copy has ended."""
    token = await fleet.start("alpha")
    await fleet.marked("alpha", "alive")
    scheduled = await fleet.launch("alpha", digest="two", schedule="0 0 1 1 *")
    with pytest.raises(Conflict, match="stopped first"):
        await fleet.scheduler.apply(scheduled, token)
    stopped = await fleet.phase("alpha", Phase.STOPPED)
    await fleet.scheduler.apply(scheduled, stopped.token)
    idle = await fleet.phase("alpha", Phase.IDLE)
    assert (idle.spec, idle.scheduled) == ("two", True)


async def test_marked_name_of_a_stranger_is_left_alone(fleet: Fleet, harness: NomadHarness) -> None:
    """A job with our id but without our mark is neither stopped, restarted, removed nor replaced."""
    untouched = await harness.add_foreign("stranger")
    for call in (
        fleet.scheduler.stop("stranger", None, "x"),
        fleet.scheduler.restart("stranger", "x"),
        fleet.scheduler.apply(await fleet.launch("stranger"), None),
    ):
        with pytest.raises(Conflict):
            await call
    await fleet.scheduler.remove("stranger")
    assert await untouched()


async def _as_it_is(harness: NomadHarness, name: str) -> dict[str, Any]:
    found: dict[str, Any] = await asyncio.to_thread(harness.agent.get, f"job/{harness.fleet}.{name}")
    return found


async def test_job_that_lost_its_mark_is_known_by_its_token(fleet: Fleet, harness: NomadHarness) -> None:
    """Seen as nobody's, it is marked again by an apply, or a stop, of who has its token; else left alone."""
    for name in ("alpha", "beta"):
        await fleet.start(name)
        job = await _as_it_is(harness, name)
        await asyncio.to_thread(harness.agent.send, "POST", "jobs", {"Job": {**job, "Meta": None}})
    alpha, beta = await fleet.seen("alpha"), await fleet.seen("beta")
    assert (alpha.fleet, beta.fleet, alpha.name) == ("", "", "alpha")
    with pytest.raises(Conflict):
        await fleet.scheduler.stop("alpha", None, "a guess")
    await fleet.scheduler.apply(await fleet.launch("alpha"), alpha.token)
    assert (await fleet.phase("alpha", Phase.RUNNING)).fleet == harness.fleet
    await fleet.scheduler.stop("beta", beta.token, "removed from git")
    stopped = await fleet.phase("beta", Phase.STOPPED)
    assert (stopped.fleet, stopped.suspended) == (harness.fleet, {"reason": "removed from git"})
    await fleet.scheduler.remove("beta")
    assert await fleet.scheduler.observe_bot("beta") is None


async def test_job_that_was_stopped_and_started_by_hand_keeps_its_mark(
    fleet: Fleet, harness: NomadHarness
) -> None:
    """As Nomad's own page does it: the job as it is, but for its stop, is registered anew."""
    token = await fleet.start("alpha")
    await asyncio.to_thread(harness.agent.send, "DELETE", f"job/{harness.fleet}.alpha")
    await fleet.phase("alpha", Phase.STOPPED)
    job = await _as_it_is(harness, "alpha")
    await asyncio.to_thread(harness.agent.send, "POST", "jobs", {"Job": {**job, "Stop": False}})
    again = await fleet.phase("alpha", Phase.RUNNING)
    assert (again.fleet, again.spec) == (harness.fleet, "one")
    assert again.token != token


async def test_count_set_from_outside_is_seen_and_a_strangers_is_kept(
    fleet: Fleet, harness: NomadHarness, listening
) -> None:
    """A bot scaled to 2 says so, until it is applied again; a job that is not ours stays as it was scaled."""
    await harness.add_foreign("stranger")
    await asyncio.to_thread(harness.agent.scale, f"{harness.fleet}.stranger", "g", 2)
    await fleet.start("alpha")
    await asyncio.to_thread(harness.agent.scale, f"{harness.fleet}.alpha", "bot", 2)
    scaled = await observed(fleet, "alpha", lambda bot: bot.count == 2)
    await fleet.scheduler.apply(await fleet.launch("alpha"), scaled.token)
    assert (await observed(fleet, "alpha", lambda bot: bot.token != scaled.token)).count == 1
    assert (await _as_it_is(harness, "alpha"))["TaskGroups"][0]["Count"] == 1
    assert (await _as_it_is(harness, "stranger"))["TaskGroups"][0]["Count"] == 2


async def test_a_cut_event_stream_is_taken_up_again_and_all_is_listed_anew(
    fleet: Fleet, harness: NomadHarness
) -> None:
    """What happened while Nomad could not be reached is known after the gap."""
    token = await fleet.start("alpha")
    wire = Wire(harness.agent.address)
    await wire.open()
    settings = NomadSettings(harness.fleet, address=wire.address)
    scheduler = NomadScheduler(settings, Bundle("launcher", "0" * 64, Path("/nowhere"), 1), lambda _: "")
    try:
        async with listening_to(scheduler) as events:
            assert (await events.get()).bot is None
            await wire.cut()
            await fleet.scheduler.apply(await fleet.launch("alpha", digest="two"), token)
            await fleet.phase("alpha", Phase.RUNNING)
            await wire.open()
            await told_of(events, None)
            seen = (await scheduler.observe()).bots["alpha"]
            assert (seen.spec, seen.phase) == ("two", Phase.RUNNING)
    finally:
        await wire.cut()
        await scheduler.close()


async def test_unknown_bot_is_not_found(fleet: Fleet) -> None:
    """Stopping and restarting what is not there says so; removing it is done already."""
    with pytest.raises(NotFound):
        await fleet.scheduler.stop("nobody", None, "x")
    with pytest.raises(NotFound):
        await fleet.scheduler.restart("nobody", "x")
    await fleet.scheduler.remove("nobody")


async def test_restart_of_what_does_not_run_is_a_conflict(fleet: Fleet) -> None:
    """A bot without a node has no process to restart."""
    await fleet.scheduler.apply(_with_python(await fleet.launch("alpha"), "3.99"), None)
    with pytest.raises(Conflict, match="nothing to restart"):
        await fleet.scheduler.restart("alpha", "impatience")


async def test_job_that_nomad_does_not_accept_is_refused(fleet: Fleet) -> None:
    """The answer is Nomad's reason, and final."""
    with pytest.raises(SchedulerRefused, match="Nomad refuses"):
        await fleet.scheduler.apply(await fleet.launch("alpha", kill_timeout=-60.0), None)


async def test_unreachable_nomad_is_unavailable() -> None:
    """Nobody listens there: transient, in words, with the address."""
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    scheduler = NomadScheduler(
        NomadSettings("nowhere", address=address, token="s3cret"),
        Bundle("launcher", "0" * 64, Path("/nowhere"), 1),
        lambda _: "",
    )
    with pytest.raises(SchedulerUnavailable, match=re.escape(address)) as caught:
        await scheduler.open()
    assert "s3cret" not in str(caught.value)
    await scheduler.close()


async def test_agents_job_publishes_what_its_node_offers(harness: NomadHarness, tmp_path: Path) -> None:
    """The system job runs `herdsman agent` on the node, with its token from a Nomad variable."""
    agent = harness.agent
    settings = NomadSettings(harness.fleet, address=agent.address)
    command = str(Path(sys.executable).with_name("herdsman"))
    roots = ("--state-root", str(tmp_path / "s"), "--cache-root", str(tmp_path / "c"))
    options = (*roots, "--checkpoint", str(tmp_path / "k"))
    job = render_agent(settings, "http://127.0.0.1:9", command=command, arguments=options)
    path = variable_path(harness.fleet)
    await asyncio.to_thread(agent.send, "PUT", f"var/{path}", {"Path": path, "Items": {"token": "t"}})
    await asyncio.to_thread(agent.send, "POST", "jobs", {"Job": job})

    async def published() -> bool:
        (node,) = await asyncio.to_thread(agent.get, "nodes")
        whole = await asyncio.to_thread(agent.get, f"node/{node['ID']}")
        return bool(whole["Meta"].get("herdsman_state_root") == str(tmp_path / "s"))

    await until(published)
    assert (await harness.scheduler.observe()).bots == {}


def _of(launch: Launch, runtime: str, layer: Bundle | None = None) -> Launch:
    program = replace(launch.spec.program, runtime=runtime, entrypoint="bot.mjs")
    return replace(launch, spec=replace(launch.spec, program=program), dependencies=layer, python="")


async def test_a_bot_waits_until_a_node_offers_node(fleet: Fleet, harness: NomadHarness, listening) -> None:
    """It says what its node must offer, and runs as soon as a node's agent tells of a Node.js."""
    await harness.publish(None)
    await harness.offers("herdsman_node", "")
    launch = await fleet.launch("alpha")
    code = bundle(harness.work, {"bot.mjs": "setInterval(() => {}, 1000)\n"})
    await harness.store(code)
    await fleet.scheduler.apply(replace(_of(launch, "nodejs20"), code=code), None)
    bot = await observed(fleet, "alpha", lambda bot: bot.reason == "no_runtime")
    assert bot.phase is Phase.PENDING
    assert bot.message.startswith(
        "no node offers all that it needs: Node.js 20 or newer, Python 3.11 or newer;"
    )
    await harness.publish(nodes())
    await fleet.phase("alpha", Phase.RUNNING)


async def test_a_compiled_bot_waits_for_a_node_that_is_new_enough(
    fleet: Fleet, harness: NomadHarness, listening
) -> None:
    """A node with an older C library than what it was built with does not get it, and the bot says so."""
    await harness.publish(nodes(), libc="2.3")
    await harness.offers("herdsman_glibc", "2.3")
    launch = await fleet.launch("alpha")
    script = "#!/bin/sh\nsleep 600 & trap 'kill $!' TERM; wait\n"
    layer = bundle(harness.work, {"built/maker": script}, links={"bot": "built/maker"})
    await harness.store(layer)
    await fleet.scheduler.apply(_of(launch, "gcc13", layer), None)
    bot = await observed(fleet, "alpha", lambda bot: bot.reason == "no_runtime")
    assert bot.phase is Phase.PENDING
    assert f"no node offers all that it needs: glibc {glibc()} or newer" in bot.message
    await harness.publish(nodes())
    await fleet.phase("alpha", Phase.RUNNING)
    await fleet.report("alpha", "started")
