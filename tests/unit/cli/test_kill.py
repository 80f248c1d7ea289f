"""`herdsman kill` and `release`: what they refuse, ask for, print, and how they end."""

import json

import pytest

from controller.records import Fate, KillProgress, Survivor, Suspension
from tests.unit.cli.terminal import Terminal
from web.access.scopes import Scope

BOT = "sma-btc"
ALL = Suspension("", "operate", "runaway", 1.0, scope="all", kill=True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("kill", "--reason", "x"), "say which bots: --all, --account"),
        (("kill", BOT, "--all", "--reason", "x"), "name one of all, bot=sma-btc"),
        (("kill", "--all"), "--reason"),
        (("release", "--reason", "x"), "say which switch: --all"),
        (("release", "--all"), "--reason"),
        (
            ("release", "--mode", "live", "--program", "p", "--reason", "x"),
            "name one of program=p, mode=live",
        ),
    ],
)
async def test_a_wrong_use_is_told_and_kills_nobody(
    desk: Terminal, arguments: tuple[str, ...], told: str
) -> None:
    """It ends with 2 and says what is missing or too much."""
    said = await desk.run(*arguments, scope=Scope.ADMIN)
    assert (said.code, told in said.error) == (2, True), said
    assert desk.controller.asked == []


async def test_a_kill_ends_well_once_all_are_dead(desk: Terminal) -> None:
    """It says that the switch is on, counts, and names the way back; jobs that still stop are told."""
    desk.controller.progress = [KillProgress(ALL, 3, 3, 3)]
    said = await desk.run("kill", "--all", "--reason", "runaway")
    assert said.code == 0, said
    assert said.out.startswith("kill switch  all bots, on since 00:00:01 UTC\n")
    assert said.out.endswith("    all 3 dead; nothing starts them until: herdsman release\n")
    desk.controller.progress = [KillProgress(ALL, 3, 3, 3, stopping=2)]
    soon = await desk.run("kill", "--all", "--reason", "runaway")
    assert "all 3 dead (2 of their jobs still being stopped); nothing starts them" in soon.out
    assert desk.controller.asked[0] == ("kill", "all", "operate", "runaway", "operate")


async def test_who_is_not_known_to_be_dead_is_named_and_ends_with_1(desk: Terminal) -> None:
    """Each with why, ten of them by name; what keeps the switch from being kept is told as well."""
    lost = Survivor("maker", Fate.UNKNOWN, "may still run on node n1", "n1")
    slow = [Survivor(f"bot-{number:02}", Fate.ASKED) for number in range(11)]
    survivors = (lost, *slow, Survivor("zed", Fate.WAITING))
    desk.controller.progress = [KillProgress(ALL, 20, 12, 7, survivors, problem="Nomad does not answer")]
    said = await desk.run("kill", "--all", "--reason", "runaway", "--wait", "0")
    assert said.code == 1
    lines = said.error.splitlines()
    assert lines[0] == "    7 of 20 dead, 12 asked to end"
    assert lines[1] == "    maker: may still run on node n1"
    assert lines[2] == "    bot-00: was asked, and is not dead yet"
    assert lines[-3:-1] == ["    and 3 others", "    Nomad does not answer"]
    assert "nothing starts them" not in said.out
    as_data = await desk.run("kill", "--all", "--reason", "x", "--wait", "0", "--output", "json")
    assert (as_data.code, json.loads(as_data.out)["complete"]) == (1, False)
    quick = await desk.run("kill", "--all", "--reason", "x", "--no-wait", "--output", "json")
    assert (quick.code, json.loads(quick.out)["dead"]) == (0, 7)


async def test_a_switch_over_nobody_is_no_failure(desk: Terminal) -> None:
    """That nothing ran is believed after a moment, and said."""
    said = await desk.run("kill", "--account", "binance-9", "--reason", "key leaked")
    assert (said.code, "nothing of it ran" in said.out) == (0, True), said


async def test_only_an_admin_releases(desk: Terminal) -> None:
    """Who may stop everything need not be who may set it trading again."""
    refused = await desk.run("release", "--all", "--reason", "feed is back")
    assert (refused.code, "admin" in refused.error) == (1, True), refused
    assert desk.controller.asked == []
    said = await desk.run("release", "--all", "--reason", "feed is back", scope=Scope.ADMIN)
    assert (said.code, said.out.splitlines()[0]) == (
        0,
        'released by admin: "feed is back": what git says applies again',
    )
    as_data = await desk.run("release", BOT, "--reason", "fine", "--output", "json", scope=Scope.ADMIN)
    assert json.loads(as_data.out)["name"] == f"bot={BOT}"
    assert [asked[:2] for asked in desk.controller.asked] == [("release", "all"), ("release", f"bot={BOT}")]


async def test_who_may_only_read_kills_nobody(desk: Terminal) -> None:
    """The refusal names what the token lacks, and ends with 1."""
    said = await desk.run("kill", "--all", "--reason", "x", scope=Scope.READ)
    assert (said.code, "operate" in said.error) == (1, True), said
    assert desk.controller.asked == []


async def test_a_protected_environment_is_asked_about_first(desk: Terminal) -> None:
    """What would end is shown; without a terminal it wants --yes, and ends nobody until then."""
    desk.controller.progress = [KillProgress(ALL, 3, 3, 3)]
    refused = await desk.run_protected("kill", "--all", "--reason", "x")
    assert refused.code == 2
    assert "kill switch: all: these bots end now, and stay so" in refused.error
    release = await desk.run_protected("release", "--all", "--reason", "x")
    assert "release: all: these bots start again, as git says" in release.error
    assert desk.controller.asked == []
    assert (await desk.run_protected("kill", "--all", "--reason", "x", "--yes")).code == 0
