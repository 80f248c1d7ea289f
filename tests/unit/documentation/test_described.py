"""What there is, is described: nothing is added without a sentence where its user looks."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from cli.main import COMMANDS, SUMMARIES
from controller.process import MISSED, SKIPPED
from controller.records import ChangeState, RevisionState
from controller.status import DriftKind, Health, OperationState, Reason, Sync
from docs.reference import commands, pages
from schemas.catalog import NAMES, schema_text
from schemas.reports import Outcome, ReportKind, WaitReason
from telemetry.metric_types import METRIC_TYPES, TYPE_ALIASES, MetricType
from tests.fakes.web import running
from tests.unit.documentation.pages import DOCS, first_cells, read
from tests.unit.documentation.product import (
    CONDITIONS,
    bot_variables,
    own_variables,
    problem_reasons,
)
from web.documents.bots import Bot, BotDetail


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_written_page_is_fresh(name: str) -> None:
    """Commands, keys, series and settings stand as the program has them now."""
    path = DOCS / name
    fresh = path.exists() and path.read_text() == pages()[name]
    assert fresh, f"docs/{name} is out of date: run `make docs` and commit it"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_described(reason: Reason) -> None:
    """Each reason of a status stands in docs/status.md with what it means and what to do."""
    row = re.search(rf"^\| `{reason.value}` \| (.+) \| (.+) \|$", read("status.md"), re.MULTILINE)
    assert row


@pytest.mark.parametrize("kind", list(DriftKind))
def test_every_drift_is_described(kind: DriftKind) -> None:
    """Each kind of drift stands in docs/status.md with what was done and what follows."""
    assert re.search(rf"^\| `{kind.value}` \| (.+) \| (.+) \|$", read("status.md"), re.MULTILINE)


@pytest.mark.parametrize("document", [Bot, BotDetail])
def test_every_field_of_a_status_is_described(document: type[Bot] | type[BotDetail]) -> None:
    """Each field that the API and `herdsman status --output json` give of a bot stands in docs/status.md."""
    text = read("status.md").partition("## Every field")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    named = {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}
    assert set(document.__struct_fields__) - named <= {"bot"}


def test_every_state_is_described() -> None:
    """Each word of sync, health, a condition, an outcome or a change stands in docs/status.md."""
    text = read("status.md")
    words = [
        *Sync,
        *Health,
        *OperationState,
        *CONDITIONS,
        *Outcome,
        SKIPPED,
        MISSED,
        *RevisionState,
        *ChangeState,
    ]
    assert [word for word in words if f"`{word}`" not in text] == []


def test_every_reason_of_a_problem_is_described() -> None:
    """Each reason that the API gives with an error stands in docs/api.md, and no other does."""
    errors = read("api.md").partition("\n| reason |")[2].partition("\n\n")[0]
    listed = {word for word in re.findall(r"`(\w+)`", errors) if word[0].isupper()}
    assert listed - {"Retry"} == problem_reasons()


def test_every_command_has_a_summary() -> None:
    """The list of commands and that of their summaries name the same."""
    assert set(COMMANDS) == set(SUMMARIES)


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_every_command_explains_itself(path: str, command: click.Command) -> None:
    """Each command has a help text, and each of its options too."""
    assert command.help, path
    # Before a paragraph that is to stay as it is, click wants the character backspace itself.
    assert "\\b" not in command.help
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


async def test_every_route_is_documented(tmp_path: Path) -> None:
    """Each route of the OpenAPI document stands in docs/api.md, and no other does."""
    document = await openapi(tmp_path)
    routes = {f"{verb.upper()} {path}" for path, verbs in document["paths"].items() for verb in verbs}
    listed = re.findall(r"`((?:GET|HEAD|POST|PUT|PATCH|DELETE) /[^` ?]*)`", read("api.md"))
    assert set(listed) == routes


async def test_every_parameter_of_a_route_is_documented(tmp_path: Path) -> None:
    """Each query parameter is named in docs/api.md, and each route says what it is for."""
    paths = (await openapi(tmp_path))["paths"]
    operations = [operation for verbs in paths.values() for operation in verbs.values()]
    wanted = {
        parameter["name"]
        for operation in operations
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
    assert wanted
    assert [name for name in wanted if not re.search(rf"\b{name}\b", read("api.md"))] == []
    assert [one["operationId"] for one in operations if not one.get("summary")] == []


async def test_every_event_of_the_stream_is_documented(tmp_path: Path) -> None:
    """Each event that the stream route speaks of stands in docs/api.md."""
    document = await openapi(tmp_path)
    said = document["paths"]["/api/v1/stream"]["get"]["description"].splitlines()[0]
    events = re.findall(r"`(\w+)`", said)
    assert events
    assert [name for name in events if f"| `{name}` |" not in read("api.md")] == []


@pytest.mark.parametrize("kind", sorted(METRIC_TYPES))
def test_every_event_type_is_documented(kind: str) -> None:
    """Each type stands in docs/events.md with all its fields and words, and with its other names."""
    row = re.search(rf"^\| `{kind}`.*$", read("events.md"), re.MULTILINE)
    assert row
    assert [word for word in words_of(kind, METRIC_TYPES[kind]) if f"`{word}`" not in row[0]] == []


def words_of(kind: str, rules: MetricType) -> Iterator[str]:
    """Yield everything that a line of this type may or must name."""
    yield from (*rules.texts, *rules.numbers, *rules.optional, *rules.aliases)
    yield from (name for name, own in TYPE_ALIASES.items() if own == kind)
    for words in rules.words.values():
        yield from words


def test_no_event_type_is_documented_that_is_not_known() -> None:
    """The tables of docs/events.md hold our types and the launcher's reports, and nothing else."""
    types = {*METRIC_TYPES, *TYPE_ALIASES}
    assert first_cells("events.md") == types | set(ReportKind)
    assert [reason for reason in WaitReason if f"`{reason}`" not in read("events.md")] == []


