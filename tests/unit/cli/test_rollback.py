"""`herdsman rollback`, `unpin` and `retry`: what they refuse, ask for, print, and how they end."""

import json

import pytest

from controller.rollback.records import Deployment
from controller.status import Health, HeldBy, Hold, Reason
from tests.fakes.controller import REVISION, bot_status
from tests.unit.cli.terminal import Terminal
from tests.unit.controller.examples import revision, spec

BOT = "sma-btc"
HOLD = Hold(HeldBy.BOT, REVISION.id, "b" * 40, "operate", "loses", 1.0, None, "pinned to 3f9a2c1 by operate")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rollback",), "name one bot, or say --fleet"),
        (("rollback", BOT, "--fleet", "--reason", "x"), "name one bot, or say --fleet"),
        (("rollback", BOT), "say why (--reason)"),
        (("rollback", "--fleet", "--reason", "x"), "say to which revision (--to)"),
        (("rollback", BOT, "--reason", "x", "--until", "soon"), '--until "soon": write 30m'),
        (("rollback", BOT, "--reason", "x", "--until", "2001-01-31T06:00Z"), "give a time to come"),
        (("unpin",), "name one bot, or say --fleet"),
        (("unpin", BOT, "--fleet"), "name one bot, or say --fleet"),
    ],
)
async def test_a_wrong_use_is_told_and_asks_for_nothing(
    desk: Terminal, arguments: tuple[str, ...], told: str
) -> None:
    """It ends with 2 and with what to say instead; the service never hears of it."""
    said = await desk.run(*arguments)
    assert (said.code, told in said.error) == (2, True), said
    assert desk.controller.asked == []


async def test_a_bot_goes_back_and_how_it_is_then_decides_the_end(desk: Terminal) -> None:
    """It waits until the bot is held there: 0 and the way back where it is well, 1 where it is not."""
    desk.controller.bots[BOT] = bot_status(hold=HOLD)
    said = await desk.run("rollback", BOT, "--to", "3f9", "--reason", "loses", "--allow-major")
    assert said.code == 0, said
    assert f"{BOT}  ● healthy  runs {REVISION.id[:7]}" in said.out
    assert f"herdsman unpin {BOT}" in said.out
    assert desk.controller.asked == [("roll_back", BOT, "3f9", "operate", "loses", None, True)]
    desk.controller.bots[BOT] = bot_status(health=Health.DEGRADED, reason=Reason.CRASH_LOOP, hold=HOLD)
    worse = await desk.run("rollback", BOT, "--reason", "loses", "--output", "json")
    assert worse.code == 1
    assert json.loads(worse.out)["revision"] == REVISION.id
    quick = await desk.run("rollback", BOT, "--reason", "loses", "--no-wait")
    assert (quick.code, quick.out) == (0, f"{BOT}  goes back to {REVISION.id[:7]}\n")


async def test_what_a_bot_can_go_back_to_is_listed(desk: Terminal) -> None:
    """Each spec with when it was applied, whether it got healthy, and what differs from now."""
    nothing = await desk.run("rollback", BOT, "--list")
    assert (nothing.code, nothing.out) == (0, f"nothing was applied to {BOT} yet\n")
    now, then = spec(BOT, parameters={"fast": 12}), spec(BOT)
    desk.controller.deployed = [
        Deployment(BOT, now.digest, revision(2), now, 20.0, None, current=True),
        Deployment(BOT, then.digest, revision(1), then, 10.0, 11.0),
        Deployment(BOT, "other", revision(3), then, 5.0, None, refused="crashed"),
    ]
    lines = (await desk.run("rollback", BOT, "--list")).out.splitlines()
    assert "runs now" in lines[1]
    assert "yes" in lines[2]
    assert "fast 12 -> 10" in lines[2]
    assert "taken back" in lines[3]
    found = json.loads((await desk.run("rollback", BOT, "--list", "--output", "json")).out)
    assert [one["current"] for one in found] == [True, False, False]
    assert desk.controller.asked == []


async def test_the_fleet_goes_back_and_a_held_removal_is_no_success(desk: Terminal) -> None:
    """Where removals wait for a word the command says so and ends with 1; letting go tells where git is."""
    said = await desk.run("rollback", "--fleet", "--to", "3f9", "--reason", "bad release")
    assert (said.code, "held: 3 of 5 bots would be removed" in said.out) == (1, True), said
    assert f"fleet  pinned to {REVISION.id[:7]} by operate; 2 bots change" in said.out
    free = await desk.run("unpin", "--fleet", "--source", "desk", "--confirm-prune", "--reason", "fixed")
    assert (free.code, free.out.startswith("fleet  unpinned, now at ")) == (0, True), free
    as_data = await desk.run("unpin", "--fleet", "--output", "yaml")
    assert f"revision: {REVISION.id}" in as_data.out
    assert desk.controller.asked == [
        ("roll_back_all", "3f9", "operate", "bad release", None, False, False),
        ("unpin", "*desk", "operate", "fixed", True),
        ("unpin", "*", "operate", "", False),
    ]


async def test_a_bot_is_let_go_and_tried_again(desk: Terminal) -> None:
    """`unpin` waits until it is what git says, `retry` says who asked; an unknown bot is 1."""
    free = await desk.run("unpin", BOT, "--reason", "fixed")
    assert (free.code, free.out) == (0, f'{BOT}  ● healthy  unpinned by operate: "fixed"\n')
    again = await desk.run("retry", BOT, "--reason", "network is back", "--no-wait")
    assert (again.code, again.out) == (0, f'{BOT}  tried again by operate: "network is back"\n')
    as_data = await desk.run("retry", BOT, "--no-wait", "--output", "json")
    assert json.loads(as_data.out)["operation"] == "retry"
    asked = [("unpin", BOT, "operate", "fixed", False), ("retry", BOT, "operate", "network is back")]
    assert desk.controller.asked[:2] == asked
    unknown = await desk.run("retry", "nobody")
    assert (unknown.code, "nobody" in unknown.error) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("rollback", BOT, "--reason", "x", "--no-wait"), f"{BOT} goes back to what it ran before"),
        (("rollback", "--fleet", "--to", "3f9a2c1", "--reason", "x"), "all bots go back to 3f9a2c1"),
        (("unpin", BOT, "--no-wait"), f"{BOT} becomes what git says"),
        (("unpin", "--fleet"), "all bots become what git says"),
        (("retry", BOT, "--no-wait"), f"{BOT} is stopped, and started as git says"),
    ],
)
async def test_a_protected_environment_is_asked_about_first(
    desk: Terminal, arguments: tuple[str, ...], shown: str
) -> None:
    """What would change is shown; without a terminal it wants --yes, and changes nothing until then."""
    refused = await desk.run_protected(*arguments)
    assert (refused.code, shown in refused.error) == (2, True), refused
    assert "nothing was changed; give --yes" in refused.error
    assert desk.controller.asked == []
    meant = await desk.run_protected(*arguments, "--yes")
    assert meant.code == (1 if arguments[:2] == ("rollback", "--fleet") else 0), meant
    assert len(desk.controller.asked) == 1
