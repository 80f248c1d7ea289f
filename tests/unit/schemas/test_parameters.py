"""A program's schema may come from anyone: it is checked before it is used, and its use is bounded."""

import json

import pytest

from schemas.parameters import MOST_SCHEMA_BYTES, compile_parameters
from tests.unit.schemas.samples import SCHEMA, compiled, only, place, schema_errors


def resolve(schema, values):
    """Return the resolved values and the messages of what is wrong."""
    resolved, found = compiled(schema).resolve(values, lambda _: False)
    return resolved, [violation.message for violation in found]


def properties(**named):
    return {"type": "object", "properties": named}


def test_defaults_are_applied_at_every_level():
    """Defaults fill objects that are there, inside lists and references too, and make up no object."""
    schema = {
        "definitions": {"leg": properties(size={"type": "number", "default": 1}, side={"default": "buy"})},
        **properties(
            fast={"default": 5},
            stops=properties(trail={"default": True}),
            made={"default": {}, **properties(deep={"default": [1]})},
            legs={"type": "array", "items": {"$ref": "#/definitions/leg"}},
            both={"allOf": [{"$ref": "#/definitions/leg"}, properties(extra={"default": None})]},
        ),
    }
    given = {"stops": {}, "legs": [{"size": 3}, {}], "both": {"size": 2}}
    resolved, wrong = resolve(schema, given)
    assert wrong == []
    assert resolved == {
        "fast": 5,
        "stops": {"trail": True},
        "made": {"deep": [1]},
        "legs": [{"size": 3, "side": "buy"}, {"size": 1, "side": "buy"}],
        "both": {"size": 2, "side": "buy", "extra": None},
    }
    assert given == {"stops": {}, "legs": [{"size": 3}, {}], "both": {"size": 2}}
    assert resolve({"properties": {"stops": properties(trail={"default": True})}}, {}) == ({}, [])


def test_unknown_parameter_is_an_error_without_additional_properties():
    """A schema that says nothing of other keys does not let a misspelled one pass, at any depth."""
    schema = properties(fast={}, stops=properties(loss={}), legs={"items": properties(size={})})
    _, found = compiled(schema).resolve(
        {"fsat": 1, "stops": {"los": 1}, "legs": [{"size": 1}, {"sise": 1}]}, lambda _: False
    )
    assert [(violation.path, violation.suggestion) for violation in found] == [
        (("fsat",), "fast"),
        (("stops", "los"), "loss"),
        (("legs", 1, "sise"), "size"),
    ]
    assert found[1].message == 'unknown parameter "los" in "stops"'


@pytest.mark.parametrize(
    "schema",
    [
        {**properties(fast={}), "additionalProperties": True},
        {**properties(fast={}), "additionalProperties": {"type": "integer"}},
        {**properties(fast={}), "patternProperties": {"^x_": {}}},
        {"allOf": [properties(fast={}), properties(x_1={})]},
        {"if": properties(fast={}), "then": properties(x_1={})},
        {"oneOf": [properties(x_1={}), {"required": ["nothing"]}], **properties(fast={})},
        {
            "definitions": {"x": properties(x_1={})},
            "allOf": [{"$ref": "#/definitions/x"}],
            **properties(fast={}),
        },
        {"dependencies": {"fast": properties(x_1={})}, **properties(fast={})},
    ],
)
def test_keys_that_a_schema_knows_in_other_ways_are_known(schema):
    """Patterns, alternatives, references and an open schema name parameters as well."""
    assert resolve(schema, {"fast": 1, "x_1": 2})[1] == []


