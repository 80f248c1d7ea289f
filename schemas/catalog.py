"""The JSON Schemas of a fleet's documents, as files of this package."""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jsonschema.protocols import Validator

from schemas.errors import NotFound
from schemas.validation import draft202012

NAMES = ("program", "bot", "fleet", "rules", "sources", "trust")
_OF = {name: f"urn:herdsman:schema:{name}#/$defs/" for name in ("bot", "rules")}


@lru_cache(maxsize=len(NAMES))
def schema_text(name: str) -> str:
    """Return a schema as JSON text that stands on its own; program is that of bot-config.yaml.

    Raises NotFound for another name.
    """
    if name not in NAMES:
        raise NotFound(f'there is no schema "{name}"; there are {", ".join(NAMES)}')
    text = files("schemas").joinpath("json", f"{name}.schema.json").read_text(encoding="utf-8")
    for other, place in _OF.items():
        if place in text:
            schema = json.loads(text.replace(place, "#/$defs/"))
            schema["$defs"] = {**json.loads(schema_text(other))["$defs"], **schema.get("$defs", {})}
            text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return text


@lru_cache(maxsize=len(NAMES))
def schema(name: str) -> dict[str, Any]:
    """Return a schema as data; to be read only."""
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


@lru_cache(maxsize=len(NAMES))
def validator(name: str) -> Validator:
    """Return the validator of a document; see `schemas.validation.violations`."""
    return draft202012(schema(name))
