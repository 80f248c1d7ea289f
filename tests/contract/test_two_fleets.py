"""Two fleets, and jobs of other people, on one real Nomad: each is left alone by whoever did not start it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller.records import Rules, Suspension
from controller.schedulers.nomad.scheduler import NomadScheduler
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import ObservedBot, Phase
from schemas.errors import Conflict, SchedulerRefused
from tests.contract.nomad_harness import NomadHarness, nomad_harness
from tests.contract.scheduler_harness import Fleet, until
from tests.engines.nomad import NomadAgent

pytestmark = pytest.mark.nomad


@pytest.fixture
async def harness(nomad: NomadAgent, tmp_path: Path) -> AsyncIterator[NomadHarness]:
    folder = tmp_path / "one"
    folder.mkdir()
    async with nomad_harness(folder, nomad) as opened:
        yield opened


@pytest.fixture
async def other(nomad: NomadAgent, tmp_path: Path) -> AsyncIterator[NomadHarness]:
    """Another fleet on the same cluster."""
    folder = tmp_path / "other"
    folder.mkdir()
    async with nomad_harness(folder, nomad) as opened:
        yield opened


async def add_job(harness: NomadHarness, identity: str, **fields: Any) -> str:
    """Register a job that herdsman knows nothing of, and return its token once it runs."""
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "sleep", "args": ["600"]}}
    task["KillTimeout"] = 1_000_000_000
    job = {"ID": identity, "Type": "service", "Datacenters": ["*"], **fields}
    job["TaskGroups"] = [{"Name": "g", "Count": 1, "Tasks": [task]}]
    index = (await harness._send("POST", "jobs", {"Job": job}))["JobModifyIndex"]
    await until(lambda: alive(harness, identity))
    return str(index)


async def alive(harness: NomadHarness, identity: str) -> list[str]:
    """Return the allocations of a job, and of its runs, that are alive."""
    every = await asyncio.to_thread(harness.agent.get, "allocations")
    of = [one for one in every if one["JobID"] == identity or one["JobID"].startswith(f"{identity}/")]
    return [one["ID"] for one in of if one["ClientStatus"] in {"pending", "running"}]


async def test_two_fleets_with_the_same_bots_never_touch_each_other(
    harness: NomadHarness, other: NomadHarness
) -> None:
    """Stop, prune, kill switch, drift and adoption of the one leave every job of the other as it was."""
    ours, theirs = Fleet(harness), Fleet(other)
    names = ("alpha", "beta")
    for fleet in (ours, theirs):
        for name in names:
            await fleet.start(name)
    before = {name: await theirs.seen(name) for name in names}

    assert set((await ours.scheduler.observe()).bots) == set(names)
    rule = Suspension("", "ada", "all", 0.0, scope="all", kill=True)
    await ours.scheduler.keep_rules(Rules(1, (rule,)))
    await ours.marked("alpha", "end")
    await ours.marked("beta", "end")
    assert await theirs.scheduler.rules() is None
    await ours.scheduler.keep_rules(Rules(2))
    for name in names:
        await ours.scheduler.stop(name, (await ours.seen(name)).token, "removed from git")
        await ours.phase(name, Phase.STOPPED)
        await ours.scheduler.remove(name)
    assert not (await ours.scheduler.observe()).bots

    listed = {one.id: one for one in await ours.scheduler.others()}
    for name in names:
        theirs_now = listed[f"{other.fleet}.{name}"]
        assert theirs_now.fleet == other.fleet
        with pytest.raises(SchedulerRefused, match="left alone"):
            await ours.scheduler.end_other(theirs_now.id, theirs_now.token)
        now = await theirs.seen(name)
        assert (now.token, now.allocation, now.phase) == (
            before[name].token,
            before[name].allocation,
            Phase.RUNNING,
        )
        assert [word for _, word in theirs.marks(name) if word in ("start", "end")] == ["start"]


async def test_a_job_is_ended_by_its_token_and_only_dead_when_its_node_says_so(harness: NomadHarness) -> None:
    """A changed job is left alone; the right one is stopped, kept as stopped, and others like it run on.

    Of one that was purged a life of herdsman that has just begun does not say that it has ended.
    """
    name, near = f"{harness.fleet}-momentum", f"{harness.fleet}-momentum-2"
    token, _ = await add_job(harness, name), await add_job(harness, near)
    with pytest.raises(Conflict, match="changed since it was looked at"):
        await harness.scheduler.end_other(name, str(int(token) - 1))
    assert await alive(harness, name)
    found = next(one for one in await harness.scheduler.others() if one.id == name)
    assert (found.kind, found.status, found.token, found.copies, found.fleet) == (
        "service",
        "running",
        token,
        1,
        "",
    )

    async def ended() -> bool:
        return await harness.scheduler.end_other(name, token)

    await until(ended)
    assert not await alive(harness, name)
    kept = await asyncio.to_thread(harness.agent.get, f"job/{name}")
    assert kept["Stop"]
    assert await alive(harness, near)
    await harness._send("DELETE", f"job/{near}?purge=true")
    begun = NomadScheduler(NomadSettings(harness.fleet, address=harness.agent.address), *harness.bundles)
    with pytest.raises(Conflict, match="look at their node yourself"):
        await begun.end_other(near, token)
    await begun.close()


async def test_the_runs_of_a_periodic_job_end_with_it(harness: NomadHarness) -> None:
    """A periodic job that is adopted leaves no run behind that still trades."""
    name = f"{harness.fleet}-cron"
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": "sleep", "args": ["600"]}}
    job = {"ID": name, "Type": "batch", "Datacenters": ["*"]}
    job["Periodic"] = {"Enabled": True, "SpecType": "cron", "Specs": ["0 0 1 1 *"]}
    job["TaskGroups"] = [{"Name": "g", "Count": 1, "Tasks": [{**task, "KillTimeout": 1_000_000_000}]}]
    index = (await harness._send("POST", "jobs", {"Job": job}))["JobModifyIndex"]
    await harness._send("PUT", f"job/{name}/periodic/force")
    await until(lambda: alive(harness, name))

    async def ended() -> bool:
        return await harness.scheduler.end_other(name, str(index))

    await until(ended)
    assert not await alive(harness, name)


async def test_an_installation_that_lost_everything_starts_no_second_copy(
    nomad: NomadAgent, tmp_path: Path
) -> None:
    """Under a new id it is refused a bot that runs; under the lost one it sees the bot as it runs."""
    name = f"desk-{os.urandom(3).hex()}"
    lost, fresh = f"{name}-aaaaaa", f"{name}-bbbbbb"
    for folder in ("lost", "fresh"):
        (tmp_path / folder).mkdir()
    async with nomad_harness(tmp_path / "lost", nomad, fleet=lost) as harness:
        first = Fleet(harness)
        token = await first.start("alpha")
        await first.marked("alpha", "start")
        async with nomad_harness(tmp_path / "fresh", nomad, fleet=fresh) as another:
            second = Fleet(another)
            with pytest.raises(SchedulerRefused, match=f"--adopt-fleet {lost}"):
                await another.scheduler.apply(await second.launch("alpha"), None)
            await second.start("beta")
            assert not second.marks("alpha")
        assert [word for _, word in first.marks("alpha") if word != "alive"] == ["start"]
        again = NomadScheduler(NomadSettings(lost, address=nomad.address), *harness.bundles)
        await again.open()

        async def runs() -> ObservedBot | None:
            bot = (await again.observe()).bots["alpha"]
            return bot if bot.phase is Phase.RUNNING else None

        assert (await until(runs)).token == token
        await again.close()


async def test_a_stopped_job_of_another_installation_is_dead_before_its_bot_starts(
    nomad: NomadAgent, tmp_path: Path
) -> None:
    """Whoever stops the old job by hand gets the bot once its last copy has ended, and not before.

    That holds as well for a herdsman that starts when the job has been purged, while its copy lives on.
    """
    name = f"desk-{os.urandom(3).hex()}"
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
    async with nomad_harness(tmp_path / "old", nomad, fleet=f"{name}-aaaaaa") as old:
        first = Fleet(old)
        await first.start("alpha", "stubborn", kill_timeout=60.0)
        (pid,) = (await first.marked("alpha", "start"))[:1]
        await first.marked("alpha", "alive")
        async with nomad_harness(tmp_path / "new", nomad, fleet=f"{name}-bbbbbb") as new:
            second = Fleet(new)
            launch = await second.launch("alpha")
            with pytest.raises(SchedulerRefused, match="runs already"):
                await new.scheduler.rehearse(launch)
            job = await asyncio.to_thread(old.agent.get, f"job/{old.fleet}.alpha")
            await old._send("POST", "jobs", {"Job": {**job, "Stop": True}})
            with pytest.raises(Conflict, match="a copy of it may still live"):
                await new.scheduler.apply(launch, None)
            await old._send("DELETE", f"job/{old.fleet}.alpha?purge=true")
            later = NomadScheduler(NomadSettings(new.fleet, address=nomad.address), *new.bundles)
            await later.open()
            with pytest.raises(Conflict, match="a copy of it holds the lease"):
                await later.apply(launch, None)
            await later.close()
            os.kill(pid, signal.SIGKILL)

            async def accepted() -> str:
                try:
                    return await new.scheduler.apply(launch, None)
                except Conflict:
                    return ""

            await until(accepted)
            await second.marked("alpha", "start")
            ended = float(first.record.read_text().splitlines()[-1].split()[-1])
            assert float(second.record.read_text().split()[3]) > ended


async def test_what_nomad_would_refuse_is_known_before_a_bot_is_registered(harness: NomadHarness) -> None:
    """A job in a node pool that is not there is refused as it is rehearsed; no rehearsal makes a job."""
    fleet = Fleet(harness)
    with pytest.raises(SchedulerRefused, match="nowhere"):
        await harness.scheduler.rehearse(await fleet.launch("alpha", node_pool="nowhere"))
    launch = await fleet.launch("alpha")
    await harness.scheduler.rehearse(launch)
    assert await harness.scheduler.observe_bot("alpha") is None
    await harness.scheduler.apply(launch, None)
    with pytest.raises(Conflict, match="already"):
        await harness.scheduler.rehearse(launch)
