"""A bot's manifest as far as it can be read without its program."""

from dataclasses import dataclass, field
from typing import Any

from schemas.bot import BotType
from schemas.catalog import schema, validator
from schemas.document import Document
from schemas.errors import ManifestError
from schemas.placed import document_errors, place_violations
from schemas.policy import REALTIME_ONLY, RESOURCE_KEYS, SCHEDULED_ONLY, check_policy, check_resources
from schemas.schedules import schedule_errors
from schemas.validation import violations
from schemas.yaml_document import load_document

RESERVED = frozenset(
    ("name", "type", "version", "mode", "enabled", "schedule", "timezone", "herdsman", *RESOURCE_KEYS)
)
"""The keys of an instance that are not parameters."""
CONFIG = "config"
"""The key of the nested form: its mapping holds the parameters."""

BLOCK_KEYS = frozenset(schema("bot")["$defs"]["herdsman"]["properties"])
"""The keys of the `herdsman:` block."""

_IDENTITY = ("name", "type", "version")


@dataclass(frozen=True, slots=True)
class InstanceManifest:
    """What an instance says of itself; `document` holds the rest, with its places.

    `sound` is False where errors were found: then it is only good for finding more of them.
    """

    name: str
    type: BotType
    program: str
    version: str
    enabled: bool
    path: str
    sound: bool
    document: Document = field(compare=False, repr=False)


def parse_instance(file: str, content: bytes) -> tuple[InstanceManifest | None, list[ManifestError]]:
    """Return an instance and everything that is wrong with it, its parameters aside.

    With errors the instance may still be returned (not `sound`), so that `resolve_bot` can find the rest of
    the file's errors; it is None where its name, type or version is not known.
    """
    document, errors = load_document(file, content)
    if document is None:
        return None, errors
    if not isinstance(document.value, dict):
        return None, errors or [document.error((), _no_mapping(document.value))]
    found = violations(validator("bot"), document.value, document.conceals)
    value = document.value
    if isinstance(value.get("type"), str) and value["type"].split("/")[0] == "event":
        found = [violation for violation in found if violation.path != ("type",)]
        errors.append(document.error(("type",), _event_message(value["type"])))
    errors += place_violations(document, found)
    errors += check_resources(document, (), value)
    unsound_block = any(violation.path[:1] == ("herdsman",) for violation in found)
    errors += [] if unsound_block else check_policy(document, ("herdsman",), value.get("herdsman"))
    known = not any(error.pointer in ("/name", "/type", "/version") for error in errors) and all(
        key in value for key in _IDENTITY
    )
    if not known:
        return None, document_errors(errors)
    errors += _type_errors(document)
    return _manifest(document, not errors), document_errors(errors)


def _no_mapping(value: Any) -> str:
    return (
        "the file is empty: a bot needs name, type and version"
        if value is None
        else "a bot must be a mapping"
    )


def _event_message(text: str) -> str:
    return (
        f'type "{text[:60]}" is not taken: the format allows event, but nothing ever runs such a bot; '
        "write realtime or scheduled"
    )


def _manifest(document: Document, sound: bool) -> InstanceManifest:
    value = document.value
    kind, _, program = value["type"].partition("/")
    enabled = value.get("enabled", True) is not False
    return InstanceManifest(
        value["name"], BotType(kind), program, value["version"], enabled, document.file, sound, document
    )


def _type_errors(document: Document) -> list[ManifestError]:
    """Return what does not go with the instance's type."""
    value = document.value
    block = value["herdsman"] if isinstance(value.get("herdsman"), dict) else {}
    if value["type"].startswith("realtime/"):
        errors = [_not_for(document, ("schedule",), "scheduled")] if "schedule" in value else []
        return errors + [
            _not_for(document, ("herdsman", key), "scheduled") for key in SCHEDULED_ONLY if key in block
        ]
    errors = [_not_for(document, ("herdsman", key), "realtime") for key in REALTIME_ONLY if key in block]
    if "schedule" not in value:
        errors.append(document.error((), 'missing key "schedule": a scheduled bot needs one', key=True))
    return errors + schedule_errors(document, (), value)


def _not_for(document: Document, path: tuple[str, ...], kind: str) -> ManifestError:
    return document.error(path, f'"{".".join(path)}" is for {kind} bots only', key=True)
