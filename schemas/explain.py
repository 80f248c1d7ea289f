"""Turns what jsonschema finds into a person's words: what is wrong, where, and what was likely meant."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import ValidationError

from schemas.document import Path
from schemas.regular_expressions import matches
from schemas.suggestions import nearest
from schemas.words import alternatives, quoted, shown, type_words

Conceals = Callable[[Path], bool]
_MOST_CHOICES = 12
_BOOLEAN_WORDS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_NUMBER_WITH_BREAKS = re.compile(r"[-+]?\d[\d_, ]*(\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong at a path; `key` places it at the key instead of the value."""

    path: Path
    message: str
    suggestion: str | None = None
    key: bool = False


def named(path: Path) -> str:
    """Return a path as people write it, quoted: ("risk", "levels", 0) -> `"risk.levels[0]"`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return quoted(text.removeprefix(".")) if path else "the document"


def explain(error: ValidationError, conceals: Conceals, noun: str) -> Iterable[Violation]:
    """Return one error of jsonschema as violations (one for each key, where it is about several).

    Lazily: a thousand unknown keys cost only as many suggestions as are taken.
    """
    path = tuple(error.absolute_path)
    keyword = str(error.validator)
    if keyword == "required":
        instance, names = _parts(error)
        missing = [name for name in names if name not in instance]
        return [
            Violation(path, f"missing {noun} {quoted(name)}{_inside(path)}", key=True) for name in missing
        ]
    if keyword == "additionalProperties":
        return _unknown_keys(error, path, noun)
    if keyword == "dependencies":
        return _missing_companions(error, path)
    if "propertyNames" in error.absolute_schema_path and isinstance(error.instance, str):
        return [_bad_key(error, path)]
    if keyword in ("anyOf", "oneOf") and error.context:
        return _nearest_form(error, path, conceals, noun)
    return [_violation(error, path, conceals)]


def unknown_key(path: Path, message: str, candidates: Any) -> Violation:
    """Return the violation of a key that does not exist; `path` ends with it."""
    return Violation(path, message, nearest(str(path[-1]), candidates), key=True)


def _inside(path: Path) -> str:
    return f" in {named(path)}" if path else ""


def _parts(error: ValidationError) -> tuple[Any, Any]:
    """Return the instance and the keyword's value, which are always set on what a validator yields."""
    return error.instance, error.validator_value


def _unknown_keys(error: ValidationError, path: Path, noun: str) -> Iterator[Violation]:
    schema: Any = error.schema
    instance, _ = _parts(error)
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key in instance:
        if key not in properties and not any(matches(pattern, key) for pattern in patterns):
            message = f"unknown {noun} {quoted(key)}{_inside(path)}"
            yield unknown_key((*path, key), message, properties)


def _bad_key(error: ValidationError, path: Path) -> Violation:
    schema: Any = error.schema if isinstance(error.schema, dict) else {}  # a schema may be just `false`
    key, limit = _parts(error)
    sentence = _SENTENCES.get(str(error.validator), lambda _: "is not one that its schema allows")
    expected = f"must be {schema['x-expects']}" if "x-expects" in schema else sentence(limit)
    return Violation((*path, key), f"the key {quoted(key)}{_inside(path)} {expected}", key=True)


def _missing_companions(error: ValidationError, path: Path) -> list[Violation]:
    instance, dependencies = _parts(error)
    return [
        Violation(path, f"{quoted(key)} needs {quoted(name)} beside it{_inside(path)}", key=True)
        for key, names in dependencies.items()
        if key in instance and isinstance(names, list)
        for name in names
        if name not in instance
    ]


def _nearest_form(error: ValidationError, path: Path, conceals: Conceals, noun: str) -> Iterable[Violation]:
    """Explain why none of several allowed forms fits: by their types, or by the form that fits best."""
    branches: dict[Any, list[ValidationError]] = {}
    for part in error.context or ():
        branches.setdefault(part.relative_schema_path[0], []).append(part)
    at_root = [part for part in error.context or () if not part.relative_path]
    if len(at_root) == len(error.context or ()) and all(part.validator == "type" for part in at_root):
        types: list[Any] = [part.validator_value for part in at_root]
        names = [name for each in types for name in ([each] if isinstance(each, str) else each)]
        return [_wrong_type(path, list(dict.fromkeys(names)), error.instance, conceals(path))]
    best = min(branches.values(), key=lambda parts: (any(not p.relative_path for p in parts), len(parts)))
    return explain(best[0], conceals, noun)


