"""`suspend` and `resume` by scope, `suspensions`: what they refuse, ask for, print, and how they end."""

import json

import pytest

from controller.records import Fate, KillProgress, Survivor, Suspension
from controller.status import BotStatus, Health, OperationState, Reason
from tests.fakes.controller import bot_status
from tests.unit.cli.terminal import Terminal
from web.access.scopes import Scope

BOT = "sma-btc"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("suspend", "--reason", "x"), "say which bots: one by its name, or --all"),
        (("suspend", BOT, "--all", "--reason", "x"), "name one of all, bot=sma-btc"),
        (
            ("suspend", "--account", "a", "--mode", "live", "--label", "b", "--reason", "x"),
            "name one of label=b, live-account=a",
        ),
        (("suspend", "--all", "--reason", "x", "--until", "later"), '--until "later": write 30m'),
        (("suspend", "--all"), "--reason"),
        (("suspend", "--mode", "wet", "--reason", "x"), "'wet' is not one of"),
        (("resume",), "say which bots: one by its name, or --all"),
        (("resume", "--label", "team", "--all"), "name one of label=team, all"),
    ],
)
async def test_a_wrong_use_is_told_and_asks_for_nothing(
    desk: Terminal, arguments: tuple[str, ...], told: str
) -> None:
    """It ends with 2 and says what is missing or too much."""
    said = await desk.run(*arguments)
    assert (said.code, told in said.error) == (2, True), said
    assert desk.controller.asked == []


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        (("--all",), "all"),
        (("--account", "binance-1"), "account=binance-1"),
        (("--label", "team=core"), "label=team=core"),
        (("--program", "sma"), "program=sma"),
        (("--mode", "live"), "mode=live"),
        (("--account", "binance-1", "--mode", "live"), "live-account=binance-1"),
    ],
)
async def test_many_bots_are_suspended_and_resumed_by_one_rule(
    desk: Terminal, options: tuple[str, ...], scope: str
) -> None:
    """The rule's scope, reason and author are passed on, printed, and told as data."""
    on = await desk.run("suspend", *options, "--reason", "maintenance")
    assert on.code == 0, on
    assert on.out.startswith(f'suspended {scope}  by operate: "maintenance"\n')
    off = await desk.run("resume", *options, "--reason", "done")
    assert off.out.startswith(f'resumed {scope}  by operate: "done"\n')
    as_data = await desk.run("suspend", *options, "--reason", "again", "--output", "json")
    assert (json.loads(as_data.out)["name"], json.loads(as_data.out)["operation"]) == (scope, "suspend")
    assert desk.controller.asked == [
        ("suspend_scope", scope, "operate", "maintenance", None),
        ("resume_scope", scope, "operate", "done"),
        ("suspend_scope", scope, "operate", "again", None),
    ]


async def test_an_end_is_passed_on_and_printed(desk: Terminal) -> None:
    """`--until` as a time stands in the answer, of a rule and of one bot."""
    end = "2099-01-31T06:00Z"
    many = await desk.run("suspend", "--all", "--reason", "x", "--until", end)
    assert "until 2099-01-31 06:00 UTC" in many.out
    one = await desk.run("suspend", BOT, "--reason", "x", "--until", end, "--no-wait")
    assert "until 2099-01-31 06:00 UTC" in one.out
    moments = {asked[-1] for asked in desk.controller.asked}
    assert moments == {4073522400.0}


async def test_one_bot_is_waited_for(desk: Terminal) -> None:
    """`suspend` ends once it is stopped, `resume` with 1 where it comes back unwell, both as JSON too."""
    desk.controller.bots[BOT] = bot_status(health=Health.SUSPENDED, reason=Reason.SUSPENDED)
    off = await desk.run("suspend", BOT, "--reason", "feed")
    assert (off.code, off.out.splitlines()[0]) == (0, f'{BOT}  ◼ suspended  by operate: "feed"'), off
    desk.controller.bots[BOT] = bot_status(health=Health.DEGRADED, reason=Reason.CRASH_LOOP)
    back = await desk.run("resume", BOT, "--output", "json")
    assert (back.code, json.loads(back.out)["operation"]) == (1, "resume")
    unknown = await desk.run("suspend", "nobody", "--reason", "x")
    assert (unknown.code, "nobody" in unknown.error) == (1, True)