def test_every_variable_of_a_bot_is_documented() -> None:
    """Each variable in a bot's environment stands in docs/bots.md."""
    text = read("bots.md")
    assert [name for name in bot_variables() if f"`{name}`" not in text] == []


def test_every_variable_that_we_read_is_documented() -> None:
    """Each variable in our sources stands in docs/environment.md (a bot's own in docs/bots.md)."""
    listed = first_cells("environment.md") | bot_variables()
    assert [name for name in sorted(own_variables()) if name not in listed] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_a_schema_is_described(name: str) -> None:
    """Each key that can be written in a manifest has a description that editors show."""
    schema = json.loads(schema_text(name))
    assert [path for path, key in keys_of(schema, name) if not described(key, schema)] == []


async def openapi(folder: Path) -> Any:
    """Return the OpenAPI document of a service that runs."""
    async with running(folder) as web, httpx.AsyncClient(timeout=90) as client:
        return (await client.get(f"{web.url}/api/openapi.json")).json()


def keys_of(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property anywhere in a schema, with the path to it."""
    if isinstance(schema, list):
        for one in schema:
            yield from keys_of(one, path)
    elif isinstance(schema, dict):
        properties = schema.get("properties", {})
        for name, key in properties.items():
            yield f"{path}.{name}", key
        for name, inner in schema.items():
            if name not in ("const", "enum", "default", "examples"):
                yield from keys_of(inner, f"{path}.{name}")


def described(key: Any, schema: dict[str, Any]) -> bool:
    """Tell whether a property has a title or description, its own or that of the definition it refers to."""
    if not isinstance(key, dict):
        return True
    if key.get("description") or key.get("title"):
        return True
    target = key.get("$ref", "").removeprefix("#/$defs/")
    return bool(schema.get("$defs", {}).get(target, {}).get("description"))
