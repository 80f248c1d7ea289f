"""YAML is read as YAML 1.2 means it, with places, and what would harm is refused in bounded time."""

import math

import pytest

from schemas.document import MOST_BYTES
from schemas.errors import ManifestError
from schemas.yaml_document import load_document
from tests.unit.schemas.samples import only, place


def value(text: str):
    document, errors = load_document("f.yaml", text.encode())
    assert errors == []
    assert document is not None
    return document.value


def errors_of(content: bytes | str) -> list[ManifestError]:
    return load_document("f.yaml", content.encode() if isinstance(content, str) else content)[1]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", "0b101"),
        ("1_000", "1_000"),
        ("-12", -12),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("0.05", 0.05),
        ("~", None),
        ("", None),
        ("null", None),
        ("'007'", "007"),
        ("1.5.0", "1.5.0"),
        ("NaN", "NaN"),
        ("=", "="),
        ("!!str 12", "12"),
        ("!!float 1", 1.0),
        ('"${NOMAD_JOB_NAME} {{ x }} ünï😀"', "${NOMAD_JOB_NAME} {{ x }} ünï😀"),
    ],
)
def test_plain_scalar_means_what_yaml_1_2_says(written, meant):
    """Words and dates stay text; only true, false, null and numbers are anything else."""
    assert value(f"key: {written}\n") == {"key": meant}
    assert type(value(f"key: {written}\n")["key"]) is type(meant)


def test_keys_are_text_as_written():
    """A key is never a boolean, a number or a date."""
    assert value("on: 1\n1: 2\ntrue: 3\n1.50: 4\n") == {"on": 1, "1": 2, "true": 3, "1.50": 4}


def test_aliases_are_followed():
    """An anchor's value stands wherever its alias does."""
    assert value("a: &x {n: 1}\nb: *x\n") == {"a": {"n": 1}, "b": {"n": 1}}


def test_every_value_has_its_place():
    """A pointer leads to line and column of the key and of the value, at any depth."""
    document, _ = load_document("f.yaml", b"a:\n  - x: 1\n    y: {z: 2}\n  - 3\n")
    assert document is not None
    error = document.error(("a", 0, "y", "z"), "wrong")
    assert place(error) == (3, 12, "/a/0/y/z")
    assert place(document.error(("a", 0, "y", "z"), "wrong", key=True)) == (3, 9, "/a/0/y/z")
    assert place(document.error(("a", 1), "wrong")) == (4, 5, "/a/1")
    assert error.excerpt == "    y: {z: 2}"


def test_place_of_something_absent_is_that_of_its_parent():
    """An error about a missing key stands at the mapping that lacks it."""
    document, _ = load_document("f.yaml", b"a: 1\nb:\n  c: 1\n")
    assert document is not None
    assert place(document.error(("b", "missing"), "wrong", key=True)) == (2, 1, "/b/missing")


def test_pointers_are_escaped():
    """Slashes and tildes in keys are written as RFC 6901 asks."""
    document, _ = load_document("f.yaml", b"a/b~c: 1\n")
    assert document is not None
    assert document.error(("a/b~c",), "wrong").pointer == "/a~1b~0c"


def test_duplicate_key_is_placed_at_the_second_one():
    """Which of two values counts is never guessed."""
    error = only(errors_of("fast: 1\nslow: 2\nfast: 3\n"))
    assert place(error) == (3, 1, "/fast")
    assert error.message == 'duplicate key "fast", first on line 1'


def test_all_errors_of_a_file_come_at_once():
    """A duplicate, an infinite number and a merge key are told together, top to bottom."""
    messages = [error.message for error in errors_of("a: .inf\nb: 007\na: 2\n<<: {c: 1}\n? [x]\n: 1\n")]
    assert len(messages) == 5
    assert "must be finite" in messages[0]
    assert "begins with a zero" in messages[1]
    assert "duplicate key" in messages[2]
    assert "merge keys" in messages[3]
    assert messages[4] == "a key must be text"


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a:\n\tb: 1\n", 2, 1, "a tab; indent with spaces"),
        ("a: 1\n---\nb: 2\n", 2, 1, "one file holds one document"),
        ("a: b: c\n", 1, 5, "a mapping cannot begin here"),
        ("a: *nowhere\n", 1, 4, "no anchor above it"),
        ("a: [1\nb: 2\n", 2, 2, "not closed, or a comma is missing"),
        ("a: 'x\n", 2, 1, "the quotation is not closed"),
        ("a: @x\n", 1, 4, '"@" begins no value'),
        ("a: 1\n b: 2\n", 2, 3, "a mapping cannot begin here"),
        ("a: \x01\n", 1, 4, "control character"),
        ("a: x\0\n", 1, 5, "NUL"),
        ("a: x\u2028y\n", 1, 5, "U+2028"),
    ],
)
def test_broken_yaml_says_where_and_what(text, line, column, words):
    """A file that cannot be parsed has one error at the place of the trouble."""
    document, errors = load_document("f.yaml", text.encode())
    assert document is None
    error = only(errors)
    assert (error.line, error.column) == (line, column)
    assert words in error.message


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!binary", "!!set", "!custom", "!<x:y>"])
def test_tags_beyond_plain_values_are_refused(tag):
    """A tag cannot make a document do or become anything."""
    error = only(errors_of(f"a: {tag} x\n"))
    assert place(error) == (1, 4, "/a")
    assert "only plain values are safe" in error.message


