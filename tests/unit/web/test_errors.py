"""Errors over HTTP and in the terminal: groups, what came before one, explaining, resolving."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from controller.records import AuditEntry
from gitops.source_code import Asked, SourceCode, SourceLine
from schemas.errors import NotFound, StoreUnavailable
from schemas.labels import AllocationLabels
from telemetry.embedded import EmbeddedEventStore, TelemetryDatabase
from telemetry.embedded.errors import EmbeddedErrorStore
from telemetry.errors.groups import ErrorGroup
from telemetry.errors.occurrence import ErrorReader
from telemetry.records import Event, Series
from tests.fakes.telemetry import MemorySeries
from tests.fakes.web import Running, running
from tests.unit.telemetry.errors.traces import CAUSED
from web.access.scopes import Scope
from web.errors import ErrorBook

NOW = 1_800_000_000.0
TOP = Path(__file__).parents[3]


@dataclass
class FakeModel:
    """Fulfils `LanguageModel`; keeps what it was told."""

    told: list[str] = field(default_factory=list)
    broken: bool = False
    name: str = "small at desk"

    async def explain(self, error: str) -> str:
        self.told.append(error)
        if self.broken:
            raise StoreUnavailable("the language model small at desk cannot be reached")
        return "The answer has no price."


class FakeCodes:
    """Fulfils `ReadsCode`: it has one file, and waits for leave to read it where `may_read` is set."""

    def __init__(self, may_read: threading.Event | None = None) -> None:
        self.may_read = may_read
        self.begun = threading.Semaphore(0)
        self.at_once: list[int] = []
        self._now = 0
        self._lock = threading.Lock()

    def _wait(self, may_read: threading.Event) -> None:
        with self._lock:
            self._now += 1
            self.at_once.append(self._now)
        self.begun.release()
        may_read.wait()
        with self._lock:
            self._now -= 1

    def read(self, asked: Asked) -> SourceCode:
        if self.may_read is not None:
            self._wait(self.may_read)
        if asked.file != "main.py":
            raise NotFound(f"there is no file {asked.file}")
        line = SourceLine(asked.line, "    raise BadAnswer()", "9" * 40, "ann", NOW, "Refuse bad answers")
        return SourceCode(
            "programs/noisy/main.py", asked.revision, asked.line, (line,), "https://forge/x#L21"
        )


@dataclass
class Desk:
    """A web service with an error of each of two bots, and what was audited."""

    web: Running
    audited: list[AuditEntry]
    model: FakeModel
    told: list[ErrorGroup]


def event(offset: int, message: str, **parts: object) -> Event:
    fixed = {
        "id": f"one/stderr/0/{offset}",
        "bot": "sma-btc",
        "time": NOW - 100 + offset,
        "kind": "log",
        "level": "info",
        "revision": "a" * 40,
    }
    return Event(message=message, size=10, **{**fixed, **parts})  # type: ignore[arg-type]


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """Run the web over real stores with two errors in them."""
    database = TelemetryDatabase(folder / "telemetry.db")
    store, events = EmbeddedErrorStore(database, lambda: NOW), EmbeddedEventStore(database)
    happened = [
        event(0, "hello"),
        event(10, "order filled buy 1 BTC", kind="order", data={"order_id": "5"}),
        event(20, CAUSED.rstrip(), level="error"),
        event(30, CAUSED.rstrip(), level="error", id="two/stderr/0/30", bot="sma-eth"),
        event(40, "later"),
    ]
    await events.append(happened)
    reader = ErrorReader()
    found = [
        reader.read(
            one, AllocationLabels("f", one.bot, "noisy", "1.0.0", "realtime", "dry", "a" * 40, "d", "one")
        )
        for one in happened
    ]
    await store.record([one for one in found if one])
    audited: list[AuditEntry] = []
    model = FakeModel()

    async def audit(entry: AuditEntry) -> None:
        audited.append(entry)

    series = MemorySeries([Series({"__name__": "bot_memory_bytes"}, [(NOW - 81, 5e7)])])
    told: list[ErrorGroup] = []
    book = ErrorBook(store, events, series, audit, lambda: NOW, model, told.extend)
    async with running(folder, errors=book, codes=FakeCodes(), clock=lambda: NOW) as web:
        yield Desk(web, audited, model, told)
    await database.close()


async def test_groups_and_one_of_them_with_what_came_before(tmp_path: Path) -> None:
    """A list has one line for each error of a bot; one has its trace, its trail and who shares it."""
    async with desk(tmp_path) as at, at.web.client(Scope.READ) as client:
        listed = (await client.get("/api/v1/errors")).json()
        assert [(one["bot"], one["type"], one["state"], one["count"]) for one in listed] == [
            ("sma-eth", "main.BadAnswer", "new", 1),
            ("sma-btc", "main.BadAnswer", "new", 1),
        ]
        assert listed[0]["fingerprint"] == listed[1]["fingerprint"]
        only = (await client.get("/api/v1/errors", params={"bot": "sma-btc"})).json()
        assert [one["bot"] for one in only] == ["sma-btc"]
        assert (await client.get("/api/v1/errors", params={"states": "resolved"})).json() == []
        assert (await client.get("/api/v1/errors", params={"states": "odd"})).status_code == 400
        found = (await client.get(f"/api/v1/errors/{only[0]['id']}")).json()
        assert [one["type"] for one in found["trace"]] == ["main.BadAnswer", "KeyError"]
        assert [one["message"] for one in found["lines"]] == ["hello"]
        assert [one["kind"] for one in found["trades"]] == ["order"]
        assert found["resources"] == {"bot_memory_bytes": 5e7}
        assert found["bots"] == ["sma-eth"]
        assert found["event"]["id"] == found["shown"]["event"] == "one/stderr/0/20"
        assert (await client.get("/api/v1/errors/000000000000")).status_code == 404
        other = await client.get(f"/api/v1/errors/{only[0]['id']}", params={"event": "x"})
        assert other.status_code == 404


async def test_source_lines_are_read_two_at_a_time(tmp_path: Path) -> None:
    """Who reads many lines keeps others from no thread: two are read at once, the rest wait for them."""
    may_read = threading.Event()
    codes = FakeCodes(may_read)
    query = {"program": "noisy", "version": "1.0.0", "revision": "a" * 40, "file": "main.py", "line": 3}
    async with running(tmp_path, codes=codes) as web, web.client(Scope.READ) as client:
        asked = [asyncio.create_task(client.get("/api/v1/code", params=query)) for _ in range(5)]
        try:
            for _ in range(2):
                await asyncio.to_thread(codes.begun.acquire)
            assert (await client.get("/api/v1/bots")).status_code == 200
        finally:
            may_read.set()
        assert [(await one).status_code for one in asked] == [200] * 5
    assert len(codes.at_once) == 5
    assert max(codes.at_once) == 2


async def test_resolving_is_for_operators_and_audited(tmp_path: Path) -> None:
    """A resolved error leaves the list; the audit has who, why and which; it can be taken back."""
    async with desk(tmp_path) as at, at.web.client(Scope.OPERATE) as client:
        (error,) = (await client.get("/api/v1/errors", params={"bot": "sma-btc"})).json()
        path = f"/api/v1/errors/{error['id']}"
        async with at.web.client(Scope.READ) as reader:
            assert (await reader.post(f"{path}/resolve")).status_code == 403
        answer = await client.post(f"{path}/resolve", json={"reason": "fixed"})
        assert answer.json()["state"] == "resolved"
        assert (await client.get("/api/v1/errors", params={"bot": "sma-btc"})).json() == []
        resolution = (await client.get(path)).json()["resolution"]
        assert (resolution["by"], resolution["reason"], resolution["seen_since"]) == ("operate", "fixed", 0)
        assert (await client.post(f"{path}/reopen")).json()["state"] == "new"
        assert [(one.action, one.subject, one.who, one.why) for one in at.audited] == [
            ("resolve", "sma-btc", "operate", "fixed"),
            ("reopen", "sma-btc", "operate", ""),
        ]
        assert [(one.id, one.resolution is not None) for one in at.told] == [
            (error["id"], True),
            (error["id"], False),
        ]
        assert at.audited[0].details == {"error": error["id"], "type": "main.BadAnswer"}


async def test_explaining_by_rules_and_by_a_model_where_it_is_asked(tmp_path: Path) -> None:
    """The rule base always answers; the model only where it was asked, and its trouble costs nothing else."""
    async with desk(tmp_path) as at, at.web.client(Scope.OPERATE) as client:
        (error,) = (await client.get("/api/v1/errors", params={"bot": "sma-btc"})).json()
        path = f"/api/v1/errors/{error['id']}/explain"
        plain = (await client.post(path)).json()
        assert plain["explanation"]["rule"] == "key-error-payload"
        assert (plain["model"], plain["model_available"], at.model.told) == (None, True, [])
        asked = (await client.post(path, json={"model": True})).json()
        assert asked["model"] == {"name": "small at desk", "text": "The answer has no price.", "problem": ""}
        assert "KeyError: 'price'" in at.model.told[0]
        assert "hello" in at.model.told[0]
        at.model.broken = True
        failed = (await client.post(path, json={"model": True})).json()
        assert failed["explanation"]["rule"] == "key-error-payload"
        assert "cannot be reached" in failed["model"]["problem"]


async def test_a_model_is_asked_by_operators_alone_and_the_audit_says_who(tmp_path: Path) -> None:
    """It is shown lines of the bot: a token that may only read gets the rules' word and sends nothing out."""
    async with desk(tmp_path) as at, at.web.client(Scope.READ) as reader:
        (error,) = (await reader.get("/api/v1/errors", params={"bot": "sma-btc"})).json()
        path = f"/api/v1/errors/{error['id']}/explain"
        refused = await reader.post(path, json={"model": True})
        assert (refused.status_code, refused.json()["reason"]) == (403, "ScopeNeeded")
        assert (await reader.post(path, json={"model": False})).json()["model"] is None
        assert (at.model.told, at.audited) == ([], [])
        at.model.broken = True
        async with at.web.client(Scope.OPERATE) as client:
            assert (await client.post(path, json={"model": True})).status_code == 200
        assert [(one.action, one.subject, one.who, one.why) for one in at.audited] == [
            ("explain", "sma-btc", "operate", "the language model small at desk was asked")
        ]
        assert at.audited[0].details == {"error": error["id"], "type": "main.BadAnswer"}


