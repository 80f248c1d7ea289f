"""Saved states over HTTP: what agents hand in, what people see and change, and who may."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.schedulers.protocol import Placed
from schemas.errors import Conflict, NotFound, StateRefused, StoreUnavailable, UsageError
from schemas.state import MOST_FILE, StateClaim, StateFile, StatePlace, StateSave
from telemetry.agent.states.desk import HttpDesk
from tests.fakes.web import Running, running
from web.access.scopes import Scope

BOT = "sma-btc"
MINE = StateClaim("desk-abc123", "a1")
NEWEST = f"/api/v1/states/{BOT}/versions/newest?fleet=desk-abc123&allocation=a1"
STATE = f"/api/v1/bots/{BOT}/state"


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as service:
        service.controller.scheduler.placements["a1"] = Placed(BOT)
        yield service


@pytest.fixture
async def desk(web: Running) -> AsyncIterator[HttpDesk]:
    opened = HttpDesk(web.url, web.secrets[Scope.INGEST])
    yield opened
    await opened.close()


def of(content: bytes, path: str = "counter.json") -> StateFile:
    return StateFile(path, hashlib.sha256(content).hexdigest(), len(content), 1_700_000_000.0)


async def hand_in(desk: HttpDesk, content: bytes, token: int = 1, *, final: bool = True) -> int:
    """Save a state of one file as an agent does."""
    save = StateSave(token, "n1", final, (of(content),), allocation="a1")
    for sha256 in (await desk.offer(MINE, BOT, save)).missing:
        await desk.upload(MINE, BOT, sha256, content)
    return (await desk.offer(MINE, BOT, save)).version


async def test_what_an_agent_hands_in_it_gets_back(web: Running, desk: HttpDesk) -> None:
    """Version by version, with every refusal as the error that it is."""
    assert await desk.newest(MINE, BOT) is None
    assert await hand_in(desk, b"41", token=4) == 1
    newest = await desk.newest(MINE, BOT)
    assert newest is not None
    assert (newest.token, newest.final, newest.files) == (4, True, (of(b"41"),))
    assert await desk.download(MINE, BOT, newest.files[0].sha256) == b"41"
    with pytest.raises(Conflict, match="fenced"):
        await hand_in(desk, b"42", token=3)
    with pytest.raises(NotFound):
        await desk.download(MINE, BOT, "0" * 64)
    with pytest.raises(UsageError, match="checksum"):
        await desk.upload(MINE, BOT, "0" * 64, b"x")
    with pytest.raises(UsageError):
        await desk.upload(MINE, BOT, "0" * 64, bytes(MOST_FILE + 1))
    with pytest.raises(StateRefused, match="is sma-btc by what"):
        await desk.newest(MINE, "other")
    await desk.prove(MINE, BOT)
    web.controller.scheduler.down = True
    with pytest.raises(StoreUnavailable, match="is down"):
        await desk.prove(StateClaim("desk-abc123", "a2"), BOT)
    web.stop.set()
    await web.serving
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await desk.newest(MINE, BOT)


async def test_agents_hand_in_and_people_look(web: Running, desk: HttpDesk) -> None:
    """Neither may do the other's; contents need more than to see that they are there."""
    await hand_in(desk, b"41")
    content = {"key": "counter"}
    async with web.client(Scope.READ) as reader, web.client(Scope.OPERATE) as operator:
        assert (await reader.get(STATE)).json()["keys"][0]["key"] == "counter"
        assert len((await reader.get(f"{STATE}/versions")).json()) == 1
        assert (await reader.get(f"{STATE}/content", params=content)).status_code == 403
        assert (await reader.put(f"{STATE}/content", params=content, content=b"1")).status_code == 403
        assert (await operator.get(f"{STATE}/content", params=content)).content == b"41"
        for client in (reader, operator):
            assert (await client.get(NEWEST)).status_code == 403
    async with web.client(Scope.INGEST) as agent, web.client(None) as nobody:
        assert (await agent.get(f"{STATE}/content", params=content)).status_code == 403
        assert (await nobody.get(NEWEST)).status_code == 401


async def test_a_state_is_changed_with_who_and_why(web: Running, desk: HttpDesk) -> None:
    """Set, delete and restore make versions of their own; what makes no sense is said."""
    await hand_in(desk, b"41", token=4)
    web.controller.scheduler.places[BOT] = StatePlace("n1", 4)
    async with web.client(Scope.OPERATE) as client:
        made = await client.put(
            f"{STATE}/content", params={"key": "counter", "reason": "more"}, content=b"99"
        )
        assert made.json() | {"saved_at": 0} == {
            "number": 2,
            "saved_at": 0,
            "node": "",
            "final": True,
            "keys": 1,
            "bytes": 2,
            "by": "operate",
            "reason": "more",
        }
        assert web.controller.asked[-1] == ("change_state", BOT, "operate", "more", "operate")
        await client.put(f"{STATE}/content", params={"key": "notes.txt"}, content=b"any text")
        keys = [key["key"] for key in (await client.get(STATE)).json()["keys"]]
        assert keys == ["counter", "notes.txt"]
        assert (await client.delete(f"{STATE}/content", params={"key": "notes.txt"})).json()["keys"] == 1
        restored = await client.post(f"{STATE}/restore", json={"version": 1})
        assert (restored.json()["reason"], restored.json()["bytes"]) == ("restore version 1", 2)
        assert (await client.get(f"{STATE}/content", params={"key": "counter"})).content == b"41"
        cleared = await client.delete(f"{STATE}/content", params={"everything": "true"})
        assert cleared.json()["keys"] == 0
        no_json = await client.put(f"{STATE}/content", params={"key": "counter"}, content=b"{")
        assert (no_json.status_code, "not JSON" in no_json.json()["detail"]) == (400, True)
        for key in ("../x", "/etc/passwd", "a//b"):
            assert (
                await client.put(f"{STATE}/content", params={"key": key}, content=b"1")
            ).status_code == 400
        assert (await client.delete(f"{STATE}/content")).status_code == 400
        assert (await client.get(f"{STATE}/content", params={"key": "other"})).status_code == 404
        assert (await client.get(STATE, params={"version": 77})).status_code == 404


async def test_a_state_not_saved_to_its_end_is_not_changed(web: Running, desk: HttpDesk) -> None:
    """409 with what to do, until the loss is accepted."""
    await hand_in(desk, b"41", token=4, final=False)
    web.controller.scheduler.places[BOT] = StatePlace("n1", 4)
    async with web.client(Scope.OPERATE) as client:
        refused = await client.post(f"{STATE}/restore", json={"version": 1})
        assert refused.status_code == 409
        assert "--accept-loss" in refused.json()["detail"]
        taken = await client.post(f"{STATE}/restore", json={"version": 1, "accept_loss": True})
        assert taken.status_code == 200


async def test_the_state_of_a_removed_bot_can_still_be_read(web: Running, desk: HttpDesk) -> None:
    """As long as it is kept; a bot that never was is not found, with the nearest name."""
    web.controller.bots.clear()
    async with web.client(Scope.READ) as client:
        assert (await client.get(STATE)).status_code == 404
        await hand_in(desk, b"41")
        assert (await client.get(STATE)).json()["version"]["number"] == 1
