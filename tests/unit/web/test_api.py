"""The HTTP API on a real socket, over fakes."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from controller.consent import TO_WHAT_IS_HELD
from controller.plan import Action, ActionKind, Plan
from controller.records import (
    Attempt,
    Change,
    ChangeState,
    FieldChange,
    InventoryEntry,
    PastBot,
    RevisionRecord,
    RevisionState,
    RunRecord,
    Suspension,
    Wishes,
)
from controller.status import Drift, DriftKind, Health, OperationState, Reason
from schemas.errors import ManifestError, QueryFailed, QueryRefused, QueryTimedOut, TooBusy
from telemetry.intake import IngestAnswer
from telemetry.records import Event, Series
from telemetry.stores import EventPage
from tests.fakes.controller import REVISION, bot_status
from tests.fakes.web import Running, running
from web.access.scopes import Scope
from web.queries import NOTABLE_KINDS

EVENT = Event("a/stdout/0/10", "sma-btc", 5.0, "log", "info", "started", data={"n": 1})


async def test_bots_are_listed_with_all_promised_fields(web: Running):
    """The list holds every field that programs outside rely on."""
    async with web.client(Scope.READ) as client:
        answer = await client.get("/api/v1/bots")
    assert answer.status_code == 200
    (bot,) = answer.json()
    promised = (
        "name program version type sync health reason message applied_revision attempted_revision "
        "restarts started_at"
    )
    assert set(promised.split()) <= set(bot)
    assert bot["name"] == "sma-btc"
    assert answer.headers["herdsman-stream-position"] == web.services.live.position()


async def test_large_fleet_is_one_valid_list(web: Running):
    """However many bots there are, the answer is one list, each bot once, in order of name."""
    web.controller.bots = {f"bot-{n:04}": bot_status(f"bot-{n:04}") for n in range(450)}
    async with web.client(Scope.READ) as client:
        names = [bot["name"] for bot in (await client.get("/api/v1/bots")).json()]
        web.controller.bots = {}
        assert (await client.get("/api/v1/bots")).json() == []
    assert names == [f"bot-{n:04}" for n in range(450)]


async def test_bot_is_shown_with_conditions_attempts_suspension_and_revision(web: Running):
    """One bot's page has everything about it in one document."""
    web.controller.bots["grid"] = bot_status(
        "grid", Health.DEGRADED, reason=Reason.CRASH_LOOP, message="crashed 5 times in 4 min: boom"
    )
    web.controller.records = [RevisionRecord(REVISION, RevisionState.APPLIED, 1.0)]
    web.controller.attempt_records = [Attempt("grid", REVISION.id, "d", 1.0, 2.0, True)]
    web.controller.own["grid"] = Suspension("grid", "desk", "maintenance", 3.0, 9.0)
    async with web.client(Scope.READ) as client:
        detail = (await client.get("/api/v1/bots/grid")).json()
    assert detail["bot"]["health"] == "Degraded"
    assert detail["metrics"] == ["bot_equity"]
    assert {one["type"]: one["status"] for one in detail["conditions"]} == {
        "Ready": "False",
        "Reconciling": "False",
        "Stalled": "True",
    }
    assert detail["attempts"][0]["ok"] is True
    own = {"by": "desk", "reason": "maintenance", "since": 3.0, "until": 9.0}
    assert detail["suspended"] == own | {"scope": "bot=grid", "words": "bot grid", "kill": False}
    assert detail["suspensions"] == [detail["suspended"]]
    assert detail["revision"]["message"] == "tighter stops"


async def test_drift_operation_generations_and_inventory_are_shown(web: Running):
    """What was done behind our back, what is done about it, and what we own of a bot, are in one answer."""
    drift = Drift(DriftKind.SCALED, "its count was set to 2", 5.0, times=2)
    web.controller.bots["grid"] = bot_status(
        "grid",
        operation=OperationState.WAITING,
        operation_message="correcting it waits",
        generation=4,
        observed_generation=3,
        drift=drift,
    )
    entry = InventoryEntry("grid", "bots/grid.yaml", REVISION.id, None, "12", "nomad")
    web.controller.entries["grid"] = entry
    async with web.client(Scope.READ) as client:
        detail = (await client.get("/api/v1/bots/grid")).json()
        rows = {row["name"]: row for row in (await client.get("/api/v1/bots")).json()}
    bot = detail["bot"]
    assert (bot["operation"], bot["generation"], bot["observed_generation"]) == ("Waiting", 4, 3)
    assert bot["drift"] == {
        "kind": "Scaled",
        "text": "its count was set to 2",
        "since": 5.0,
        "corrected_at": None,
        "correction": "",
        "times": 2,
    }
    assert rows["grid"]["drift"] == bot["drift"]
    assert detail["operation_message"] == "correcting it waits"
    assert (detail["inventory"]["job_version"], detail["inventory"]["path"]) == ("12", "bots/grid.yaml")
    assert rows["sma-btc"]["drift"] is None


