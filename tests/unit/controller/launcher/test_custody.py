"""A launcher and its bot's state: what it says to the agent, what it does with the answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.controller.launcher.station import Station, ended, until

Stations = Callable[[str], Station]

SHOWING = """
import os, signal, time
print("state", sorted(os.listdir(os.environ["STATE_DIR"])), flush=True)
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
while not asked:
    time.sleep(0.01)
"""


def said(place: Station) -> dict[str, Any]:
    """Return the launcher's note to the agent, an empty one where there is none."""
    path = place.folder / "alloc" / "herdsman-state.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def answer(place: Station, **fields: Any) -> None:
    """Answer as the agent does."""
    path = place.folder / "alloc" / "herdsman-state-answer.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(fields))
    part.replace(path)


def bring(place: Station, token: int, files: dict[str, str]) -> str:
    """Make the folder that an agent makes, and return its name."""
    name = f".alpha.restored-{token}"
    folder = place.state.with_name(name)
    folder.mkdir(parents=True)
    for path, text in files.items():
        (folder / path).write_text(text)
    return name


async def wanted(place: Station, after: int = 0) -> int:
    """Wait until the launcher wants the state as a holder later than `after`, and return its token."""
    found = await until(lambda: said(place) if said(place).get("phase") == "wanted" else None)
    assert found["token"] > after
    return int(found["token"])


async def test_the_agent_is_told_who_holds_the_state_and_when_nobody_does(station: Stations) -> None:
    """With a token that grows with every holder."""
    place = station(SHOWING)
    for life in (1, 2):
        launcher = place.start()
        await until(lambda: said(place).get("phase") == "held")
        (place.state / "x.json").touch()
        await until(lambda: place.lock.read_text().startswith("here"))
        held = said(place)
        launcher.terminate()
        assert await ended(launcher) == 0
        assert said(place) == held | {"phase": "ended", "place": {"node": "here", "token": held["token"]}}
        assert held["token"] == life


async def test_a_state_of_another_node_is_brought_before_the_start(station: Stations) -> None:
    """What lay here before is kept beside it, and the lease knows the new place before the bot runs."""
    place = station(SHOWING)
    place.lock.write_text("another-node 7")
    place.state.mkdir(parents=True)
    (place.state / "old.json").touch()
    launcher = place.start()
    token = await wanted(place)
    assert said(place)["place"] == {"node": "another-node", "token": 7}
    assert token == 8
    name = bring(place, token, {"new.json": "1"})
    answer(place, token=token, status="bringing")
    answer(place, token=token, status="restored", folder=name, message="version 3 of node another-node")
    assert await place.line("stdout", "state ") == "['new.json']"
    assert place.lock.read_text() == "here 8"
    (replaced,) = place.state.parent.glob(".alpha.replaced-*")
    assert [path.name for path in replaced.iterdir()] == ["old.json"]
    (restored,) = place.reports("state_restored")
    assert restored.message == "version 3 of node another-node"
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_state_that_cannot_be_brought_is_waited_for_with_the_agents_words(station: Stations) -> None:
    """The lease is let go between two looks; an answer to an earlier look counts no more."""
    place = station(SHOWING)
    place.lock.write_text("another-node 7")
    launcher = place.start()
    token = await wanted(place)
    answer(place, token=token - 1, status="restored", folder=".alpha.restored-1")
    answer(place, token=token, status="not_yet", message="node another-node has not saved it")
    (waiting, *_) = await place.report("waiting")
    assert (waiting.reason, waiting.message) == ("state_elsewhere", "node another-node has not saved it")
    assert not place.reports("started")
    assert place.lock.read_text() == "another-node 7"
    place.lock.write_text("here 9")  # it came back, or an operator said so
    place.state.mkdir(parents=True, exist_ok=True)
    await place.line("stdout", "state ")
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_folder_that_is_no_answer_is_not_put_in_place(station: Stations) -> None:
    """An answer may name a folder that was made for this bot, and nothing else."""
    place = station(SHOWING)
    place.lock.write_text("another-node 7")
    (place.state.parent / "beta").mkdir(parents=True)
    launcher = place.start()
    token = await wanted(place)
    answer(place, token=token, status="restored", folder="beta")
    (waiting, *_) = await place.report("waiting")
    assert "names no folder" in waiting.message
    assert (place.state.parent / "beta").is_dir()
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_lost_state_folder_is_not_replaced_by_an_empty_one(station: Stations) -> None:
    """Where the lease says that the state is here and it is not, it is wanted from the store."""
    place = station(SHOWING)
    place.lock.write_text("here 4")
    launcher = place.start()
    token = await wanted(place)
    answer(place, token=token, status="restored", folder=bring(place, token, {"a.json": "1"}))
    assert await place.line("stdout", "state ") == "['a.json']"
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_renamed_bots_state_is_looked_for_under_its_former_name(
    station: Stations, tmp_path: Path
) -> None:
    """Where the former name's lease says that it lies elsewhere, it is wanted from there, once."""
    place = station(SHOWING)
    former = tmp_path / "former-lock"
    former.write_text("another-node 7")
    order = place.order(renamed_from="former")
    order["lease"]["options"]["former_path"] = str(former)
    launcher = place.start(order)
    token = await wanted(place)
    assert (said(place)["source"], said(place)["former_token"]) == ("former", 7)
    answer(place, token=token, status="restored", folder=bring(place, token, {"a.json": "1"}))
    assert await place.line("stdout", "state ") == "['a.json']"
    assert place.lock.read_text() == "here 8"
    await until(lambda: said(place)["phase"] == "held")
    assert former.read_text() == " 7"
    assert said(place)["former"] == "former"
    launcher.terminate()
    assert await ended(launcher) == 0
    again = place.start(order)
    await place.report("started", 2)
    assert said(place)["former"] == ""
    again.terminate()
    assert await ended(again) == 0
