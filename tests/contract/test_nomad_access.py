"""What deploy/nomad/policies grants is enough for everything, and a missing access is told in words."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError

import httpx
import pytest

from controller.records import Rules, Suspension
from controller.schedulers.nomad.api import NomadApi
from controller.schedulers.nomad.job import rules_path, secrets_path
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import Phase, Question
from controller.secrets.handing import handed
from schemas.errors import QueryRefused, SchedulerRefused
from schemas.reports import LauncherReport
from schemas.secret_reference import SecretReference
from tests.contract.nomad_harness import nomad_harness
from tests.contract.scheduler_harness import Fleet, listening_to
from tests.engines.nomad import NomadAgent, nomad_agent
from tests.engines.processes import CHECKOUT

pytestmark = [pytest.mark.nomad, pytest.mark.timeout(300)]


def committed_rules(name: str) -> str:
    """Return the rules of a policy as deploy/ has them and docs/nomad.md names them."""
    path = f"deploy/nomad/policies/{name}.hcl"
    assert f"{name}.hcl]" in (CHECKOUT / "docs" / "nomad.md").read_text()
    return (CHECKOUT / path).read_text()


@pytest.fixture(scope="module")
def guarded() -> Iterator[NomadAgent]:
    """An agent with access control on."""
    with nomad_agent(acl=True) as agent:
        yield agent


def token_with(agent: NomadAgent, name: str, rules: str) -> str:
    agent.send("POST", f"acl/policy/{name}", {"Name": name, "Rules": rules})
    return agent.make_token(name, [name])


async def test_committed_policies_are_enough(guarded: NomadAgent, tmp_path: Path) -> None:
    """All from a start to a removal, queries too, works with what deploy/nomad/policies grants."""
    bots, herdsman = committed_rules("bots"), committed_rules("controller")
    policy = {"Name": "herdsman-bots", "Rules": bots, "JobACL": {"Namespace": "default"}}
    guarded.send("POST", "acl/policy/herdsman-bots", policy)
    token = token_with(guarded, "herdsman", herdsman)
    async with nomad_harness(tmp_path, guarded, token) as harness:
        fleet = Fleet(harness)
        await fleet.scheduler.rehearse(await fleet.launch("alpha", "count"))
        first = await fleet.start("alpha", "count")
        await fleet.report("alpha", "lease_acquired")
        await fleet.marked("alpha", "alive")
        async with listening_to(harness.scheduler) as events:
            assert (await events.get()).bot is None
            second = await fleet.scheduler.apply(await fleet.launch("alpha", "count", digest="two"), first)
            await fleet.lived("alpha", 2)
            await fleet.phase("alpha", Phase.RUNNING)
            async with asyncio.timeout(90):
                # A stream that was too slow for Nomad is opened anew, and says so first.
                while (await events.get()).bot != "alpha":
                    pass
        await fleet.scheduler.restart("alpha", "to see")
        await fleet.lived("alpha", 3)
        question = Question("/state")
        with pytest.raises(QueryRefused):
            await fleet.scheduler.query("alpha", question)
        await fleet.scheduler.apply(await fleet.launch("beta", schedule="0 0 1 1 *", queried=True), None)
        assert json.loads(await fleet.scheduler.query("beta", question))["files"] == {}
        await fleet.scheduler.stop("alpha", second, "enough")
        await fleet.phase("alpha", Phase.STOPPED)
        await fleet.scheduler.remove("alpha")
        assert set((await harness.scheduler.observe()).bots) == {"beta"}
        switch = Rules(1, (Suspension("", "ops", "why", 0.0, scope="bot=gamma", kill=True),))
        await fleet.start("gamma")
        await fleet.scheduler.keep_rules(switch)
        await fleet.report("gamma", "waiting", reason="kill_switch")
        assert await fleet.scheduler.rules() == switch


async def test_a_bots_own_token_turns_no_kill_switch(guarded: NomadAgent, tmp_path: Path) -> None:
    """What a launcher is given reads the fleet's rules and holds its lease, and cannot write a rule."""
    bots, herdsman = committed_rules("bots"), committed_rules("controller")
    token = token_with(guarded, "as-a-bot", bots)
    async with nomad_harness(tmp_path, guarded, token_with(guarded, "herdsman", herdsman)) as harness:
        await harness.scheduler.keep_rules(Rules(1))
        settings = NomadSettings(harness.fleet, guarded.address, token)
        forged = NomadApi(settings)
        path = rules_path(harness.fleet)
        index = (await forged.variable(path)).index
        assert index
        with pytest.raises(SchedulerRefused):
            await forged.write_variable(path, {"rules": "{}"}, index)
        with pytest.raises(SchedulerRefused):
            await forged.delete_variable(path)
        await forged.unlock("herdsman/leases/x/y", await forged.lock("herdsman/leases/x/y", {}, 10))
        forged.close()
        assert await harness.scheduler.rules() == Rules(1)


