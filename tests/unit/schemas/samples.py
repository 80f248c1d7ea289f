"""Sound documents that the tests start from, and short ways to read them."""

import json
from collections.abc import Mapping
from typing import Any

from schemas.bot import BotSpec, BotType, ProgramVersion
from schemas.errors import ManifestError
from schemas.fleet import FleetSettings
from schemas.instance import parse_instance
from schemas.parameters import ParameterSchema, compile_parameters
from schemas.resolve import resolve_bot

FILE = "bots/prod/sma-btc.yaml"

PROGRAM = """\
name: sma
version: 1.5.0
type: realtime
runtime: python3.11
entrypoints:
  bot: main.py
schema:
  bot: bot-schema.json
readme: README.md
"""

INSTANCE = """\
name: sma-btc
type: realtime/sma
version: 1.5.0
symbol: BTC-USDT
fast: 10
"""

SCHEDULED = """\
name: rebalance
type: scheduled/rebalancer
version: 2.0.0
schedule: "0 9 * * mon-fri"
timezone: Europe/Berlin
symbol: BTC-USDT
"""

SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "symbol": {"type": "string", "minLength": 1},
        "fast": {"type": "integer", "minimum": 1, "default": 5},
        "volatility": {"type": "number", "default": 0.02, "exclusiveMinimum": 0},
        "side": {"enum": ["long", "short"]},
        "stops": {
            "type": "object",
            "properties": {"loss": {"type": "number"}, "trail": {"type": "boolean", "default": False}},
            "required": ["loss"],
        },
    },
    "required": ["symbol"],
    "additionalProperties": False,
}

NO_SETTINGS = FleetSettings()

REALTIME_PROGRAM = ProgramVersion(
    name="sma",
    version="1.5.0",
    type=BotType.REALTIME,
    runtime="python3.11",
    entrypoint="main.py",
    query_entrypoint="",
    path="programs/sma",
    tree="a" * 40,
)
SCHEDULED_PROGRAM = ProgramVersion(
    name="rebalancer",
    version="2.0.0",
    type=BotType.SCHEDULED,
    runtime="python3.11",
    entrypoint="main.py",
    query_entrypoint="",
    path="programs/rebalancer",
    tree="b" * 40,
)


def compiled(schema: Mapping[str, Any]) -> ParameterSchema:
    parameters, errors = compile_parameters("programs/sma/bot-schema.json", json.dumps(schema).encode())
    assert errors == []
    assert parameters is not None
    return parameters


def schema_errors(schema: Any) -> list[ManifestError]:
    parameters, errors = compile_parameters("bot-schema.json", json.dumps(schema).encode())
    assert (parameters is None) == bool(errors)
    return errors


def read(
    text: str,
    schema: Mapping[str, Any] = SCHEMA,
    settings: FleetSettings = NO_SETTINGS,
    program: ProgramVersion | None = None,
    environment: str = "prod",
) -> tuple[BotSpec | None, list[ManifestError]]:
    """Read an instance as a revision does: the manifest first, then with its program, all errors together."""
    instance, errors = parse_instance(FILE, text.encode())
    if instance is None:
        return None, errors
    if program is None:
        program = REALTIME_PROGRAM if instance.type is BotType.REALTIME else SCHEDULED_PROGRAM
    spec, more = resolve_bot(instance, program, compiled(schema), settings, environment)
    return spec, errors + more


def bot(text: str = INSTANCE, **options: Any) -> BotSpec:
    spec, errors = read(text, **options)
    assert errors == []
    assert spec is not None
    return spec


def config(text: str = INSTANCE, **options: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(bot(text, **options).config_json)
    return loaded


def only(errors: list[ManifestError]) -> ManifestError:
    assert len(errors) == 1, [str(error) for error in errors]
    return errors[0]


def place(error: ManifestError) -> tuple[int, int, str]:
    return error.line, error.column, error.pointer