async def test_unknown_bot_is_a_problem_with_the_nearest_name(web: Running):
    """A typing error in a bot's name is answered with the name that was likely meant."""
    async with web.client(Scope.READ) as client:
        answer = await client.get("/api/v1/bots/sma-btd")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 404
    assert problem["reason"] == "NotFound"
    assert problem["instance"] == "/api/v1/bots/sma-btd"
    assert problem["suggestion"] == "sma-btc"
    assert 'did you mean "sma-btc"' in problem["detail"]


async def test_series_are_answered_in_the_fixed_form(web: Running):
    """Labels, and points of [unix seconds, value]; without a step at most about 2,000 of them."""
    points = [(float(t), float(t % 7)) for t in range(10_000)]
    web.services.series.found = [Series({"__name__": "bot_equity", "bot": "sma-btc"}, points)]
    async with web.client(Scope.READ) as client:
        answer = await client.get(
            "/api/v1/bots/sma-btc/series", params={"metric": "bot_equity", "start": "0", "end": "10000"}
        )
        stepped = await client.get(
            "/api/v1/bots/sma-btc/series",
            params={"metric": "bot_equity", "start": "-2h", "end": "-1h", "step": "15"},
        )
    (series,) = answer.json()["series"]
    assert series["labels"] == {"__name__": "bot_equity", "bot": "sma-btc"}
    assert series["points"][0] == [0.0, 0.0]
    assert len(series["points"]) <= 2000
    assert len(stepped.json()["series"][0]["points"]) == 10_000
    query = web.services.series.queries[-1]
    assert (query.bot, query.metric, query.step) == ("sma-btc", "bot_equity", 15.0)
    assert query.end - query.start == pytest.approx(3600)


async def test_logs_and_events_are_searched_with_what_the_query_says(web: Running):
    """Every parameter reaches the store: logs are lines of one bot, events the notable ones of all."""
    web.services.events.page = EventPage([EVENT], "next")
    async with web.client(Scope.READ) as client:
        logs = await client.get(
            "/api/v1/bots/sma-btc/logs",
            params={
                "start": "100",
                "end": "200",
                "text": "boom",
                "level": "error",
                "limit": 5,
                "cursor": "c",
            },
        )
        await client.get("/api/v1/events")
        await client.get("/api/v1/events", params={"kind": "trade,order", "bot": "sma-btc"})
        await client.get("/api/v1/events", params={"kind": "all", "without": "log, price"})
    assert logs.json()["events"][0]["message"] == "started"
    assert logs.json()["events"][0]["data"] == {"n": 1}
    assert logs.json()["next_cursor"] == "next"
    first, second, third, fourth = web.services.events.queries
    assert (fourth.kinds, fourth.without) == ((), ("log", "price"))
    assert (first.bots, first.start, first.end, first.text) == (("sma-btc",), 100.0, 200.0, "boom")
    assert (first.level, first.limit, first.cursor, first.kinds) == ("error", 5, "c", ("log",))
    assert (second.bots, second.kinds) == ((), NOTABLE_KINDS)
    assert (third.bots, third.kinds) == (("sma-btc",), ("trade", "order"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/bots/sma-btc/logs?level=loud", "is not a level; there are: debug"),
        ("/api/v1/bots/sma-btc/series?start=yesterday", "is not a time"),
        ("/api/v1/bots/sma-btc/series?start=0&end=10000000&step=1", "ask for a longer step"),
        ("/api/v1/bots/sma-btc/logs?limit=0", "limit"),
        ("/api/v1/bots/sma-btc/logs?limit=many", "limit"),
        ("/api/v1/stream?topics=weather", '"trading", "bot:NAME" and "logs:FILTER"'),
    ],
)
async def test_wrong_parameter_is_a_problem_that_says_what_to_give(web: Running, path: str, expected: str):
    """A bad value is answered with 400 and text for people, never with a stack trace."""
    async with web.client(Scope.READ) as client:
        answer = await client.get(path)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert expected in answer.json()["detail"]


