"""Documentation cannot rot: what there is, is described."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from cli.main import COMMANDS, SUMMARIES, herdsman
from cli.up import up
from controller.status import Reason
from schemas.catalog import schema_text
from telemetry.names import all_series
from tests.fakes.web import running

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_described(reason: Reason) -> None:
    """Each reason of a status stands in docs/status.md with what to do."""
    assert f"| `{reason.value}` |" in (DOCS / "status.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """Each command has a summary in the list, a help text, and a help for each option."""
    command = herdsman.get_command(click.Context(herdsman), name)
    assert command is not None
    assert SUMMARIES[name]
    assert command.help
    if isinstance(command, click.Group):
        return
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help or parameter.name == "scope", f"{name} {parameter.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    """Each command stands in docs/commands.md."""
    assert f"| `herdsman {name}` |" in (DOCS / "commands.md").read_text()


@pytest.mark.parametrize("option", [max(one.opts, key=len) for one in up.params])
def test_every_option_of_the_service_is_documented(option: str) -> None:
    """Each option of `herdsman up` stands in docs/commands.md."""
    assert f"| `{option}` |" in (DOCS / "commands.md").read_text()


def test_every_series_is_documented() -> None:
    """Each series stands in docs/series.md, and no other does."""
    listed = re.findall(r"^\| `(\w+)` \|", (DOCS / "series.md").read_text(), re.MULTILINE)
    assert set(listed) == set(all_series())


async def test_every_route_is_documented(tmp_path: Path) -> None:
    """Each route of the OpenAPI document stands in docs/api.md, and no other does."""
    async with running(tmp_path) as web, httpx.AsyncClient() as client:
        document = (await client.get(f"{web.url}/api/openapi.json")).json()
    routes = {f"{verb.upper()} {path}" for path, verbs in document["paths"].items() for verb in verbs}
    listed = re.findall(r"`((?:GET|HEAD|POST|DELETE) /[^` ?]*)`", (DOCS / "api.md").read_text())
    assert set(listed) - {"GET /api/v1/stream?topics=fleet,bot:sma-btc"} == routes


async def test_every_event_of_the_stream_is_documented(tmp_path: Path) -> None:
    """Each event that the stream route speaks of stands in docs/api.md."""
    async with running(tmp_path) as web, httpx.AsyncClient() as client:
        document = (await client.get(f"{web.url}/api/openapi.json")).json()
    said = document["paths"]["/api/v1/stream"]["get"]["description"].splitlines()[0]
    events = re.findall(r"`(\w+)`", said)
    assert events
    assert [name for name in events if f"| `{name}` |" not in (DOCS / "api.md").read_text()] == []


@pytest.mark.parametrize("name", ["program", "bot", "fleet"])
def test_every_key_of_a_schema_is_described(name: str) -> None:
    """Each key that can be written in a manifest has a description that editors show."""
    schema = json.loads(schema_text(name))
    assert [path for path, key in keys_of(schema, name) if not described(key, schema)] == []


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
