"""`herdsman logs` and `events` against a service on the real event store; following over cuts."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.logs import line_of
from cli.tail import Tail
from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.records import Event
from tests.fakes.web import running
from tests.unit.cli.terminal import Terminal
from web.documents.series import EventsAnswer, LogEvent

NOW = 1_790_000_000.0


def event(number: int, **parts: object) -> Event:
    plain = {"bot": "sma-btc", "level": "info", "kind": "log", "message": f"line {number}", **parts}
    return Event(f"a/stdout/0/{number}", time=NOW + number, program="sma", **plain)  # type: ignore[arg-type]


@pytest.fixture
async def logged(tmp_path: Path) -> AsyncIterator[Terminal]:
    """Give a terminal beside a service that has 2,500 lines, some orders and an error."""
    store = EmbeddedEventStore(TelemetryDatabase(tmp_path / "telemetry.db"))
    await store.append([event(number) for number in range(2500)])
    await store.append(
        [
            event(3000, level="error", message="=refused\x1b[2J", data={"symbol": "ETH/USDT"}),
            event(3001, kind="order", message="order filled buy", data={"symbol": "BTC/USDT"}),
            event(3002, bot="grid", message="from grid"),
        ]
    )
    try:
        async with running(tmp_path, events=store, clock=lambda: NOW + 4000) as web:
            yield Terminal(web, tmp_path)
    finally:
        await store.close()


async def test_lines_are_found_oldest_first(logged: Terminal) -> None:
    """One bot's lines without its name, those of many with it; control characters are shown, not obeyed."""
    done = await logged.run("logs", "sma-btc", "-n", "2")
    assert [line.split("  ")[-1].strip() for line in done.out.splitlines()] == [
        "line 2499",
        "=refused\\x1b[2J",
    ]
    assert "sma-btc" not in done.out
    done = await logged.run("logs", "-n", "2")
    assert ["grid" in line for line in done.out.splitlines()] == [False, True]
    done = await logged.run("logs", "sma-btc", "--grep", "refu", "--level", "warning", "--output", "json")
    assert [one["level"] for one in json.loads(done.out)] == ["error"]
    assert len((await logged.run("logs", "sma-btc", "-n", "2200")).out.splitlines()) == 2200


async def test_what_is_not_there_is_said(logged: Terminal) -> None:
    """No line, a bot of no such name, and a wrong use each have their words and exit code."""
    done = await logged.run("logs", "sma-btc", "--text", "nowhere")
    assert (done.code, done.out, done.error.strip()) == (0, "", "no lines of that kind")
    done = await logged.run("logs", "sma-btd")
    assert (done.code, 'did you mean "sma-btc"' in done.error) == (1, True)
    done = await logged.run("logs", "sma-btc", "-f", "--output", "csv")
    assert (done.code, "has no end" in done.error) == (2, True)


async def test_everything_is_written_as_a_file(logged: Terminal) -> None:
    """JSON lines and CSV hold all that is found, however much; with -n the newest."""
    done = await logged.run("logs", "sma-btc", "--output", "jsonl")
    assert len(done.out.splitlines()) == 2501
    done = await logged.run("logs", "sma-btc", "--output", "csv", "-n", "1")
    (row,) = csv.DictReader(io.StringIO(done.out))
    assert row["message"].startswith("'=refused")
    done = await logged.run("events", "--output", "jsonl")
    assert [json.loads(line)["kind"] for line in done.out.splitlines()] == ["order"]


async def test_events_are_shown_in_columns(logged: Terminal) -> None:
    """Orders and what else a person reads, with their symbol; no lines."""
    done = await logged.run("events", "--symbol", "BTC/USDT")
    assert "BTC/USDT  order filled buy" in done.out
    assert "line" not in done.out
    done = await logged.run("events", "--kind", "trade")
    assert (done.out, done.error.strip()) == ("", "no events of that kind")


class Scripted:
    """A service whose stream says what the test wants, then Ctrl-C is pressed; it has three more lines."""

    def __init__(self, *messages: tuple[str, str, LogEvent | None]) -> None:
        self.messages = messages
        self.asked: list[tuple[str, str]] = []
        self.reads: list[dict[str, Any]] = []

    def stream(self, topic: str, position: str) -> Iterator[tuple[str, str, bytes]]:
        self.asked.append((topic, position))
        for identity, name, line in self.messages:
            yield identity, name, msgspec.json.encode(line) if line else b"{}"
        raise KeyboardInterrupt

    def get(self, _path: str, _kind: type, **query: Any) -> EventsAnswer:
        self.reads.append(query)
        if not query["cursor"]:
            return EventsAnswer([live("one"), live("two")], "next")
        return EventsAnswer([live("three")], "")


def live(name: str) -> LogEvent:
    return LogEvent(name, "sma-btc", NOW, "log", "info", name, "stdout", "", "", {})


def test_following_prints_each_line_once_also_over_a_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """What was missed is read page by page, and what the stream says again is not printed again."""
    client = Scripted(
        ("b-1", "log", live("one")),
        ("b-2", "reset", None),
        ("b-3", "log", live("three")),
        ("b-4", "log", live("four")),
    )
    query = {"bot": "sma-btc", "text": "a b", "level": None}
    tail = Tail(client, query, as_json=False, line=line_of)  # type: ignore[arg-type]
    tail.show([live("zero")])
    with pytest.raises(KeyboardInterrupt):
        tail.follow("b-0")
    said = [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()]
    assert said == ["zero", "one", "two", "three", "four"]
    assert client.asked == [("logs:bot=sma-btc&text=a+b", "b-0")]
    assert [(one["order"], one["cursor"], one["start"]) for one in client.reads] == [
        ("oldest", "", str(NOW)),
        ("oldest", "next", str(NOW)),
    ]
