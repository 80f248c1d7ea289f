"""The API compares two revisions of a bot out of its runs, series, errors and lines."""

from controller.records import Change, RevisionRecord, RevisionState, RunRecord
from gitops.revision import Revision
from telemetry.records import Event, Series
from telemetry.stores import EventPage
from tests.fakes.controller import bot_status
from tests.fakes.telemetry import MemoryEvents, MemorySeries
from tests.fakes.web import running
from web.access.scopes import Scope

NOW = 1_790_000_000.0
HOUR = 3600.0
OLD, NEW = "a" * 40, "b" * 40
RUNS = [
    RunRecord("r3", "sma-btc", "a3", "n", NEW, NOW - HOUR),
    RunRecord("r2", "sma-btc", "a2", "n", OLD, NOW - 3 * HOUR, NOW - 2 * HOUR),
    RunRecord("r1", "sma-btc", "a1", "n", OLD, NOW - 5 * HOUR, NOW - 4 * HOUR),
]


def line(number: int, revision: str, text: str) -> Event:
    return Event(f"e{number}", "sma-btc", NOW - 60 * number, "log", "info", text, revision=revision)


async def test_two_revisions_are_compared(tmp_path):
    """By default the newest with the one before it; who brought it and what it changed stands beside it."""
    steady = [(NOW - 5 * HOUR + 60 * place, 10.0) for place in range(300)]
    series = MemorySeries([Series({"__name__": "bot_ms", "bot": "sma-btc"}, steady)])
    lines = [line(1, NEW, "retry 7"), *(line(130 + n, OLD, f"tick {n}") for n in range(9))]
    events = MemoryEvents(EventPage(lines))
    async with running(tmp_path, series=series, events=events, clock=lambda: NOW) as web:
        web.controller.bots["sma-btc"] = bot_status("sma-btc")
        web.controller.run_records = RUNS
        change = Change("sma-btc", "update", "fast 10 -> 12")
        revision = Revision(NEW, "Ada <ada@example.org>", "tighter stops")
        web.controller.records = [
            RevisionRecord(revision, RevisionState.APPLIED, NOW, by="desk", changes=(change,))
        ]
        async with web.client(Scope.READ) as client:
            found = (await client.get("/api/v1/bots/sma-btc/compare")).json()
            assert (found["before"]["revision"], found["before"]["seconds"]) == (OLD, 2 * HOUR)
            after = found["after"]
            assert (after["message"], after["by"], after["change"]) == (
                "tighter stops",
                "desk",
                "fast 10 -> 12",
            )
            assert [(one["name"], one["verdict"]) for one in found["series"]] == [("bot_ms", "same")]
            assert [(one["template"], one["verdict"]) for one in found["lines"]] == [
                ("retry <n>", "new"),
                ("tick <n>", "gone"),
            ]
            runs = (await client.get("/api/v1/bots/sma-btc/runs")).json()
            assert [one["deploy"] for one in runs] == ["by desk: fast 10 -> 12", "", ""]
            deploys = (await client.get("/api/v1/bots/sma-btc/deploys")).json()
            assert [(one["revision"], one["start"]) for one in deploys] == [
                (NEW, NOW - HOUR),
                (OLD, NOW - 5 * HOUR),
            ]
            swapped = await client.get(
                "/api/v1/bots/sma-btc/compare", params={"before": "bbb", "after": "aaa"}
            )
            assert swapped.json()["after"]["revision"] == OLD


async def test_what_cannot_be_compared_is_said(tmp_path):
    """No run yet, one revision alone, a revision that it never ran at, the same one twice."""
    async with running(tmp_path, clock=lambda: NOW) as web, web.client(Scope.READ) as client:
        web.controller.bots["sma-btc"] = bot_status("sma-btc")
        path = "/api/v1/bots/sma-btc/compare"
        answers = [await client.get(path)]
        web.controller.run_records = RUNS[:1]
        answers.append(await client.get(path))
        web.controller.run_records = RUNS
        answers.append(await client.get(path, params={"before": "cccc"}))
        answers.append(await client.get(path, params={"before": "bbb", "after": "bbbb"}))
        said = [(answer.status_code, answer.json()["detail"]) for answer in answers]
        assert [status for status, _ in said] == [404, 404, 404, 400]
        assert "has not run yet" in said[0][1]
        assert "one revision only (bbbbbbb)" in said[1][1]
        assert "it ran at bbbbbbb, aaaaaaa" in said[2][1]
        assert "given twice" in said[3][1]