async def test_a_bot_is_shown_while_the_series_store_is_down(web: Running):
    """Its state, reason and attempts need no series: only their names are missing."""
    web.services.series.down = True
    async with web.client(Scope.READ) as client:
        answer = await client.get("/api/v1/bots/sma-btc")
    assert answer.status_code == 200
    assert (answer.json()["bot"]["name"], answer.json()["metrics"]) == ("sma-btc", [])


async def test_store_that_is_down_is_a_503_with_retry_after(web: Running):
    """Trouble below is named, and the client is told to come again."""
    web.services.series.down = True
    async with web.client(Scope.READ) as client:
        answer = await client.get("/api/v1/bots/sma-btc/series")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["reason"] == "StoreUnavailable"


async def test_runs_are_listed_newest_first(web: Running):
    """A run without an outcome is one that still runs."""
    web.controller.run_records = [
        RunRecord("r2", "sma-btc", "a", "n", REVISION.id, 5.0),
        RunRecord("r1", "sma-btc", "a", "n", REVISION.id, 1.0, 4.0, "crashed", 1, message="boom"),
    ]
    async with web.client(Scope.READ) as client:
        runs = (await client.get("/api/v1/bots/sma-btc/runs")).json()
    assert [(run["id"], run["outcome"]) for run in runs] == [("r2", None), ("r1", "crashed")]


async def test_revisions_fleet_and_plan_are_documents(web: Running):
    """The fleet's header, history and plan say what the controller knows."""
    change = Change("sma-btc", "update", "fast 10 -> 12", ChangeState.RUNNING, seconds=0.7)
    error = ManifestError("bots/a.yaml", 7, 1, "/volatilty", "unknown parameter", "volatility")
    web.controller.records = [
        RevisionRecord(REVISION, RevisionState.APPLIED, 1.0, 2.0, changes=(change,), errors=(error,))
    ]
    web.controller.troubles = ["the scheduler does not answer"]
    web.controller.next_plan = Plan(
        REVISION, (Action("sma-btc", ActionKind.UPDATE, "fast 10 -> 12", "git changed"),), (error,), "held", 1
    )
    async with web.client(Scope.READ) as client:
        fleet = (await client.get("/api/v1/fleet")).json()
        (revision,) = (await client.get("/api/v1/revisions")).json()
        same = (await client.get("/api/v1/revisions/3f9a2c1")).json()
        missing = await client.get("/api/v1/revisions/abc")
        plan = (await client.get("/api/v1/plan")).json()
    assert fleet["fleet"] == "desk-abc123"
    assert fleet["counts"]["Healthy"] == 1
    assert fleet["problems"] == ["the scheduler does not answer"]
    assert fleet["revision"] == revision
    assert same == {**revision, "changes": [{**revision["changes"][0], "fields": []}]}
    assert missing.status_code == 404
    assert revision["changes"][0]["summary"] == "fast 10 -> 12"
    assert revision["errors"][0]["suggestion"] == "volatility"
    assert plan["actions"][0]["action"] == "update"
    assert plan["held"] == "held"


async def test_a_revision_says_who_brought_it_and_what_differs(web: Running):
    """One revision has every change with its fields; a list counts them and holds the urgent ones."""
    fields = (FieldChange("fast", "10", "12"), FieldChange("slow", None, "30"))
    changes = tuple(Change(f"bot-{n:03}", "update", "fast 10 -> 12", fields=fields) for n in range(150))
    failed = Change("zzz", "create", "realtime", ChangeState.FAILED, "crashed: boom", 0.3)
    web.controller.records = [
        RevisionRecord(
            REVISION,
            RevisionState.RUNNING,
            1.0,
            trigger="push",
            by="desk",
            held="40 of 100 bots would be removed",
            changes=(*changes, failed),
        )
    ]
    async with web.client(Scope.READ) as client:
        (listed,) = (await client.get("/api/v1/revisions")).json()
        whole = (await client.get(f"/api/v1/revisions/{REVISION.id[:7]}")).json()
        by_bot = (await client.get("/api/v1/revisions", params={"bot": "bot-007"})).json()
        none = (await client.get("/api/v1/revisions", params={"bot": "nobody"})).json()
    assert (whole["trigger"], whole["by"], whole["author"]) == ("push", "desk", REVISION.author)
    assert whole["held"] == "40 of 100 bots would be removed"
    assert whole["actions"] == {"create": 1, "update": 150}
    assert whole["results"] == {"failed": 1, "waiting": 150}
    assert len(whole["changes"]) == 151
    assert whole["changes"][1]["fields"] == [
        {"name": "fast", "before": "10", "after": "12"},
        {"name": "slow", "before": None, "after": "30"},
    ]
    assert [len(listed["changes"]), listed["changes"][0]["bot"]] == [100, "zzz"]
    assert "fields" not in listed["changes"][0]
    assert (listed["actions"], listed["results"]) == (whole["actions"], whole["results"])
    assert [change["bot"] for change in by_bot[0]["changes"]] == ["bot-007"]
    assert none == []


