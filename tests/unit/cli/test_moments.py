"""Times on a command line: a span is so long ago, anything else is a moment."""

from pathlib import Path

import pytest

from tests.fakes.controller import bot_status
from tests.unit.cli.terminal import terminal

AT = "2026-01-31T14:02:00Z"


@pytest.mark.parametrize("since", ["2h", AT, "2026-01-31", "1769868120.5"])
async def test_commands_take_spans_and_times(tmp_path: Path, since: str) -> None:
    """Series, stored lines for rules, groups of bots: a moment in RFC 3339 is none "so long ago"."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - {name: fill, pattern: filled}\n")
    async with terminal(tmp_path / "at") as at:
        at.controller.bots["sma-btc"] = bot_status("sma-btc")
        asked = [
            ("metrics", "sma-btc"),
            ("rules", "test", str(rules), "--bot", "sma-btc"),
            ("compare", "program=none", "program=nothing"),
        ]
        said = [await at.run(*words, "--since", since) for words in asked]
    assert [one.code for one in said[:2]] == [0, 0], said
    assert "there is no bot of program none" in said[2].error
