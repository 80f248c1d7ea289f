"""The shape of a program's JSON Schema: its subschemas, which keys it knows, and its defaults."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import unquote

from schemas.bounded_time import TooCostly, check_time
from schemas.document import DEEPEST, Path
from schemas.regular_expressions import matches

Schema = dict[str, Any]

_ONE = (
    "additionalItems",
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
)
_LIST = ("allOf", "anyOf", "oneOf", "items")
_BY_KEY = ("definitions", "$defs", "properties", "patternProperties", "dependencies")
_IN_PLACE_ONE = ("if", "then", "else")
_IN_PLACE_LIST = ("allOf", "anyOf", "oneOf")


def subschemas(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Yield every schema inside a schema, itself first, with its path."""
    if not isinstance(schema, dict):
        return
    check_time()
    yield path, schema
    for keyword in _ONE:
        yield from subschemas(schema.get(keyword), (*path, keyword))
    for keyword in _LIST:
        parts = schema.get(keyword)
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            yield from subschemas(part, (*path, keyword, index))
    for keyword in _BY_KEY:
        named = schema.get(keyword)
        for name, part in (named if isinstance(named, dict) else {}).items():
            yield from subschemas(part, (*path, keyword, name))


def referred(root: Schema, reference: str) -> Schema | bool | None:
    """Return what a reference such as `#/definitions/x` points at, None where that is nothing."""
    found: Any = root
    for part in unquote(reference.removeprefix("#")).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(found):
            found = found[int(key[:9])]
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict | bool) else None


def applying(root: Schema, schemas: list[Any], *, always: bool = False) -> list[Schema]:
    """Return the schemas with all that they apply to the same value, each once.

    By reference, `allOf`, and (unless only what applies `always` is asked for) by every alternative.
    """
    found: dict[int, Schema] = {}
    waiting = list(schemas)
    while waiting:
        check_time()
        schema = waiting.pop()
        if not isinstance(schema, dict) or id(schema) in found:
            continue
        found[id(schema)] = schema
        if isinstance(schema.get("$ref"), str):
            waiting.append(referred(root, schema["$ref"]))
            continue
        for keyword in ("allOf",) if always else _IN_PLACE_LIST:
            waiting += schema.get(keyword, ())
        if not always:
            waiting += [schema[keyword] for keyword in _IN_PLACE_ONE if keyword in schema]
            waiting += schema.get("dependencies", {}).values()
    return list(found.values())


def unknown_keys(root: Schema, value: Any) -> Iterator[tuple[Path, list[str]]]:
    """Yield the path of each key that the schema does not know, with the keys that it knows there.

    JSON Schema lets unknown keys pass unless it is told not to; here they are errors unless the schema says
    `additionalProperties`. Below the top, an object without any `properties` is free as well.
    """
    yield from _unknown(root, [root], value, ())


def _unknown(root: Schema, schemas: list[Any], value: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    if not isinstance(value, dict | list) or not schemas:
        return
    all_of_it = applying(root, schemas)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(root, _item_schemas(all_of_it, index), item, (*path, index))
        return
    known = {name for schema in all_of_it for name in schema.get("properties", {})}
    is_open = any(schema.get("additionalProperties", False) is not False for schema in all_of_it) or bool(
        path and not known
    )
    for key, item in value.items():
        below = _key_schemas(all_of_it, key)
        if not below and not is_open:
            yield (*path, key), sorted(known)
        yield from _unknown(root, below, item, (*path, key))


def _item_schemas(schemas: list[Schema], index: int) -> list[Any]:
    found = []
    for schema in schemas:
        items = schema.get("items")
        if isinstance(items, list):
            found += items[index : index + 1]
        elif isinstance(items, dict):
            found.append(items)
    return found


def _key_schemas(schemas: list[Schema], key: str) -> list[Any]:
    found = [schema["properties"][key] for schema in schemas if key in schema.get("properties", {})]
    for schema in schemas:
        found += [
            part for pattern, part in schema.get("patternProperties", {}).items() if matches(pattern, key)
        ]
    return found


def completed(root: Schema, schema: Any, value: Any, depth: int = 0) -> Any:
    """Return a value with the schema's defaults where it has no key of that name, at every level.

    An object that is missing is not made up from the defaults inside it. Raises TooCostly for defaults
    that contain themselves.
    """
    if not isinstance(value, dict | list):
        return value
    if depth > DEEPEST:
        raise TooCostly
    schemas = applying(root, [schema], always=True)
    if isinstance(value, list):
        done = list(value)
        for index in range(len(done)):
            for part in _item_schemas(schemas, index):
                done[index] = completed(root, part, done[index], depth + 1)
        return done
    filled = dict(value)
    for each in schemas:
        for name, part in each.get("properties", {}).items():
            if name not in filled and isinstance(part, dict) and "default" in part:
                filled[name] = deepcopy(part["default"])
            if name in filled:
                filled[name] = completed(root, part, filled[name], depth + 1)
    return filled