async def test_a_service_without_a_model_says_so(tmp_path: Path) -> None:
    """Asking for a model that was not given is refused with where to read on."""
    async with desk(tmp_path) as at, at.web.client(Scope.OPERATE) as client:
        assert at.web.services.errors is not None
        at.web.services.errors._model = None
        (error,) = (await client.get("/api/v1/errors", params={"bot": "sma-btc"})).json()
        answer = await client.post(f"/api/v1/errors/{error['id']}/explain", json={"model": True})
        assert answer.status_code == 400
        assert "docs/errors.md" in answer.json()["detail"]


async def test_a_process_that_keeps_no_errors_says_so(tmp_path: Path) -> None:
    """Where no errors are kept the routes say so."""
    async with running(tmp_path) as web, web.client(Scope.READ) as client:
        answer = await client.get("/api/v1/errors")
        assert answer.status_code == 400
        assert "keeps no errors" in answer.json()["detail"]


async def test_errors_in_the_terminal(tmp_path: Path) -> None:
    """A list, an explanation with source lines and what came before, and resolving."""
    async with desk(tmp_path) as at:
        token = tmp_path / "token"
        token.write_text(at.web.secrets[Scope.OPERATE])
        token.chmod(0o600)

        async def run(*words: str) -> tuple[int, str]:
            command = [
                sys.executable,
                "-m",
                "cli.main",
                *words,
                "--url",
                at.web.url,
                "--token-file",
                str(token),
            ]
            ended = await asyncio.to_thread(
                subprocess.run, command, cwd=TOP, capture_output=True, text=True, check=False
            )
            return ended.returncode, ended.stdout + ended.stderr

        code, listed = await run("errors", "sma-btc")
        assert code == 0
        assert "BadAnswer: cannot read" in listed
        assert "main.py:21" in listed
        _, as_json = await run("errors", "--output", "json")
        identity = json.loads(as_json)[1]["id"]
        code, said = await run("explain", "sma-btc")
        assert code == 0
        for words in ("likely cause:", "what to do:", "programs/noisy/main.py at aaaaaaa", "ann", "hello"):
            assert words in said
        assert "https://forge/x#L21" in said
        assert "the same in sma-eth" in said
        _, whole = await run("explain", identity, "--model", "--output", "json")
        assert json.loads(whole)["explanation"]["model"]["text"] == "The answer has no price."
        code, said = await run("resolve", identity, "--reason", "fixed")
        assert (code, "resolved" in said) == (0, True)
        code, said = await run("errors", "sma-btc")
        assert (code, said.strip()) == (0, "no errors of sma-btc")
        assert (await run("resolve", "nonsense"))[0] == 2
        assert (await run("explain", "nobody"))[0] == 1