def test_tag_that_its_value_contradicts_is_refused():
    """A value tagged as a number must be one."""
    assert "is not what its tag !!int says" in only(errors_of("a: !!int x\n")).message


def test_aliases_that_explode_are_refused():
    """A billion laughs end with an error instead of with the memory."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert "aliases expand to more than 100,000 values" in only(errors_of("\n".join(lines))).message


def test_alias_inside_its_own_anchor_is_refused():
    """A document that contains itself ends with an error."""
    assert "contains itself" in only(errors_of("a: &x [*x]\n")).message


@pytest.mark.parametrize("left_out", ["<<: *x", "b: 1, b: *x", "!t b: *x"])
def test_alias_inside_its_own_anchor_is_refused_where_it_is_left_out(left_out):
    """Neither a merge key, a key given twice nor a key with a tag hides a document that contains itself."""
    assert "contains itself" in only(errors_of(f"a: &x {{{left_out}}}\n")).message


def test_aliases_that_explode_in_what_is_left_out_are_refused():
    """A billion laughs under keys that are not read ends with an error as well."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{new}: &{new} {{{','.join([f'<<: *{old}'] * 9)}}}"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert "aliases expand to more than 100,000 values" in only(errors_of("\n".join(lines))).message


def test_deep_nesting_is_refused():
    """Neither a thousand nor a million open brackets exhaust the stack."""
    for content in (b"[" * 1000 + b"]" * 1000, b"[" * MOST_BYTES, b"{a: " * 100_000, b"- " * 500_000):
        assert "nested more than 64 levels deep" in only(errors_of(content)).message


def test_too_many_values_are_refused():
    """A list of half a million elements is not a manifest."""
    assert "more than 100,000 values" in only(errors_of("[" + "1," * 400_000 + "]")).message


def test_large_file_is_refused_by_its_size():
    """10 MB are not parsed at all; the error says the size."""
    error = only(errors_of(b"a: " + b"x" * (10 * 1024 * 1024)))
    assert error.message == "the file is 10,240 KiB; at most 1,024 KiB are read"


def test_invalid_utf_8_is_placed():
    """A Latin-1 file is refused at the first byte that is not UTF-8."""
    error = only(errors_of("name: x\ncity: Z\u00fcrich\n".encode("latin-1")))
    assert (error.line, error.column, error.message) == (2, 8, "not valid UTF-8")


def test_byte_order_mark_is_skipped():
    """Editors that write one still write a sound document."""
    document, errors = load_document("f.yaml", b"\xef\xbb\xbfa: 1\n")
    assert errors == []
    assert document is not None
    assert document.value == {"a": 1}


def test_numbers_are_finite_and_bounded():
    """No infinity, no NaN, no number of thousands of digits gets in."""
    for written in (".inf", "-.INF", ".nan", "1e999", "9" * 5000):
        document, errors = load_document("f.yaml", f"a: {written}\n".encode())
        assert only(errors).pointer == "/a"
        assert document is not None
        assert document.value == {"a": None}
    assert math.isfinite(value("a: 1e308\n")["a"])


def test_long_keys_and_texts_keep_messages_short():
    """A key of a hundred thousand characters does not fill the terminal."""
    key = "k" * 900
    error = only(errors_of(f"{key}: 1\n{key}: 2\n"))
    assert len(error.message) < 120
    assert error.excerpt is not None
    assert len(error.excerpt) <= 240


def test_values_of_secrets_are_never_in_an_excerpt():
    """A mistake beside a secret shows the line without the secret's value, also when it is written twice."""
    text = "herdsman:\n  secrets: {API: hunter2, API: hunter3}\n  t: {password: hunter4, password: hunter5}\n"
    shown = " ".join(f"{error} {error.excerpt}" for error in errors_of(text))
    assert "duplicate key" in shown
    assert "hunter" not in shown


def test_broken_yaml_beside_secrets_shows_keys_only():
    """Where the structure is not known, a line that may hold a secret shows only its key."""
    error = only(errors_of("herdsman:\n  secrets:\n    API: 'hunter2\n    B: 1\n"))
    assert "hunter" not in f"{error} {error.excerpt}"