def test_launchers_write_leases_and_places_alone(guarded: NomadAgent) -> None:
    """Whatever else lies under herdsman/ is nothing to them, and they delete nothing."""
    token = token_with(guarded, "launchers", committed_rules("bots"))

    def status(method: str, path: str) -> int:
        body = {"Namespace": "default", "Path": path, "Items": {"holder": "x"}}
        headers = {"X-Nomad-Token": token}
        return httpx.request(
            method, f"{guarded.address}/v1/var/{path}", json=body, headers=headers, trust_env=False
        ).status_code

    for path in ("herdsman/leases/desk/maker", "herdsman/state/desk/maker"):
        assert (status("PUT", path), status("GET", path), status("DELETE", path)) == (200, 200, 403)
    for path in ("herdsman/other", "herdsman", "nomad/jobs/desk-agent"):
        assert (status("PUT", path), status("GET", path)) == (403, 403)


async def test_missing_access_is_told(guarded: NomadAgent, tmp_path: Path) -> None:
    """A token that may only read is refused with where to look, and never shown."""
    token = token_with(guarded, "reader", 'namespace "default" { policy = "read" }\nnode { policy = "read" }')
    async with nomad_harness(tmp_path, guarded, token) as harness:
        with pytest.raises(SchedulerRefused, match=r"docs/nomad\.md") as caught:
            await harness.scheduler.apply(await Fleet(harness).launch("alpha"), None)
        assert token not in str(caught.value)
        with pytest.raises(SchedulerRefused, match=r"docs/nomad\.md"):
            await harness.scheduler.rehearse(await Fleet(harness).launch("alpha"))


def token_of_task(reports: list[LauncherReport]) -> str:
    """Return the token that Nomad gave the launcher which wrote these reports."""
    entries = Path(f"/proc/{reports[-1].launcher_pid}/environ").read_bytes().split(b"\0")
    return next(item for item in entries if item.startswith(b"NOMAD_TOKEN=")).decode().partition("=")[2]


async def test_a_bots_task_reads_no_other_bots_secrets(guarded: NomadAgent, tmp_path: Path) -> None:
    """With the committed policies a bot gets its secrets; to its own identity others' boxes are closed."""
    rules = {"Name": "herdsman-bots", "Rules": committed_rules("bots"), "JobACL": {"Namespace": "default"}}
    guarded.send("POST", "acl/policy/herdsman-bots", rules)
    token = token_with(guarded, "herdsman", committed_rules("controller"))
    async with nomad_harness(tmp_path, guarded, token) as harness:
        fleet = Fleet(harness)
        secrets = (SecretReference("API_KEY", "sops:secrets/desk.yaml#key"),)
        for name in ("alpha", "beta"):
            launch = await fleet.launch(name, "count", queried=True, secrets=secrets)
            values = {"API_KEY": f"the-value-of-{name}"}
            await fleet.scheduler.apply(replace(launch, secrets=handed(b"k", name, values)), None)
            await fleet.marked(name, "alive")
        answer = json.loads(await fleet.scheduler.query("alpha", Question("/environment")))
        assert answer["API_KEY"] == "the-value-of-alpha"
        task = replace(guarded, token=await asyncio.to_thread(token_of_task, await fleet.reports("alpha")))
        path = f"var/{secrets_path(harness.fleet, 'beta')}"
        items = task.get(path)["Items"]
        assert items["newest"] in items
        assert "the-value-of" not in json.dumps(items)
        with pytest.raises(HTTPError, match="403"):
            task.send("PUT", path, {"Items": {"newest": "mine"}})
        with pytest.raises(HTTPError, match="403"):
            task.get(f"job/{harness.fleet}.beta")
