"""One suite over every scheduler: what a query may rely on, and what it can never do."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller.schedulers.protocol import Phase, Question
from schemas.errors import NotFound, QueryFailed, QueryRefused, QueryTimedOut
from tests.contract.nomad_harness import nomad_harness
from tests.contract.scheduler_harness import Fleet, local_harness
from tests.e2e.lives import assert_never_two


@pytest.fixture(params=["local", pytest.param("nomad", marks=pytest.mark.nomad)])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    """The fleet of one test on each scheduler; no two copies of a bot may ever have lived at once."""
    opened = (
        nomad_harness(tmp_path, request.getfixturevalue("nomad"))
        if request.param == "nomad"
        else local_harness(tmp_path)
    )
    async with opened as harness:
        fleet = Fleet(harness)
        yield fleet
        assert_never_two(fleet.record)


async def ask(fleet: Fleet, path: str, seconds: float = 60.0, **params: Any) -> Any:
    """Return what the bot alpha answers."""
    return json.loads(await fleet.scheduler.query("alpha", Question(path, params, seconds)))


async def test_a_realtime_bot_answers_from_a_copy_of_its_state(fleet: Fleet) -> None:
    """Its query server sees the newest state and the parameters, and can change nothing of the bot's."""
    await fleet.start("alpha", "count", queried=True)
    await fleet.marked("alpha", "alive")
    state = fleet.harness.state("alpha")
    assert await ask(fleet, "/state", limit=5) == {"files": {"starts.json": "1"}, "params": {"limit": 5}}
    assert await ask(fleet, "/write") == "written"
    assert {one.name: one.read_text() for one in state.iterdir()} == {"starts.json": "1"}
    (state / "more.json").write_text("[1, 2]")
    assert (await ask(fleet, "/state"))["files"] == {"more.json": "[1, 2]", "starts.json": "1"}
    assert (await fleet.seen("alpha")).copies == 1
    environment = await ask(fleet, "/environment")
    assert (environment["BOT_ID"], environment["ENTRYPOINT_TYPE"]) == ("alpha", "query")
    assert not {"HERDSMAN_LEASE_DEADLINE", "HERDSMAN_ORDER", "NOMAD_TOKEN"} & set(environment)
    listening = socket.create_connection(("127.0.0.1", int(environment["THE0_QUERY_PORT"])))
    listening.close()
    outside = socket.socket()
    assert outside.connect_ex(("127.0.0.2", int(environment["THE0_QUERY_PORT"]))) != 0
    outside.close()


async def test_a_realtime_bots_troubles_are_told(fleet: Fleet) -> None:
    """An exception comes with its trace, a slow answer ends, a large one is refused; the bot goes on."""
    token = await fleet.start("alpha", queried=True)
    with pytest.raises(QueryFailed, match="no luck with /nowhere") as raised:
        await ask(fleet, "/nowhere")
    assert "ValueError: no luck with /nowhere" in raised.value.trace
    with pytest.raises(QueryTimedOut, match="1 s"):
        await ask(fleet, "/slow", 1.0)
    with pytest.raises(QueryFailed, match="larger than 1 MiB"):
        await ask(fleet, "/large")
    assert len(await fleet.report("alpha", "started")) == 1
    await fleet.scheduler.stop("alpha", token, "enough")
    await fleet.phase("alpha", Phase.STOPPED)
    with pytest.raises(QueryRefused, match="does not run"):
        await ask(fleet, "/state")
    with pytest.raises(NotFound):
        await fleet.scheduler.query("nobody", Question("/state"))


async def test_a_realtime_bot_without_a_query_program_says_so(fleet: Fleet) -> None:
    """Nothing answers on its port, and the answer names what is missing."""
    await fleet.start("alpha")
    with pytest.raises(QueryRefused, match=r"no entrypoints\.query"):
        await ask(fleet, "/state")


async def test_a_scheduled_bot_is_asked_by_a_process_of_its_own(fleet: Fleet) -> None:
    """It answers between its runs from a copy of its state; troubles are told; no copy of the bot is seen."""
    launch = await fleet.launch("alpha", schedule="0 0 1 1 *", queried=True)
    await fleet.scheduler.apply(launch, None)
    assert (await ask(fleet, "/state", all=True)) == {"files": {}, "params": {"all": True}}
    state = fleet.harness.state("alpha")
    state.mkdir(parents=True, exist_ok=True)
    (state / "starts.json").write_text("7")
    assert (await ask(fleet, "/state"))["files"] == {"starts.json": "7"}
    assert await ask(fleet, "/write") == "written"
    assert {one.name: one.read_text() for one in state.iterdir()} == {"starts.json": "7"}
    with pytest.raises(QueryFailed, match="exit code 1") as raised:
        await ask(fleet, "/nowhere")
    assert "ValueError: no luck with /nowhere" in raised.value.trace
    with pytest.raises(QueryTimedOut, match="1 s"):
        await ask(fleet, "/slow", 1.0)
    bot = await fleet.seen("alpha")
    assert (bot.phase, bot.copies) == (Phase.IDLE, 0)
    assert set((await fleet.scheduler.observe()).bots) == {"alpha"}
    assert fleet.marks("alpha") == []


async def test_a_scheduled_bot_without_a_query_program_says_so(fleet: Fleet) -> None:
    """The answer names what is missing in its program."""
    await fleet.scheduler.apply(await fleet.launch("alpha", schedule="0 0 1 1 *"), None)
    with pytest.raises(QueryRefused, match=r"no entrypoints\.query"):
        await ask(fleet, "/state")