async def test_revisions_go_on_before_the_last_one_seen(web: Running):
    """`before` is the id of the last revision of the page before."""
    revisions = [replace(REVISION, id=f"{n:040x}") for n in range(5)]
    web.controller.records = [RevisionRecord(one, RevisionState.APPLIED, 1.0) for one in revisions]
    async with web.client(Scope.READ) as client:
        page = await client.get("/api/v1/revisions", params={"limit": 2, "before": revisions[1].id})
    assert [one["id"] for one in page.json()] == [revisions[2].id, revisions[3].id]


async def test_what_is_left_of_a_removed_bot_stays_readable(web: Running):
    """Logs, series and runs of a bot that is gone are answered; a name that never was is not found."""
    web.controller.gone["old"] = PastBot("old", REVISION.id, "remove", 5.0)
    web.services.events.page = EventPage([EVENT], "")
    async with web.client(Scope.READ) as client:
        for path in ("logs", "series?metric=bot_equity", "runs"):
            assert (await client.get(f"/api/v1/bots/old/{path}")).status_code == 200, path
            assert (await client.get(f"/api/v1/bots/never/{path}")).status_code == 404, path
        assert (await client.get("/api/v1/bots/old")).status_code == 404
        assert (await client.get("/api/v1/bots/never?removed=true")).status_code == 404
        detail = (await client.get("/api/v1/bots/old?removed=true")).json()
        there = (await client.get("/api/v1/bots/sma-btc?removed=true")).json()
    assert detail["removed"] == {"revision": REVISION.id, "at": 5.0}
    assert detail["bot"]["reason"] == "Removed"
    assert detail["metrics"] == ["bot_equity"]
    assert there["removed"] is None


async def test_sync_answers_at_once_or_when_the_pass_is_over(web: Running):
    """Without `wait` 202 at once; with it the changes, each as it came to be."""
    change = Change("sma-btc", "update", "fast 10 -> 12")
    async with web.client(Scope.OPERATE) as client:
        at_once = await client.post("/api/v1/sync")
        assert at_once.status_code == 202
        assert at_once.json()["finished"] is False

        web.controller.plan_at_once = (Plan(REVISION, total=1), [change])
        request = client.build_request("POST", "/api/v1/sync", json={"wait": True, "confirm_prune": True})
        web.controller.on_pass = lambda asked: asked.update(change.to(ChangeState.RUNNING, "", 0.7))
        answer = (await client.send(request)).json()
    assert web.controller.passes[1].consent == TO_WHAT_IS_HELD
    assert web.controller.passes[1].by == "operate"
    assert answer["finished"] is True
    assert answer["revision"] == REVISION.id
    assert [(one["bot"], one["state"]) for one in answer["changes"]] == [("sma-btc", "running")]


async def test_sync_says_how_a_revision_reaches_its_bots(web: Running):
    """The wishes arrive at the pass; passing over windows without a reason is refused."""
    body = {"no_waves": True, "continue_rollout": True, "override_window": "keys leaked"}
    async with web.client(Scope.OPERATE) as client:
        assert (await client.post("/api/v1/sync", json=body)).status_code == 202
        refused = await client.post("/api/v1/sync", json={"override_window": " "})
    assert web.controller.passes[0].wishes == Wishes(True, True, "keys leaked")
    assert refused.status_code == 400
    assert "needs a reason" in refused.text


async def test_sync_streams_each_change_as_a_line(web: Running):
    """As NDJSON, every step is a line and the whole answer the last one."""
    change = Change("sma-btc", "update", "fast 10 -> 12")
    web.controller.plan_at_once = (Plan(REVISION, total=1), [change])
    web.controller.on_pass = lambda asked: asked.update(change.to(ChangeState.FAILED, "boom", 0.7))
    async with web.client(Scope.OPERATE, headers={"Accept": "application/x-ndjson"}) as client:
        answer = await client.post("/api/v1/sync", json={"wait": True})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line.get("state") for line in lines[:-1]] == ["waiting", "failed"]
    assert lines[-1]["finished"] is True