def test_free_object_below_the_top_takes_any_key():
    """An object without properties of its own is a mapping of the user's choice."""
    assert resolve(properties(weights={"type": "object"}), {"weights": {"BTC": 0.5}})[1] == []


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer"}, "ten", '"x" must be a whole number, not the text "ten"'),
        ({"type": "integer"}, 1.5, '"x" must be a whole number, not 1.5'),
        ({"type": "string"}, 12, '"x" must be text, not 12; quote it'),
        ({"type": ["number", "null"]}, True, '"x" must be a number or empty, not true'),
        ({"type": "array"}, {}, '"x" must be a list, not a mapping'),
        ({"enum": ["long", "short"]}, "lnog", '"x" must be "long" or "short", not "lnog"'),
        ({"const": 1}, 2, '"x" must be 1, not 2'),
        ({"minimum": 1}, 0, '"x" must be at least 1, not 0'),
        ({"maximum": 1}, 2, '"x" must be at most 1, not 2'),
        ({"exclusiveMinimum": 1}, 1, '"x" must be more than 1, not 1'),
        ({"exclusiveMaximum": 1}, 1, '"x" must be less than 1, not 1'),
        ({"multipleOf": 0.1}, 0.35, '"x" must be a multiple of 0.1, not 0.35'),
        ({"minLength": 2}, "a", '"x" must have at least 2 characters, not "a"'),
        ({"maxLength": 1}, "ab", '"x" must have at most 1 character, not "ab"'),
        ({"pattern": "^[A-Z]+$"}, "btc", '"x" must match "^[A-Z]+$", not "btc"'),
        ({"minItems": 1}, [], '"x" must have at least 1 element'),
        ({"maxItems": 1}, [1, 2], '"x" must have at most 1 element'),
        ({"uniqueItems": True}, [{"a": 1}, {"a": 1.0}], '"x" names an element twice'),
        ({"minProperties": 1}, {}, '"x" must have at least 1 key'),
        ({"maxProperties": 0}, {"a": 1}, '"x" must have at most 0 keys'),
        ({"required": ["a"]}, {}, 'missing parameter "a" in "x"'),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"a": 1, "b": 2},
            'unknown parameter "b" in "x"',
        ),
        ({"items": {"type": "number"}}, [1, "b"], '"x[1]" must be a number, not the text "b"'),
        ({"items": [{}], "additionalItems": False}, [1, 2], '"x" has more elements than its schema allows'),
        ({"contains": {"const": 1}}, [2], '"x" has no element of the kind that its schema asks for'),
        ({"propertyNames": False}, {"a": 1}, 'the key "a" in "x" is not one that its schema allows'),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, 'the key "ab" in "x" must have at most 1 character'),
        ({"not": {"type": "number"}}, 1, '"x" is what its schema rules out'),
        (
            {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
            "a",
            '"x" must be a number or true or false, not the text "a"',
        ),
        ({"oneOf": [{"type": "number"}, {"minimum": 0}]}, 1, '"x" fits more than one of the forms'),
        (
            {"anyOf": [{"type": "object", "required": ["a"]}, {"type": "number"}]},
            {},
            'missing parameter "a" in "x"',
        ),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}, '"a" needs "b" beside it in "x"'),
        ({"if": {"type": "number"}, "then": {"minimum": 5}}, 1, '"x" must be at least 5, not 1'),
        (False, 1, '"x" is what its schema rules out'),
    ],
)
def test_violations_are_told_in_words(schema, value, message):
    """Each keyword of the draft has a sentence that a person can act on."""
    _, wrong = resolve(properties(x=schema), {"x": value})
    assert len(wrong) == 1
    assert wrong[0].startswith(message)


def test_multiples_are_exact_in_decimals():
    """0.3 is a multiple of 0.1 and 1e300 of 3 is decided, whatever binary fractions make of it."""
    assert resolve(properties(x={"multipleOf": 0.1}), {"x": 0.3})[1] == []
    assert resolve(properties(x={"multipleOf": 1e-300}), {"x": 10**90})[1] == []


def test_words_for_a_boolean_get_the_boolean_suggested():
    """YAML 1.1 habits are answered with what to write."""
    _, found = compiled(properties(x={"type": "boolean"}, n={"type": "number"})).resolve(
        {"x": "yes", "n": "1_000"}, lambda _: False
    )
    assert [violation.suggestion for violation in found] == ["true", "1000"]


@pytest.mark.parametrize(
    "reference",
    [
        "http://example.com/schema.json",
        "https://json-schema.org/draft-07/schema#",
        "file:///etc/passwd",
        "other.json",
        "#name",
    ],
)
def test_reference_out_of_the_document_is_refused(reference):
    """Nothing is ever fetched to read a schema."""
    error = only(schema_errors(properties(x={"$ref": reference})))
    assert error.pointer == "/properties/x/$ref"
    assert "leads out of this file" in error.message


@pytest.mark.parametrize(
    "reference", ["#/definitions/none", "#/properties/x/default", "#/type", "#/properties"]
)
def test_reference_to_no_schema_is_refused(reference):
    """A reference must lead to a schema of this document."""
    error = only(schema_errors(properties(x={"default": {"properties": 5}}, y={"$ref": reference})))
    assert "leads to no schema" in error.message


def test_property_named_ref_is_no_reference():
    """What only looks like a keyword is a name or a value."""
    schema = properties(**{"$ref": {"type": "string"}, "pattern": {"enum": [{"$ref": "http://x"}]}})
    assert schema_errors(schema) == []


@pytest.mark.parametrize("pattern", ["(?=a)b", "(a)\\1", "(", "(?<!x)y", "(a{1000}){1000}", "a" * 1001])
def test_pattern_that_could_explode_is_refused_by_name(pattern):
    """A pattern outside of RE2, or too large for it, is an error that quotes it."""
    error = only(schema_errors(properties(x={"type": "string", "pattern": pattern})))
    assert error.pointer == "/properties/x/pattern"
    assert error.message.startswith(f'the pattern "{pattern[:20]}'.replace("\\", "\\"))
    error = only(schema_errors({"patternProperties": {pattern: {}}}))
    assert "is not taken" in error.message


def test_patterns_that_explode_elsewhere_are_harmless():
    """The classic catastrophic pattern is answered at once."""
    _, wrong = resolve(
        properties(x={"pattern": "^(a+)+$"}, y={"pattern": "(x+x+)+y"}),
        {"x": "a" * 3900 + "b", "y": "x" * 4000},
    )
    assert len(wrong) == 2


def test_number_of_patterns_is_bounded():
    """All patterns of a schema stay compiled while it is used, so there are not too many."""
    patterns = {f"^a{number}$": {} for number in range(101)}
    assert "at most 100 are taken" in only(schema_errors({"patternProperties": patterns})).message


