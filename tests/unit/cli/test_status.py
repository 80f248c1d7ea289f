"""`herdsman status BOT`: what it prints of one bot."""

from msgspec.structs import replace

from cli.status import bot_lines, explanation, fleet_lines
from web.documents.bots import Bot, BotDetail, LastLine, Resources
from web.documents.liveness import LivenessDocument, SignDocument
from web.documents.revisions import FleetDocument

TRACE = 'Traceback (most recent call last):\n  File "main.py", line 3, in main\nKeyError: boom\x1b[2J'


def bot(*states: str) -> Bot:
    """Return a bot with its sync, health, reason and message."""
    return Bot(
        *("taker", "taker", "1.0.0", "realtime", "dry", "", *states, "3f9a2c1", "3f9a2c1", 1),
        *(None, 90.0, "n1", "", "", "", None, "", "USDT", Resources()),
    )


def test_the_next_command_leads_to_what_was_said_of_a_failed_build() -> None:
    """A compiled program has a build's log; dependencies that cannot be had are told with the bot."""
    compiled = bot("OutOfSync", "Healthy", "BuildFailed", "The build failed: cargo ended with 101")
    assert "herdsman build-log taker " in explanation(compiled)[-1]
    missing = bot("OutOfSync", "Healthy", "BuildFailed", "The dependencies could not be installed: none")
    assert "herdsman status taker " in explanation(missing)[-1]


def test_a_trace_stands_below_itself_and_steers_no_terminal() -> None:
    """Each line of the last event begins where its first one does, so that the facts can still be found."""
    shown = replace(
        bot("Synced", "Degraded", "CrashLoop", "crashed"), last_log=LastLine(99.0, "error", TRACE)
    )
    lines = bot_lines(BotDetail(shown, "bots/taker.yaml", {}, [], [], [], None, None), 100.0)
    text = "\n".join(lines)
    assert "started     not running, 1 restart\n" in text
    assert "last line   Traceback (most recent call last):\n" in text
    assert '\n              File "main.py", line 3, in main\n            KeyError: boom' in text
    assert "\x1b" not in text


def test_a_trouble_of_the_whole_fleet_is_told_once() -> None:
    """What stands over the table does not stand under each bot again; what is a bot's own does."""
    trouble = "2 jobs of this fleet run, and this database has never held one"
    fleet = FleetDocument("desk", None, None, {}, "nomad", "0.1.0", 100.0, [trouble])
    held = bot("Unknown", "Healthy", "RecoveryNeeded", trouble)
    crashed = replace(bot("Unknown", "Degraded", "CrashLoop", "crashed 5 times"), name="maker")
    text = "\n".join(fleet_lines(fleet, [held, crashed], 100.0))
    assert (text.count(trouble), text.count("crashed 5 times")) == (1, 1)


def test_the_header_says_of_which_environments_the_bots_are() -> None:
    """A service that runs only some of them is told apart from another one of the same fleet."""
    fleet = FleetDocument("desk", None, None, {}, "nomad", "0.1.0", 100.0, [])
    assert fleet_lines(fleet, [], 100.0)[0].startswith("FLEET desk @ ")
    staging = replace(fleet, environments=["staging", "lab"])
    assert fleet_lines(staging, [], 100.0)[0].startswith("FLEET desk (staging, lab) @ ")


def test_an_empty_fleet_says_the_next_step_or_what_is_in_its_way() -> None:
    """Who cannot read its source is not told to push."""
    empty = FleetDocument("desk", None, None, {}, "local", "0.1.0", 100.0, [])
    assert "herdsman init --help" in fleet_lines(empty, [], 100.0)[-1]
    unread = replace(empty, problems=["Cannot read git@example.org:x.git: the key was not taken"])
    assert fleet_lines(unread, [], 100.0)[-2:] == [f"  {unread.problems[0]}", "no bots yet"]


def test_drift_operation_and_generations_are_told_of_a_bot() -> None:
    """What was done behind our back, since when, and what became of it; what is asked and not tried yet."""
    drift = {
        "kind": "Stopped",
        "text": "it was stopped behind our back",
        "since": 60.0,
        "corrected_at": 61.5,
        "correction": "herdsman registered it again as 3f9a2c1 has it",
        "times": 2,
    }
    shown = replace(
        bot("Synced", "Healthy", "Running", ""),
        drift=drift,
        operation="Waiting",
        generation=3,
        observed_generation=2,
    )
    detail = BotDetail(shown, "bots/taker.yaml", {}, [], [], [], None, None, operation_message="updating it")
    text = "\n".join(bot_lines(detail, 100.0))
    assert "operation   Waiting  updating it (generation 3, not tried yet)" in text
    assert "drift       Stopped: it was stopped behind our back, 40 s ago, 2 times in a row; over" in text
    assert "over after 1.5 s: herdsman registered it again as 3f9a2c1 has it" in text
    open_still = replace(shown, drift={**drift, "corrected_at": None})
    assert "not put right yet" in "\n".join(bot_lines(replace(detail, bot=open_still), 100.0))


def test_a_bot_that_lives_and_does_not_trade_is_told_under_its_healthy_row() -> None:
    """The verdict stands under the row; a crash is told by the health already."""
    stuck = replace(
        bot("Synced", "Healthy", "Running", ""),
        liveness={"verdict": "not_trading", "text": "no market data\x1b[2J", "since": 90.0},
    )
    assert explanation(stuck) == ["           alive but not trading: no market data\\x1b[2J"]
    crashed = replace(stuck, liveness={"verdict": "crashed", "text": "crashed", "since": 90.0})
    assert explanation(crashed) == []


def test_a_bots_four_ages_are_told_with_what_is_usual() -> None:
    """Each age beside its usual gap and the longest that is no news; what never came is left out."""
    signs = {
        "process": SignDocument(99.5, None, None),
        "loop": SignDocument(99.0, 2.0, 20.0),
        "output": SignDocument(99.0, None, 30.0),
        "market_data": SignDocument(40.0, 1.0, 20.0),
        "orders": SignDocument(None, None, None),
    }
    found = LivenessDocument("taker", "not_trading", True, "no market data", 60.0, signs)
    shown = BotDetail(bot("Synced", "Healthy", "Running", ""), "", {}, [], [], [], None, None, liveness=found)
    text = "\n".join(bot_lines(shown, 100.0))
    assert "liveness    alive but not trading, for 40 s  no market data" in text
    ages = text[text.index("ages ") :].splitlines()[0]
    assert ages.startswith("ages        process 0.5 s, loop 1.0 s (usually every 2.0 s, at most 20 s), log ")
    assert ages.endswith("log 1.0 s (at most 30 s), market data 1 min (usually every 1.0 s, at most 20 s)")
