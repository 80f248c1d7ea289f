"""One suite over every scheduler: secrets that are handed over reach the bot, and nobody else sees them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.schedulers.protocol import HandedSecrets, Launch, Phase, Question
from controller.secrets.handing import handed
from schemas.secret_reference import SecretReference
from tests.contract.nomad_harness import NomadHarness, nomad_harness
from tests.contract.scheduler_harness import Fleet, local_harness

KEY = b"k" * 32
CANARY = 'c4n4ry "Zq8wLx2T"\n${NOMAD_TOKEN} {{ env "HOME" }}'
OTHER = "another-value-9XkQ2"
SECRETS = (SecretReference("API_KEY", "sops:secrets/desk.yaml#key"), SecretReference("PIN", "vault:kv/a#pin"))


@pytest.fixture(params=["local", pytest.param("nomad", marks=pytest.mark.nomad)])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    """The fleet of one test on each scheduler."""
    opened = (
        nomad_harness(tmp_path, request.getfixturevalue("nomad"))
        if request.param == "nomad"
        else local_harness(tmp_path, secrets_key=KEY)
    )
    async with opened as harness:
        yield Fleet(harness)


async def with_secrets(fleet: Fleet, name: str, value: str, **settings: Any) -> Launch:
    """Return the launch of a bot to which a value is handed over."""
    launch = await fleet.launch(name, "count", queried=True, secrets=SECRETS, **settings)
    return replace(launch, secrets=given(name, value))


def given(name: str, value: str) -> HandedSecrets:
    """Return what is handed over to a bot."""
    return handed(KEY, name, {"API_KEY": value, "PIN": "1234"})


async def environment(fleet: Fleet, name: str = "alpha") -> dict[str, str]:
    """Return the environment of a bot's query program, which has what the bot has."""
    answer: dict[str, str] = json.loads(await fleet.scheduler.query(name, Question("/environment")))
    return answer


def traces(fleet: Fleet) -> dict[str, bytes]:
    """Return all that the scheduler wrote down of its bots: files, and on Nomad the jobs and variables."""
    harness = fleet.harness
    if isinstance(harness, NomadHarness):
        jobs = harness.agent.get(f"jobs?prefix={harness.fleet}")
        found = {job["ID"]: json.dumps(harness.agent.get(f"job/{job['ID']}")).encode() for job in jobs}
        for variable in harness.agent.get("vars?prefix=herdsman/"):
            path = variable["Path"]
            found[path] = json.dumps(harness.agent.get(f"var/{path}")).encode()
        return found
    roots = [harness.work.parent / "local"]
    return {str(path): path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}


async def test_values_reach_the_bot_byte_for_byte_and_nothing_else_holds_them(fleet: Fleet) -> None:
    """Not a job, order, variable or file of the scheduler's; a launcher that died finds them again."""
    await fleet.scheduler.apply(await with_secrets(fleet, "alpha", CANARY), None)
    await fleet.marked("alpha", "alive")
    assert (await environment(fleet))["API_KEY"] == CANARY
    assert (await environment(fleet))["PIN"] == "1234"
    found = await asyncio.to_thread(traces, fleet)
    assert found
    for place, content in found.items():
        assert b"c4n4ry" not in content, place
        assert b"Zq8wLx2T" not in content, place
    await fleet.harness.kill_launcher("alpha")
    await fleet.lived("alpha", 2)
    await fleet.report("alpha", "started", 2)
    assert (await environment(fleet))["API_KEY"] == CANARY


async def test_another_value_is_another_life_and_the_same_one_is_not(fleet: Fleet) -> None:
    """An update brings the new value; asked again, nothing would change."""
    launch = await with_secrets(fleet, "alpha", CANARY)
    token = await fleet.scheduler.apply(launch, None)
    await fleet.marked("alpha", "alive")
    assert not await fleet.scheduler.outdated(replace(launch, secrets=given("alpha", CANARY)))
    spec = replace(launch.spec, digest="two")
    changed = replace(launch, spec=spec, secrets=given("alpha", OTHER))
    assert await fleet.scheduler.outdated(changed)
    await fleet.scheduler.apply(changed, token)
    await fleet.lived("alpha", 2)
    await fleet.report("alpha", "started")
    assert (await environment(fleet))["API_KEY"] == OTHER
    bot = await fleet.phase("alpha", Phase.RUNNING)
    await fleet.scheduler.stop("alpha", bot.token, "enough")
    await fleet.phase("alpha", Phase.STOPPED)
    await fleet.scheduler.remove("alpha")
    left = [place for place in await asyncio.to_thread(traces, fleet) if "secrets" in place]
    assert not [place for place in left if fleet.harness.fleet in place or place.endswith("alpha.json")]


async def test_a_scheduled_bots_query_has_its_secrets(fleet: Fleet) -> None:
    """A query of a bot that does not run now gets what its runs get."""
    launch = await with_secrets(fleet, "alpha", CANARY, schedule=f"0 0 1 1 {(time.gmtime().tm_wday + 3) % 7}")
    await fleet.scheduler.apply(launch, None)
    assert (await environment(fleet))["API_KEY"] == CANARY