def test_thousands_of_unknown_keys_are_told_by_the_first():
    """A flood of mistakes costs as much as the fifty that are told."""
    schema = properties(**{f"key_name_{number}": {} for number in range(5000)})
    _, wrong = resolve(schema, {f"kye_nmae_{number}": 1 for number in range(5000)})
    assert len(wrong) == 50


def test_references_that_multiply_end_with_an_error():
    """A schema that doubles with every definition does not hang what reads it."""
    definitions = {f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n + 1}"}] * 2} for n in range(40)}
    schema = {
        "definitions": {**definitions, "d40": {"type": "object"}},
        "allOf": [{"$ref": "#/definitions/d0"}],
    }
    _, wrong = resolve({**schema, **properties(x={})}, {"x": 1})
    assert wrong == ["cannot be checked against its schema: that takes more than 2 s"]


def test_reference_to_itself_ends_with_an_error():
    """A schema that is only itself cannot check anything."""
    _, wrong = resolve({"allOf": [{"$ref": "#"}], **properties(x={})}, {"x": 1})
    assert wrong == ["cannot be checked against its schema: the schema refers to itself without end"]


def test_recursive_schema_is_used_as_deep_as_the_value():
    """A schema of trees checks a tree."""
    schema = properties(node={"$ref": "#/definitions/node"})
    schema["definitions"] = {
        "node": properties(size={"type": "number", "default": 1}, child={"$ref": "#/definitions/node"})
    }
    resolved, wrong = resolve(schema, {"node": {"child": {"child": {"size": 2}}}})
    assert wrong == []
    assert resolved == {"node": {"size": 1, "child": {"size": 1, "child": {"size": 2}}}}


def test_defaults_without_end_are_refused():
    """A default that brings itself along is found when the schema is read."""
    schema = {"definitions": {"n": properties(a={"allOf": [{"$ref": "#/definitions/n"}], "default": {}})}}
    schema |= properties(x={"allOf": [{"$ref": "#/definitions/n"}], "default": {}})
    assert "takes too long to check" in only(schema_errors(schema)).message


def test_large_uniqueness_is_checked_at_once():
    """Twenty thousand objects are compared by hash, not each with each."""
    items = [{"n": number} for number in range(20_000)]
    assert resolve(properties(x={"uniqueItems": True}), {"x": items})[1] == []
    assert schema_errors(properties(x={"enum": [[number] for number in range(20_000)]})) == []


def test_default_that_breaks_its_own_schema_is_refused():
    """A mistake in a default is the program's, not each instance's."""
    error = only(schema_errors(properties(fast={"type": "integer", "default": "ten"})))
    assert error.pointer == "/properties/fast/default"
    assert error.message.startswith("the default is not valid: ")


@pytest.mark.parametrize(
    ("schema", "pointer", "words"),
    [
        ({"$schema": "https://json-schema.org/draft/2020-12/schema"}, "/$schema", "draft-07"),
        ({"$schema": 7}, "/$schema", "draft-07"),
        ({"type": "array"}, "/type", "must be object"),
        ({"type": "objekt"}, "/type", "must be"),
        ({"properties": []}, "/properties", "must be a mapping"),
        ({"properties": {"x": {"minimum": "1"}}}, "/properties/x/minimum", "must be a number"),
        ({"properties": {"x": {"$id": "http://x"}}}, "/properties/x/$id", "at the top only"),
        ({"properties": {"herdsman": {}}}, "/properties/herdsman", "not a parameter"),
        ([], "", "must be a JSON object"),
        (True, "", "must be a JSON object"),
    ],
)
def test_schemas_that_are_none_are_refused(schema, pointer, words):
    """Another draft, another type or a broken schema is an error in the schema's own file."""
    error = only(schema_errors(schema))
    assert error.pointer == pointer
    assert words in error.message


def test_schema_is_bounded_in_size_and_depth():
    """A schema of megabytes, or of a hundred levels, is refused."""
    assert "at most 256 KiB" in only(schema_errors({"title": "x" * MOST_SCHEMA_BYTES})).message
    deep = {}
    for _ in range(100):
        deep = {"not": deep}
    assert "64 levels" in only(schema_errors(deep)).message


def test_errors_are_placed_in_the_schema_file():
    """Line and column are those of the JSON file."""
    content = json.dumps(properties(x={"pattern": "("}), indent=2).encode()
    error = only(compile_parameters("bot-schema.json", content)[1])
    assert place(error) == (5, 18, "/properties/x/pattern")


def test_own_address_of_a_schema_changes_nothing():
    """A schema with an `$id` finds its own definitions."""
    schema = {"$id": "https://example.com/sma.json", "definitions": {"n": {"type": "number"}}}
    schema |= properties(x={"$ref": "#/definitions/n"})
    assert resolve(schema, {"x": 1}) == ({"x": 1}, [])


def test_equal_bytes_are_equal_schemas():
    """The same file compiled twice is the same schema, another one is not."""
    assert compiled(SCHEMA) == compiled(SCHEMA)
    assert compiled(SCHEMA) != compiled({})
