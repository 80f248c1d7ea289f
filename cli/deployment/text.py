"""Manifests as text: values put in without touching comments and order. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from schemas.errors import UsageError

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def with_values(text: str, values: Mapping[str, Any], file: str) -> str:
    """Return a mapping's text with these top-level values: in YAML each in its line or added at the end.

    Raises UsageError where a value stands over several lines: that is for the person to edit.
    """
    if file.endswith(".json"):
        return json.dumps({**read(text), **values}, indent=2, ensure_ascii=False, default=str) + "\n"
    for key, value in values.items():
        line = f"{key}: {_on_one_line(value)}"
        # A comment behind the value stays; so does the value's own `#`, which has no space before it.
        found = re.compile(rf"^{re.escape(key)}[ ]*:[^\n]*?(?P<comment>[ ]+#[^\n]*)?$", re.MULTILINE)
        if match := found.search(text):
            text = f"{text[: match.start()]}{line}{match['comment'] or ''}{text[match.end() :]}"
        else:
            text = f"{text.rstrip()}\n{line}\n"
    if any(read(text).get(key) != value for key, value in values.items()):
        raise UsageError(f"{file} could not be changed by itself: set {', '.join(values)} in it by hand")
    return text


def _on_one_line(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").rstrip("\n")  # YAML ends a scalar that stands alone


def read(text: str) -> dict[str, Any]:
    """Return the mapping that a text holds; an empty one where it holds none."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def parse_parameters(given: tuple[str, ...]) -> dict[str, Any]:
    """Return what `--set KEY=VALUE` gave; values are YAML, so that 10 is a number. Raises UsageError."""
    found: dict[str, Any] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or not key.strip():
            raise UsageError(f'--set "{one}": write KEY=VALUE')
        try:
            found[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f'--set "{one}": the value is not YAML; quote it') from error
    return found


def next_version(version: str, before: str) -> str:
    """Return the version for changed content: its own where it is newer than before, else the next patch."""
    if not before or _parts(version) > _parts(before):
        return version
    major, minor, patch = _parts(before)
    return f"{major}.{minor}.{patch + 1}"


def _parts(version: str) -> tuple[int, int, int]:
    match = _VERSION.match(version)
    assert match is not None, "manifests were checked against the schema"
    return int(match[1]), int(match[2]), int(match[3])
