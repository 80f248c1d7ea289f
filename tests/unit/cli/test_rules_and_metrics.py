"""Log rules, series and comparisons in a terminal."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.plot import columns_of, plot
from controller.records import RunRecord
from schemas.log_rules import FieldKind, LogRule, RuleField
from telemetry.records import Event, Series
from telemetry.rules_desk import RuleCounts
from telemetry.stores import EventPage
from tests.fakes.controller import bot_status
from tests.unit.cli.terminal import Terminal, terminal
from tests.unit.controller.examples import desired, spec

RULE = "rules:\n  - name: fill\n    pattern: 'filled in (?P<ms>\\S+)'\n    fields: {ms: histogram}\n"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Terminal]:
    async with terminal(tmp_path) as one:
        one.controller.bots["sma-btc"] = bot_status("sma-btc")
        yield one


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    (folder / "rules").mkdir(parents=True)
    (folder / "herdsman.yaml").write_text("name: desk\n")
    (folder / "rules" / "fills.yaml").write_text(RULE)
    return folder


async def test_rules_that_hold_are_listed_with_what_they_did(at: Terminal) -> None:
    """Their counts, their series, and where each stands."""
    fields = (RuleField("ms", FieldKind.HISTOGRAM, "ms"),)
    at.web.services.rules.rules = lambda: (LogRule("fill", "x", fields, file="rules/fills.yaml", line=2),)
    at.web.services.rules.counts["fill"] = RuleCounts(7, 2, 0, 0, 1.0, {"sma-btc"})
    said = await at.run("rules", "list")
    assert said.code == 0
    row = next(line for line in said.out.splitlines() if line.startswith("fill")).split()
    assert row[:5] == ["fill", "7", "2", "0", "1"]
    assert "bot_log_fill_ms_p95" in said.out
    assert said.out.rstrip().endswith("rules/fills.yaml:2")
    assert json.loads((await at.run("rules", "list", "-o", "json")).out)[0]["matches"] == 7


async def test_rules_are_tried_on_stored_lines(at: Terminal, fleet: Path) -> None:
    """Of one file or a whole folder; what a bot printed cannot steer the terminal."""
    lines = [
        Event(f"e{number}", "sma-btc", 1.0, "log", "info", text)
        for number, text in enumerate(("filled in 12", "filled in \x1b[2Jn/a", "tick"))
    ]
    at.web.services.events.page = EventPage(lines)
    said = await at.run("rules", "test", str(fleet))
    assert said.code == 0
    assert "2 (66.7%)" in said.out
    assert "filled in 12   -> ms=12" in said.out
    assert '-> no number: ms="\\x1b[2Jn/a"' in said.out
    assert "\x1b" not in said.out
    of_file = await at.run("rules", "test", str(fleet / "rules" / "fills.yaml"), "-o", "json")
    assert [(one["lines"], one["matched"], one["no_number"]) for one in json.loads(of_file.out)] == [
        (3, 2, 1)
    ]
    only = at.web.services.events.queries[-1]
    assert (only.kinds, only.start is not None) == (("log",), True)


async def test_a_rule_that_is_wrong_is_told_with_its_place(at: Terminal, fleet: Path) -> None:
    """Before any line is asked for; a folder without rules says so."""
    (fleet / "rules" / "fills.yaml").write_text(RULE.replace("{ms:", "{sm:"))
    for place in (fleet, fleet / "rules" / "fills.yaml"):
        said = await at.run("rules", "test", str(place))
        assert said.code == 1
        assert "fills.yaml:4" in said.error
        assert "no named group of the pattern, which has ms" in said.error
    (fleet / "rules" / "fills.yaml").unlink()
    none = await at.run("rules", "test", str(fleet))
    assert (none.code, "has no log rules" in none.error) == (1, True)


async def test_series_are_listed_and_one_is_plotted(at: Terminal) -> None:
    """With their own labels, the newest value, least and greatest; a misspelled name has a neighbour."""
    labels = {"__name__": "bot_equity", "bot": "sma-btc", "currency": "USDT"}
    at.web.services.series.found = [Series(labels, [(1.0, 1000.0), (2.0, 1234.5)])]
    listed = await at.run("metrics", "sma-btc")
    assert 'bot_equity{currency="USDT"}' in listed.out
    assert [text in listed.out for text in ("1234.5", "1,000")] == [True, True]
    drawn = await at.run("metrics", "sma-btc", "bot_equity", "--since", "2h")
    assert (drawn.code, drawn.out.count("│")) == (0, 6)
    as_data = json.loads((await at.run("metrics", "sma-btc", "bot_equity", "-o", "json")).out)
    assert as_data[0]["points"][-1] == [2.0, 1234.5]
    at.web.services.series.found = []
    missing = await at.run("metrics", "sma-btc", "bot_equty")
    assert (missing.code, 'did you mean "bot_equity"?' in missing.error) == (1, True)


def test_a_plot_shows_gaps_and_survives_absurd_numbers() -> None:
    """Nothing stands where nothing was; the greatest number there is, and a flat line, are drawn."""
    assert columns_of([(0.0, 1.0), (9.9, 2.0), (50.0, 9.0)], 0.0, 10.0, 5) == [1.0, None, None, None, 2.0]
    assert plot([0.0, None, 7.0], 1) == ["▁ █"]
    assert plot([1.0, 1.0], 1) == ["▄▄"]
    assert plot([-1.7e308, 1.7e308], 2) == [" █", "▁█"]
    assert plot([None], 3) == []


async def test_two_revisions_are_compared_in_a_terminal(at: Terminal) -> None:
    """What differs, what to beware of; what is as before is left out, and is there on -o wide."""
    now = at.web.services.clock()
    at.controller.run_records = [
        RunRecord("r2", "sma-btc", "a2", "n", "b" * 40, now - 600),
        RunRecord("r1", "sma-btc", "a1", "n", "a" * 40, now - 9000, now - 600),
    ]
    steady = [(now - 9000 + 30 * place, 5.0) for place in range(300)]
    at.web.services.series.found = [Series({"__name__": "bot_ms", "bot": "sma-btc"}, steady)]
    new = Event("e1", "sma-btc", now - 60, "log", "info", "retry \x1b[31m7", revision="b" * 40)
    at.web.services.events.page = EventPage([new])
    said = await at.run("compare", "sma-btc")
    assert said.code == 0
    assert "after ran for 10 min only: little can be said" in said.out
    assert "retry" in said.out
    assert "\x1b" not in said.out
    assert "bot_ms" not in said.out
    assert "bot_ms" in (await at.run("compare", "sma-btc", "-o", "wide")).out
    assert json.loads((await at.run("compare", "sma-btc", "-o", "json")).out)["after"]["revision"] == "b" * 40
    missing = await at.run("compare", "sma-btc", "ccc")
    assert (missing.code, "it ran at bbbbbbb, aaaaaaa" in missing.error) == (1, True)


async def test_the_bots_of_a_program_are_compared_in_a_terminal(at: Terminal) -> None:
    """Each counts once, with how the bots lie; two groups over one time; a revision is none of theirs."""
    now = at.web.services.clock()
    at.controller.state = desired([spec("sma-btc"), spec("sma-eth")])
    at.controller.bots["sma-eth"] = bot_status("sma-eth", mode="live")
    at.controller.run_records = [
        RunRecord(f"{bot}-{number}", bot, "a", "n", letter * 40, now - start, now - end)
        for bot in ("sma-btc", "sma-eth")
        for number, (letter, start, end) in enumerate((("b", 4500, 0), ("a", 9000, 4500)))
    ]
    steps = [(now - 9000 + 30 * place, 5.0 if place < 150 else 9.0) for place in range(300)]
    at.web.services.series.found = [Series({"__name__": "bot_ms"}, steps)]
    new = Event("e1", "sma-btc", now - 60, "log", "info", "retry \x1b[31m7", revision="b" * 40)
    at.web.services.events.page = EventPage([new])
    said = await at.run("compare", "program=sma")
    assert said.code == 0
    live, dry = said.out.index("LIVE  1 bot\n"), said.out.index("DRY  1 bot\n")
    assert live < dry
    assert "higher in 1 of 1" in said.out[dry:]
    assert "retry" in said.out
    assert "\x1b" not in said.out
    told = json.loads((await at.run("compare", "program=sma", "bbb", "aaa", "-o", "json")).out)
    assert told["after"] == "aaaaaaa"
    apart = await at.run("compare", "bot=sma-btc", "bot=sma-eth")
    assert (apart.code, "no mode in common" in apart.error) == (1, True)
    mixed = await at.run("compare", "program=sma", "mode=dry", "abc")
    assert (mixed.code, "give --since, no revision" in mixed.error) == (2, True)
