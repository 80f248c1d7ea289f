"""The API compares two revisions of a bot, or of many, out of their runs, series, errors and lines."""

from dataclasses import replace

from controller.records import Change, RevisionRecord, RevisionState, RunRecord
from gitops.revision import Revision
from schemas.bot import Mode
from telemetry.records import Event, Series
from telemetry.stores import EventPage
from tests.fakes.controller import bot_status
from tests.fakes.telemetry import MemoryEvents, MemorySeries
from tests.fakes.web import running
from tests.unit.controller.examples import desired, program, spec
from web.access.scopes import Scope
from web.turn import Turn

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


PROGRAM = {"of": "program=sma"}


def declare(web, name, of, mode):
    """Add a bot of a program."""
    known = web.controller.state.bots.values() if web.controller.state else ()
    added = spec(name, program=replace(program(), name=of), mode=Mode(mode))
    web.controller.state = desired([*known, added])
    web.controller.bots[name] = bot_status(name, mode=mode)


async def test_the_bots_of_a_program_are_compared_live_and_dry_apart(tmp_path):
    """Before and after the newest revision, each with itself; a bot that ran at one alone is left out."""
    steady = [(NOW - 5 * HOUR + 60 * place, 10.0) for place in range(300)]
    series = MemorySeries([Series({"__name__": "bot_ms"}, steady)])
    async with running(tmp_path, series=series, clock=lambda: NOW) as web, web.client(Scope.READ) as client:
        for name, mode in (("one", "live"), ("two", "dry"), ("six", "dry"), ("new", "dry")):
            declare(web, name, "sma", mode)
            runs = RUNS[:1] if name == "new" else RUNS
            web.controller.run_records += [replace(one, bot=name) for one in runs]
        found = (await client.get("/api/v1/compare", params=PROGRAM)).json()
        assert (found["before"], found["after"]) == ("before bbbbbbb", "bbbbbbb")
        assert [(part["mode"], part["after"]) for part in found["parts"]] == [("live", 1), ("dry", 2)]
        dry = found["parts"][1]
        assert "it is 2 bots only" in dry["cautions"][0]
        assert "left out, since they did not run at both: new" in dry["cautions"]
        (row,) = dry["rows"]
        assert (row["name"], row["verdict"], row["moved"]) == ("bot_ms", "same", {"same": 2})
        assert row["after"] == {"bots": 2, "median": 10.0, "low": 10.0, "high": 10.0}


async def test_two_groups_stand_side_by_side_over_one_time(tmp_path):
    """Whatever revision they ran at; of too few bots nothing is judged."""
    steady = [(NOW - 5 * HOUR + 60 * place, 10.0) for place in range(300)]
    series = MemorySeries([Series({"__name__": "bot_ms"}, steady)])
    async with running(tmp_path, series=series, clock=lambda: NOW) as web, web.client(Scope.READ) as client:
        for number in range(6):
            name = f"bot-{number}"
            declare(web, name, "sma" if number < 2 else "grid", "dry")
            web.controller.run_records += [replace(one, bot=name) for one in RUNS[: number + 1]]
        asked = {**PROGRAM, "with": "program=grid", "start": "-6h"}
        found = (await client.get("/api/v1/compare", params=asked)).json()
        assert (found["before"], found["after"]) == ("program sma", "program grid")
        (part,) = found["parts"]
        assert (part["mode"], part["before"], part["after"]) == ("dry", 2, 4)
        assert "nothing can be judged" in part["cautions"][0]
        assert [(row["name"], row["verdict"]) for row in part["rows"]] == [("bot_ms", "few")]


async def test_groups_that_cannot_be_compared_are_told(tmp_path):
    """No such bots, nothing that ran, a bot in both, live with dry, revisions for two groups."""
    async with running(tmp_path, clock=lambda: NOW) as web, web.client(Scope.READ) as client:
        for name, mode in (("one", "live"), ("two", "dry")):
            declare(web, name, name, mode)
        asked = [
            {"of": "program=none"},
            {"of": "nonsense"},
            {"of": "all"},
            {"of": "all", "with": "program=one"},
            {"of": "mode=live", "with": "mode=dry"},
            {"of": "program=one", "with": "program=two", "before": "abc"},
            {"of": "program=one", "with": "program=one"},
        ]
        answers = [await client.get("/api/v1/compare", params=one) for one in asked]
        said = [(answer.status_code, answer.json()["detail"]) for answer in answers]
        assert [status for status, _ in said] == [404, 400, 404, 400, 400, 400, 400]
        wanted = ("no bot of program none", "says not which bots", "has run yet", "one is in both groups")
        wanted += ("no mode in common", "no revisions", "given twice")
        assert all(word in detail for word, (_, detail) in zip(wanted, said, strict=True)), said


async def test_one_comparison_of_many_bots_is_made_at_a_time(tmp_path):
    """Of a program or of two groups; another is refused meanwhile, a single bot's is not."""
    async with running(tmp_path, clock=lambda: NOW, comparing=Turn("others", patience=0.01)) as web:
        declare(web, "sma-btc", "sma", "dry")
        declare(web, "grid", "grid", "dry")
        web.controller.run_records = [replace(one, bot=bot) for one in RUNS for bot in ("sma-btc", "grid")]
        paths = ["/api/v1/compare?of=all", "/api/v1/compare?of=program=sma&with=program=grid"]
        paths.append("/api/v1/bots/sma-btc/compare")
        async with web.client(Scope.READ) as client:
            async with web.services.comparing.taken():
                refused = [(await client.get(path)).status_code for path in paths]
            assert refused == [429, 429, 200]
            assert [(await client.get(path)).status_code for path in paths] == [200, 200, 200]


async def test_of_many_bots_those_are_read_that_the_revision_reached(tmp_path):
    """Also where they come last by name; who was not read is not said to have been left out."""
    names = [f"bot-{number:03}" for number in range(205)]
    async with running(tmp_path, clock=lambda: NOW) as web, web.client(Scope.READ) as client:
        specs = [spec(name, program=replace(program(), name="sma"), mode=Mode("dry")) for name in names]
        web.controller.state = desired([*specs, spec("zz-live", mode=Mode("live"))])
        web.controller.bots["zz-live"] = bot_status("zz-live", mode="live", applied_revision=OLD)
        for name in names:
            web.controller.bots[name] = bot_status(name, applied_revision=OLD)
            web.controller.run_records.append(replace(RUNS[1], bot=name))
        for name in ("bot-203", "bot-204"):
            web.controller.run_records.insert(0, replace(RUNS[0], bot=name))
        web.controller.bots["bot-203"] = bot_status("bot-203", applied_revision=NEW)
        changes = (Change("bot-204", "update", "fast 10 -> 12"),)
        revisions = [Revision(one, "Ada <ada@example.org>", "x") for one in (NEW, OLD)]
        web.controller.records = [
            RevisionRecord(one, RevisionState.APPLIED, NOW, changes=changes) for one in revisions
        ]
        asked = [{"of": "all", "after": NEW[:12]}, {"of": "all"}]
        answers = [(await client.get("/api/v1/compare", params=one)).json() for one in asked]
    (given,), (newest,) = (answer["parts"] for answer in answers)
    assert (given["after"], newest["after"]) == (2, 1)
    assert [answer["after"] for answer in answers] == [NEW[:7]] * 2
    assert "the runs of 200 of 206 bots were read" in given["cautions"]
    left_out = next(one for one in given["cautions"] if one.startswith("left out"))
    assert left_out.endswith("bot-000, bot-001, bot-002, bot-003, bot-004 and 193 more")