async def test_sync_gives_up_watching_but_not_the_pass(web: Running):
    """When the time is over, what is known so far is the answer."""
    web.controller.plan_at_once = (Plan(REVISION, total=1), [Change("sma-btc", "update", "")])
    async with web.client(Scope.OPERATE) as client:
        answer = await client.post("/api/v1/sync", json={"wait": True, "timeout": 0.05})
    assert answer.json()["finished"] is False
    assert answer.json()["changes"][0]["state"] == "waiting"


async def test_operations_are_passed_on_with_who_and_why(web: Running):
    """Restart, suspend, resume and recover carry the token's name and the reason."""
    async with web.client(Scope.OPERATE) as client:
        until = 9_999_999_999.0
        bodies = [
            ("/api/v1/bots/sma-btc/restart", {"reason": "stuck"}),
            ("/api/v1/bots/sma-btc/refresh", {"reason": "upgraded"}),
            ("/api/v1/bots/sma-btc/suspend", {"reason": "maintenance", "until": until}),
            ("/api/v1/bots/sma-btc/resume", None),
        ]
        for path, body in bodies:
            answer = await client.post(path, json=body)
            assert answer.status_code == 202, answer.text
            assert answer.json()["by"] == "operate"
        assert (await client.post("/api/v1/recover", json={"reason": "lost disk"})).json() == {
            "bots": ["sma-btc"]
        }
        past = await client.post("/api/v1/bots/sma-btc/suspend", json={"until": 1.0})
        assert past.status_code == 400
    assert web.controller.asked == [
        ("restart", "sma-btc", "operate", "stuck"),
        ("refresh", "sma-btc", "operate", "upgraded"),
        ("suspend", "sma-btc", "operate", "maintenance", until),
        ("resume", "sma-btc", "operate", ""),
        ("recover", "operate", "lost disk"),
    ]


async def test_a_compressed_batch_is_unpacked(web: Running):
    """The answer says that gzip is read; what is broken or unpacks to too much is refused."""
    packed = {"Content-Encoding": "gzip"}
    async with web.client(Scope.INGEST) as client:
        taken = await client.post("/api/v1/ingest", content=gzip.compress(b"batch"), headers=packed)
        assert (taken.status_code, taken.headers["Accept-Encoding"]) == (204, "gzip")
        assert web.services.intake.bodies[-1] == b"batch"
        for body, status in ((b"batch", 400), (gzip.compress(b"batch")[:-4], 400), (bomb(), 413)):
            refused = await client.post("/api/v1/ingest", content=body, headers=packed)
            assert refused.status_code == status, refused.text
    assert len(web.services.intake.bodies) == 1


def bomb() -> bytes:
    """Return what unpacks to more than a batch may be."""
    return gzip.compress(bytes(33 << 20), 1)


async def test_ingest_passes_the_intakes_answer_on(web: Running):
    """204 once a batch is durable; 429 with Retry-After where it must come again; 400 for rubbish."""
    async with web.client(Scope.INGEST) as client:
        taken = await client.post("/api/v1/ingest", content=b"batch")
        assert (taken.status_code, taken.content) == (204, b"")
        assert web.services.intake.bodies == [b"batch"]
        web.services.intake.answer = IngestAnswer(429, 0.5, "the stores are slow")
        slow = await client.post("/api/v1/ingest", content=b"batch")
        assert (slow.status_code, slow.headers["retry-after"]) == (429, "1")
        assert slow.json()["detail"] == "the stores are slow"
        web.services.intake.answer = IngestAnswer(400, 0.0, "this is no batch")
        assert (await client.post("/api/v1/ingest", content=b"?")).status_code == 400


async def test_tokens_are_made_listed_and_revoked(web: Running):
    """The secret is shown once; what was revoked is refused from then on."""
    async with web.client(Scope.ADMIN) as client:
        made = await client.post("/api/v1/tokens", json={"name": "desk", "scope": "read", "expires_in": 60})
        assert made.status_code == 201
        secret, identity = made.json()["token"], made.json()["id"]
        listed = (await client.get("/api/v1/tokens")).json()
        assert "desk" in [one["name"] for one in listed]
        assert secret not in json.dumps(listed)
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await client.get("/api/v1/whoami", headers=headers)).json()["name"] == "desk"
        assert (await client.delete(f"/api/v1/tokens/{identity}")).status_code == 204
        refused = await client.get("/api/v1/whoami", headers=headers)
        assert refused.status_code == 401
        assert refused.json()["reason"] == "UnknownToken"
        wrong = await client.post("/api/v1/tokens", json={"name": "x", "scope": "root"})
        assert "there are: read, operate, admin, ingest" in wrong.json()["detail"]
        twice = await client.post("/api/v1/tokens", json={"name": "admin", "scope": "read"})
        assert twice.status_code == 409