def _violation(error: ValidationError, path: Path, conceals: Conceals) -> Violation:
    schema: Any = error.schema
    concealed = conceals(path)
    limit, instance, keyword = error.validator_value, error.instance, str(error.validator)
    if isinstance(schema, dict) and "x-expects" in schema:
        value = "" if concealed or isinstance(instance, dict | list) else f", not {shown(instance)}"
        return Violation(path, f"{named(path)} must be {schema['x-expects']}{value}")
    if keyword == "type":
        return _wrong_type(path, limit, instance, concealed)
    if keyword == "enum":
        return _not_a_choice(path, limit, instance, concealed)
    if keyword in _SENTENCES:
        sentence = _SENTENCES[keyword](limit)
        value = "" if concealed or isinstance(instance, dict | list) else f", not {shown(instance)}"
        return Violation(path, f"{named(path)} {sentence}{value}")
    return Violation(path, f"{named(path)} {_OTHERS.get(keyword, 'is not allowed here')}", key=not path)


def _wrong_type(path: Path, types: Any, instance: Any, concealed: bool) -> Violation:
    names = [types] if isinstance(types, str) else list(types)
    actual = shown(instance)
    if isinstance(instance, str):
        actual = "text" if concealed else f"the text {actual}"
    elif concealed:
        actual = "this"
    advice = "; quote it" if "string" in names and isinstance(instance, int | float) else ""
    message = f"{named(path)} must be {type_words(names)}, not {actual}{advice}"
    return Violation(path, message, None if concealed else _meant(names, instance))


def _meant(types: list[str], instance: Any) -> str | None:
    if not isinstance(instance, str) or len(instance) > 40:
        return None
    if "boolean" in types:
        return _BOOLEAN_WORDS.get(instance.lower())
    if ("integer" in types or "number" in types) and _NUMBER_WITH_BREAKS.fullmatch(instance):
        return re.sub(r"[_, ]", "", instance)
    return None


def _not_a_choice(path: Path, choices: Any, instance: Any, concealed: bool) -> Violation:
    words = [shown(choice) for choice in choices[:_MOST_CHOICES]]
    if any(isinstance(choice, dict | list) for choice in choices[:_MOST_CHOICES]):
        words = [f"one of the {len(choices)} values that its schema lists"]
    elif len(choices) > _MOST_CHOICES:
        words.append(f"one of {len(choices) - _MOST_CHOICES} others")
    value = "" if concealed else f", not {shown(instance)}"
    texts = [choice for choice in choices if isinstance(choice, str)]
    suggestion = nearest(instance, texts) if isinstance(instance, str) and not concealed else None
    return Violation(path, f"{named(path)} must be {alternatives(words)}{value}", suggestion)


def _count(limit: Any, one: str, many: str) -> str:
    return f"{shown(limit)} {one if limit == 1 else many}"


_SENTENCES: dict[str, Callable[[Any], str]] = {
    "const": lambda limit: f"must be {shown(limit)}",
    "pattern": lambda limit: f"must match {quoted(limit)}",
    "minimum": lambda limit: f"must be at least {shown(limit)}",
    "maximum": lambda limit: f"must be at most {shown(limit)}",
    "exclusiveMinimum": lambda limit: f"must be more than {shown(limit)}",
    "exclusiveMaximum": lambda limit: f"must be less than {shown(limit)}",
    "multipleOf": lambda limit: f"must be a multiple of {shown(limit)}",
    "minLength": lambda limit: f"must have at least {_count(limit, 'character', 'characters')}",
    "maxLength": lambda limit: f"must have at most {_count(limit, 'character', 'characters')}",
    "minItems": lambda limit: f"must have at least {_count(limit, 'element', 'elements')}",
    "maxItems": lambda limit: f"must have at most {_count(limit, 'element', 'elements')}",
    "minProperties": lambda limit: f"must have at least {_count(limit, 'key', 'keys')}",
    "maxProperties": lambda limit: f"must have at most {_count(limit, 'key', 'keys')}",
}
_OTHERS = {
    "uniqueItems": "names an element twice",
    "oneOf": "fits more than one of the forms that its schema allows; it must fit one",
    "anyOf": "fits none of the forms that its schema allows",
    "not": "is what its schema rules out",
    "contains": "has no element of the kind that its schema asks for",
    "additionalItems": "has more elements than its schema allows",
    "items": "has more elements than its schema allows",
    "propertyNames": "has a key that its schema does not allow",
}