class Starting(dict[str, BotStatus]):
    """The bots, of which one is missing the first times that it is looked at."""

    def __init__(self, *states: OperationState) -> None:
        super().__init__({BOT: bot_status()})
        self.states = list(states)

    def __getitem__(self, name: str) -> BotStatus:
        if not self.states:
            return super().__getitem__(name)
        about = {"reason": Reason.NOT_APPLIED, "message": "stopped", "operation": self.states.pop(0)}
        return bot_status(health=Health.MISSING, **about)


async def test_a_bot_that_is_about_to_start_is_not_lost(desk: Terminal) -> None:
    """It is missing between the end of its suspension and its start: `resume` waits, unless none comes."""
    desk.controller.bots = Starting(*[OperationState.WAITING] * 6, *[OperationState.RUNNING] * 2)
    back = await desk.run("resume", BOT, "--reason", "looked at it")
    assert (back.code, back.out.splitlines()[0]) == (
        0,
        f'{BOT}  ● healthy  resumed by operate: "looked at it"',
    ), back
    desk.controller.bots = Starting(*[OperationState.IDLE] * 20)
    lost = await desk.run("resume", BOT)
    assert (lost.code, "missing" in lost.out) == (1, True), lost


async def test_what_is_in_force_is_listed(desk: Terminal) -> None:
    """Kill switches with how far they have come, then suspensions; nothing is said to be nothing."""
    assert (await desk.run("suspensions")).out == "nothing is suspended, and no kill switch is on\n"
    kill = Suspension("", "ada", "runaway", 1_700_000_000.0, scope="mode=live", kill=True)
    desk.controller.rules = [kill, Suspension("", "bo", "key", 2.0, scope="account=x")]
    desk.controller.own = {BOT: Suspension(BOT, "cy", "stuck", 3.0, 4073522400.0)}
    lost = Survivor("maker", Fate.UNKNOWN, "may still run on node n1", "n1")
    desk.controller.progress = [KillProgress(kill, 3, 2, 2, (lost,), problem="Nomad does not answer")]
    said = await desk.run("suspensions", scope=Scope.READ)
    lines = said.out.splitlines()
    assert 'by ada: "runaway"' in lines[0]
    assert lines[0].startswith("kill switch  ")
    assert lines[1:4] == [
        "    2 of 3 dead, 2 asked to end",
        "    maker: may still run on node n1",
        "    Nomad does not answer",
    ]
    assert 'by bo: "key"' in lines[4]
    assert lines[5].endswith('by cy: "stuck", until 2099-01-31 06:00 UTC')
    found = json.loads((await desk.run("suspensions", "--output", "json")).out)
    assert [(one["scope"], one["kill"]) for one in found[:2]] == [("mode=live", True), ("account=x", False)]


async def test_who_may_only_read_suspends_nobody(desk: Terminal) -> None:
    """The refusal names what the token lacks, and ends with 1."""
    said = await desk.run("suspend", "--all", "--reason", "x", scope=Scope.READ)
    assert (said.code, "operate" in said.error) == (1, True), said
    assert desk.controller.asked == []


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("suspend", "--all", "--reason", "x"), "all: every such bot is stopped until it is resumed"),
        (("suspend", BOT, "--reason", "x", "--no-wait"), f"{BOT} is stopped, until it is resumed"),
        (("resume", "--mode", "live"), "mode=live: every such bot runs again, as git says"),
        (("resume", BOT, "--no-wait"), f"{BOT} runs again, as git says"),
    ],
)
async def test_a_protected_environment_is_asked_about_first(
    desk: Terminal, arguments: tuple[str, ...], shown: str
) -> None:
    """What would change is shown; without a terminal it wants --yes, and changes nothing until then."""
    refused = await desk.run_protected(*arguments)
    assert (refused.code, shown in refused.error) == (2, True), refused
    assert desk.controller.asked == []
    assert (await desk.run_protected(*arguments, "--yes")).code == 0
    assert len(desk.controller.asked) == 1
