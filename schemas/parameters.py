"""A program's parameters: its `bot-schema.json`, a JSON Schema (draft-07) that may come from anyone.

So it is bounded: 256 KiB, references inside the document only, patterns that RE2 takes, and a fixed amount
of processor time for each use. `format` is an annotation, as the draft allows.
"""

import hashlib
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from jsonschema.protocols import Validator

from schemas.bounded_time import TooCostly, processor_time
from schemas.document import MOST_ERRORS, Document, Path
from schemas.errors import ManifestError
from schemas.explain import Conceals, Violation, named, unknown_key
from schemas.parameter_shape import Schema, completed, referred, subschemas, unknown_keys
from schemas.placed import document_errors, place_violations
from schemas.regular_expressions import MOST_PATTERNS, InvalidPattern, compiled
from schemas.validation import DRAFT7_ITSELF, MOST_SECONDS, draft7, violations
from schemas.words import quoted
from schemas.yaml_document import load_document

MOST_SCHEMA_BYTES = 256 * 1024
_DIALECTS = tuple(f"json-schema.org/draft-0{number}/schema" for number in (4, 6, 7))
_RESERVED = ("herdsman",)


@dataclass(frozen=True, slots=True)
class ParameterSchema:
    """A sound schema, ready to check parameters; equal where the bytes it came from are."""

    file: str
    digest: str
    schema: Schema = field(compare=False, repr=False)
    validator: Validator = field(compare=False, repr=False)

    @property
    def names(self) -> frozenset[str]:
        """The parameters that the schema names at its top."""
        return frozenset(self.schema.get("properties", {}))

    def resolve(self, values: dict[str, Any], conceals: Conceals) -> tuple[dict[str, Any], list[Violation]]:
        """Return the parameters with the schema's defaults, and what is wrong with them."""
        try:
            with processor_time(MOST_SECONDS):
                unknown = [
                    unknown_key(path, _unknown_message(path), known)
                    for path, known in islice(unknown_keys(self.schema, values), MOST_ERRORS)
                ]
                resolved = completed(self.schema, self.schema, values)
        except (TooCostly, RecursionError):
            return values, [Violation((), "cannot be completed: the schema's defaults have no end")]
        paths = {violation.path for violation in unknown}
        found = violations(self.validator, resolved, conceals, "parameter")
        return resolved, unknown + [violation for violation in found if violation.path not in paths]


def _unknown_message(path: Path) -> str:
    inside = f" in {named(path[:-1])}" if path[:-1] else ""
    return f"unknown parameter {quoted(str(path[-1]))}{inside}"


def compile_parameters(file: str, content: bytes) -> tuple[ParameterSchema | None, list[ManifestError]]:
    """Return the schema of a program's parameters, or everything that keeps it from being used."""
    document, errors = load_document(file, content, MOST_SCHEMA_BYTES)
    if document is None:
        return None, errors
    if not isinstance(document.value, dict):
        return None, [document.error((), "a schema must be a JSON object")]
    try:
        with processor_time(2 * MOST_SECONDS):
            errors += _schema_errors(document)
    except TooCostly:
        errors.append(document.error((), "the schema takes too long to check"))
    if errors:
        return None, document_errors(errors)[:MOST_ERRORS]
    # Without its own address, every reference is looked up in this document and nowhere else.
    schema = {key: value for key, value in document.value.items() if key != "$id"}
    return ParameterSchema(file, hashlib.sha256(content).hexdigest(), schema, draft7(schema)), []


def _schema_errors(document: Document) -> list[ManifestError]:
    schema = document.value
    dialect = schema.get("$schema", _DIALECTS[-1])
    if not (isinstance(dialect, str) and any(known in dialect for known in _DIALECTS)):
        message = "parameters are described in JSON Schema draft-07, not in another one"
        return [document.error(("$schema",), message)]
    found = place_violations(document, violations(DRAFT7_ITSELF, schema, document.conceals))
    if found:
        return found
    if schema.get("type", "object") != "object":
        return [document.error(("type",), "the parameters are an object: the type at the top must be object")]
    return _reserved_errors(document) or _content_errors(document) or _default_errors(document)


def _reserved_errors(document: Document) -> list[ManifestError]:
    return [
        document.error(("properties", name), f'"{name}" is a key of every bot, not a parameter', key=True)
        for name in _RESERVED
        if name in document.value.get("properties", {})
    ]


def _content_errors(document: Document) -> list[ManifestError]:
    """Return what is wrong with references and patterns, anywhere in the schema."""
    parts = list(subschemas(document.value))
    known = {id(part) for _, part in parts}
    patterns = {pattern for _, part in parts for pattern, _ in _patterns(part)}
    if len(patterns) > MOST_PATTERNS:
        message = f"the schema has {len(patterns)} patterns; at most {MOST_PATTERNS} are taken"
        return [document.error((), message)]
    return [error for path, part in parts for error in _part_errors(document, path, part, known)]


def _part_errors(document: Document, path: Path, part: Schema, known: set[int]) -> list[ManifestError]:
    errors = []
    reference = part.get("$ref")
    if isinstance(reference, str):
        if reference != "#" and not reference.startswith("#/"):
            message = f'the reference {quoted(reference)} leads out of this file; only "#/..." is followed'
            errors.append(document.error((*path, "$ref"), message))
        elif not isinstance(target := referred(document.value, reference), bool) and id(target) not in known:
            errors.append(
                document.error((*path, "$ref"), f"the reference {quoted(reference)} leads to no schema")
            )
    if path and "$id" in part:
        errors.append(document.error((*path, "$id"), '"$id" is taken at the top only', key=True))
    for pattern, place in _patterns(part):
        try:
            compiled(pattern)
        except InvalidPattern as error:
            message = f"the pattern {quoted(pattern)} is not taken (RE2, in linear time): {error}"
            errors.append(document.error((*path, *place), message, key=place[0] == "patternProperties"))
    return errors


def _patterns(part: Schema) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = [
        (pattern, ("patternProperties", pattern)) for pattern in part.get("patternProperties", {})
    ]
    if "pattern" in part:
        found.append((part["pattern"], ("pattern",)))
    return found


def _default_errors(document: Document) -> list[ManifestError]:
    """Check each default against its own schema, so that no instance inherits a mistake from it."""
    schema = {key: value for key, value in document.value.items() if key != "$id"}
    validator = draft7(schema)
    errors = []
    for path, part in subschemas(schema):
        if "default" in part:
            try:
                default = completed(schema, part, part["default"])
            except RecursionError:
                raise TooCostly from None
            found = violations(validator.evolve(schema=part), default, document.conceals)
            errors += [
                document.error((*path, "default", *each.path), f"the default is not valid: {each.message}")
                for each in found
            ]
    return errors
