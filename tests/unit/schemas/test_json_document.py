"""JSON documents are read strictly, with places, in bounded time."""

import pytest

from schemas.yaml_document import load_document
from tests.unit.schemas.samples import only, place


def errors_of(text: str | bytes):
    return load_document("f.json", text.encode() if isinstance(text, str) else text)[1]


def test_json_is_read_as_json():
    """Tabs, escapes of surrogate pairs and exponents are JSON, whatever YAML says."""
    document, errors = load_document("f.json", b'{\n\t"a": [1, 2.5, true, null, "\\ud83d\\ude00"]\n}\n')
    assert errors == []
    assert document is not None
    assert document.value == {"a": [1, 2.5, True, None, "😀"]}


def test_every_value_has_its_place():
    """A pointer leads to line and column in JSON as in YAML."""
    document, _ = load_document("f.json", b'{\n  "a": [1, {"b c": "x"}],\n  "d": {}\n}\n')
    assert document is not None
    assert place(document.error(("a", 1, "b c"), "wrong")) == (2, 20, "/a/1/b c")
    assert place(document.error(("a", 1, "b c"), "wrong", key=True)) == (2, 13, "/a/1/b c")
    assert place(document.error(("d",), "wrong")) == (3, 8, "/d")


def test_duplicate_keys_are_refused_with_their_place():
    """The second of two equal keys is the error, in an inner object as well."""
    error = only(errors_of('{"a": {"x": 1,\n "x": 2}}'))
    assert place(error) == (2, 2, "/a/x")
    assert error.message == 'duplicate key "x", first on line 1'


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_are_none_are_refused(number):
    """Python's own NaN and Infinity are not JSON, and no number is endless."""
    assert place(only(errors_of(f'{{"a": {number}}}'))) == (1, 7, "/a")


def test_half_a_surrogate_pair_is_refused():
    """A text that no UTF-8 can carry never gets in, be it a value or a key."""
    assert "surrogate" in only(errors_of('{"a": "\\ud800"}')).message
    assert "surrogate" in only(errors_of('{"\\ud800": 1}')).message


@pytest.mark.parametrize("text", ["", "{", '{"a": [1,}', "[1] 2", "'a'", '{"a": "\t"}'])
def test_broken_json_has_one_placed_error(text):
    """What cannot be parsed says so, with line and column."""
    document, errors = load_document("f.json", text.encode())
    assert document is None
    assert only(errors).line == 1
    assert only(errors).message.startswith("not valid JSON: ")


def test_nesting_and_size_are_bounded():
    """Deep and wide documents are refused, not crashed on."""
    assert "64 levels" in only(errors_of("[" * 100_000)).message
    assert "64 levels" in only(errors_of("[" * 80 + "]" * 80)).message
    assert "100,000 values" in only(errors_of("[" + "1," * 200_000 + "1]")).message


def test_values_of_secrets_are_never_in_an_excerpt():
    """A mistake beside a secret shows the line without the secret's value."""
    error = only(errors_of('{"password": "hunter2", "x": 1, "x": 2, "password_again": "hunter3"}'))
    assert "hunter" not in f"{error} {error.excerpt}"