async def test_health_is_told_without_a_token_and_figures_with_one(web: Running):
    """A balancer needs no credential; Prometheus has one."""
    async with web.client(None) as client:
        assert (await client.get("/livez")).text == "ok\n"
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert (await client.get("/metrics")).status_code == 401
    async with web.client(Scope.READ) as client:
        figures = await client.get("/metrics")
    assert figures.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_readiness_names_the_failing_part_and_details_only_with_a_token(tmp_path: Path):
    """Whoever may not read learns which part fails, not what of our network its error names."""

    async def checks() -> dict[str, str]:
        return {"controller": "ok", "series": "http://10.0.0.9:8428 does not answer"}

    async with running(tmp_path, checks=checks) as web:
        async with web.client(None) as client:
            open_answer = await client.get("/readyz")
        async with web.client(Scope.READ) as client:
            told = (await client.get("/readyz")).json()["checks"]
    assert open_answer.status_code == 503
    assert open_answer.json() == {"ready": False, "checks": {"controller": "ok", "series": "failing"}}
    assert told["series"] == "http://10.0.0.9:8428 does not answer"


async def test_body_that_is_too_large_is_refused(web: Running):
    """Nobody can fill memory with a request; batches of telemetry may be larger."""
    large = b"x" * (2 * 1024 * 1024)
    async with web.client(None, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await client.post("/sign-in", content=large, headers=form)).status_code == 413
    async with web.client(Scope.INGEST) as client:
        assert (await client.post("/api/v1/ingest", content=large)).status_code == 204


async def test_errors_of_ours_and_of_the_framework_have_one_shape(web: Running):
    """No route, wrong method and a broken body are problem details like everything else."""
    async with web.client(Scope.ADMIN) as client:
        answers = [
            (404, await client.get("/api/v1/nothing")),
            (405, await client.put("/api/v1/bots")),
            (400, await client.post("/api/v1/tokens", content=b"{")),
            (404, await client.get("/api/v1/bots/../../etc/passwd")),
        ]
    for status, answer in answers:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "instance", "reason"} <= set(answer.json())


async def test_a_query_is_answered_unchanged(web: Running):
    """The bot's own JSON comes through as it is; whoever may read may ask."""
    web.controller.answer = '{"price":1.10,"sizes":[1e2]}'
    async with web.client(Scope.READ) as client:
        answer = await client.post("/api/v1/bots/sma-btc/query", json={"path": "/book", "params": {"n": 1}})
    assert answer.status_code == 200
    assert '"data":{"price":1.10,"sizes":[1e2]}' in answer.text
    assert web.controller.asked == [("query", "sma-btc", "/book", {"n": 1})]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (QueryRefused("it does not run"), 409, "QueryRefused"),
        (QueryFailed("it raised", "Traceback ...", ("/a",)), 502, "QueryFailed"),
        (QueryTimedOut("too slow"), 504, "QueryTimedOut"),
        (TooBusy("four already"), 429, "TooBusy"),
    ],
)
async def test_a_query_that_is_not_answered_says_why(
    web: Running, error: Exception, status: int, reason: str
):
    """Each trouble has a status and a reason of its own; a trace is shown."""
    web.controller.answer = error
    async with web.client(Scope.READ) as client:
        answer = await client.post("/api/v1/bots/sma-btc/query", json={"path": "/book"})
        large = {"path": "/book", "params": {"x": "y" * 200_000}}
        assert (await client.post("/api/v1/bots/sma-btc/query", json=large)).status_code == 413
        assert (await client.post("/api/v1/bots/nobody/query", json={"path": "/x"})).status_code == 404
    document = answer.json()
    assert (answer.status_code, document["reason"], document["detail"]) == (status, reason, str(error))
    if isinstance(error, QueryFailed):
        assert (document["trace"], document["available"]) == ("Traceback ...", ["/a"])
    if status == 429:
        assert answer.headers["Retry-After"] == "1"
