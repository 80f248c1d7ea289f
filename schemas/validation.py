"""JSON Schema validation in bounded time, over jsonschema.

Regular expressions go through RE2, uniqueness is found by hashing, multiples are exact in decimals (0.3 is
a multiple of 0.1), and the whole of one validation may use a fixed amount of processor time: a schema whose
references multiply ends with an error, not with a hang. Nothing is ever fetched.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import NoSuchResource, Unresolvable

from schemas.bounded_time import TooCostly, check_time, processor_time
from schemas.document import MOST_ERRORS, Path
from schemas.explain import Conceals, Violation, explain
from schemas.regular_expressions import InvalidPattern, matches

MOST_SECONDS = 2.0
"""Processor time that one validation may use."""

Keyword = Callable[[Any, Any, Any, Any], Any]


def violations(validator: Validator, value: Any, conceals: Conceals, noun: str = "key") -> list[Violation]:
    """Return what is wrong with a value, at most 50 things.

    `conceals` says whose value is never shown, `noun` what a key is called.
    """
    found: dict[tuple[Path, bool, str], Violation] = {}
    try:
        with processor_time(MOST_SECONDS):
            for error in islice(validator.iter_errors(value), MOST_ERRORS):
                for violation in islice(explain(error, conceals, noun), MOST_ERRORS):
                    found.setdefault((violation.path, violation.key, violation.message), violation)
    except (TooCostly, RecursionError, Unresolvable, InvalidPattern) as error:
        return [*found.values(), Violation((), f"cannot be checked against its schema: {_reason(error)}")]
    return list(found.values())[:MOST_ERRORS]


def _reason(error: Exception) -> str:
    if isinstance(error, TooCostly):
        return f"that takes more than {MOST_SECONDS:.0f} s"
    if isinstance(error, RecursionError):
        return "the schema refers to itself without end"
    return f"it has no {error.ref}" if isinstance(error, Unresolvable) else f"a pattern is not taken: {error}"


def _timed(keyword: Keyword) -> Keyword:
    def run(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        check_time()
        return keyword(validator, value, instance, schema)

    return run


def undeclared(instance: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return the keys that an object schema names neither by property nor by pattern."""
    properties = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    return [
        key
        for key in instance
        if key not in properties and not any(matches(pattern, key) for pattern in patterns)
    ]


def _properties(validator: Any, properties: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for key, subschema in properties.items():
            if key in instance:
                # jsonschema loses the path of what a bare `false` refuses.
                wanted = {"not": {}} if subschema is False else subschema
                yield from validator.descend(instance[key], wanted, path=key, schema_path=key)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError("pattern")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, subschema in patterns.items():
            for key, value in instance.items():
                if matches(pattern, key):
                    yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    extras = undeclared(instance, schema)
    if isinstance(allowed, dict):
        for extra in extras:
            yield from validator.descend(instance[extra], allowed, path=extra)
    elif allowed is False and extras:
        yield ValidationError("additionalProperties")


def _unique_items(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(instance, list) and len({_hashable(item) for item in instance}) != len(instance):
        yield ValidationError("uniqueItems")


def _hashable(value: Any) -> Any:
    """Return a value that is equal where JSON Schema says equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        return ("object", frozenset((key, _hashable(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(_hashable(item) for item in value))
    return (isinstance(value, bool), value)


def _multiple_of(_validator: Any, step: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    is_number = isinstance(instance, int | float) and not isinstance(instance, bool)
    if is_number and (Fraction(str(instance)) / Fraction(str(step))).denominator != 1:
        yield ValidationError("multipleOf")


_OURS: dict[str, Keyword] = {
    "properties": _properties,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of,
}


def _refuse(uri: str) -> Any:
    raise NoSuchResource(uri)


_NOTHING_REMOTE: Registry[Any] = Registry(retrieve=_refuse)  # type: ignore[call-arg]


def _bounded(base: Any) -> Any:
    keywords = {name: _timed(keyword) for name, keyword in {**base.VALIDATORS, **_OURS}.items()}
    return extend(base, keywords)  # type: ignore[no-untyped-call]


_Draft7 = _bounded(Draft7Validator)
_Draft202012 = _bounded(Draft202012Validator)


def draft7(schema: Any) -> Validator:
    """Return a validator of a program's schema, which must be known to be sound."""
    validator: Validator = _Draft7(schema, registry=_NOTHING_REMOTE)
    return validator


def draft202012(schema: Any) -> Validator:
    """Return a validator of one of our own schemas."""
    validator: Validator = _Draft202012(schema, registry=_NOTHING_REMOTE)
    return validator


DRAFT7_ITSELF: Validator = _Draft7(Draft7Validator.META_SCHEMA)
"""Checks that a schema is a sound draft-07 schema."""
