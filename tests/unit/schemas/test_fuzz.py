"""Whatever bytes come in, the answer is a document or placed errors, never a crash."""

import itertools
import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from schemas.cron import InvalidSchedule, check_cron, check_timezone, next_slot
from schemas.explain import named
from schemas.fleet import parse_fleet
from schemas.instance import parse_instance
from schemas.parameters import compile_parameters
from schemas.program import parse_program
from schemas.yaml_document import load_document
from tests.fuzz.answers import Hang, answer, check, limited
from tests.unit.schemas.samples import INSTANCE, PROGRAM, SCHEMA, compiled, read

bounded = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

SPICE = st.sampled_from(
    [
        *(
            "a",
            "b: ",
            "- ",
            "\n",
            "\n  ",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "?",
            "&x ",
            "*x",
            "!!str ",
            "!t ",
            "'",
            '"',
        ),
        *(
            "|\n ",
            "\t",
            "#",
            "%",
            "---\n",
            "...\n",
            "<<: ",
            "1e999",
            ".nan",
            "007",
            "\0",
            "\ufeff",
            "\u2028",
            "😀",
        ),
        *(
            "\x1b",
            "~",
            "name: x\n",
            "herdsman:\n",
            "secrets: ",
            "type: realtime/sma\n",
            "version: 1.0.0\n",
            "null",
        ),
        '"\\ud800"',
    ]
)
YAML_LIKE = st.lists(SPICE, max_size=40).map("".join)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["10s", "512Mi", "live", "realtime/sma", "* * * * *", "UTC", "1.5.0"])
)
INSTANCE_KEYS = """
    name type version mode schedule timezone enabled memory_limit cpu_request config herdsman restart lease
    ttl secrets labels timeout symbol fast stops loss entrypoints bot schema readme metadata environments
    folders defaults prune sync_windows duration runtime
"""
KEYS = st.text(max_size=10) | st.sampled_from(INSTANCE_KEYS.split())
DATA: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=15,
)
KEYWORDS = """
    type properties items default pattern patternProperties required $ref allOf anyOf oneOf not if then
    definitions additionalProperties dependencies enum const minimum multipleOf uniqueItems $id propertyNames
    contains x symbol
"""
SCHEMA_KEYS = st.sampled_from(KEYWORDS.split())
SCHEMA_DATA: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.sampled_from(["object", "string", "#", "#/definitions/x", "^(a+)+$", "(?=a)", "number"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCHEMA_KEYS, inner, max_size=4),
    max_leaves=12,
)


def check_all(content: bytes, file: str) -> None:
    """Read bytes as each kind of document."""
    for parse in (parse_program, parse_instance, parse_fleet, compile_parameters):
        result, errors = parse(file, content)
        assert result is not None or errors
        check(errors)


@bounded
@given(st.binary(max_size=300), st.sampled_from(["f.yaml", "f.json"]))
def test_random_bytes_are_answered(content, file):
    """Noise is an error, not a crash."""
    check_all(content, file)


@bounded
@given(YAML_LIKE)
@example("{a: &x [*x]}")
@example('"\\ud800": 1')
@example("? ? a")
def test_random_yaml_is_answered(text):
    """Every mixture of YAML's own characters is a document or an error."""
    check_all(text.encode(), "f.yaml")


@bounded
@given(YAML_LIKE)
def test_random_endings_of_a_sound_manifest_are_answered(text):
    """A sound manifest with noise behind it is read together with its program."""
    check(read(INSTANCE + text)[1])
    check(parse_program("f.yaml", (PROGRAM + text).encode())[1])


@bounded
@given(DATA)
def test_random_data_is_answered_as_every_document(data):
    """Known keys with values of every type never lead to anything but errors."""
    check_all(json.dumps(data).encode(), "f.json")
    check_all(yaml.safe_dump(data, allow_unicode=True).encode(), "f.yaml")


@bounded
@given(st.dictionaries(KEYS, DATA, max_size=6))
def test_random_instance_is_resolved_or_refused(data):
    """Beside a sound identity, anything is a bot whose config is JSON, or a list of errors."""
    data = {**data, "name": "sma-btc", "type": "realtime/sma", "version": "1.5.0"}
    spec, errors = read(json.dumps(data))
    check(errors)
    assert (spec is None) == bool(errors)
    if spec is not None:
        assert json.loads(spec.config_json)["name"] == "sma-btc"


@bounded
@given(
    st.dictionaries(SCHEMA_KEYS, SCHEMA_DATA, max_size=3),
    st.dictionaries(KEYS, SCHEMA_DATA, min_size=1),
    DATA,
)
def test_random_schema_is_compiled_or_refused(schema, properties, value):
    """A schema of every shape is refused with a reason, or checks any value."""
    schema = {**schema, "type": "object", "properties": properties}
    parameters, errors = compile_parameters("f.json", json.dumps(schema).encode())
    check(errors)
    if parameters is not None:
        values = value if isinstance(value, dict) else {"x": value}
        _, found = parameters.resolve(values, lambda _: False)
        assert all(violation.message and named(violation.path) for violation in found)


@bounded
@given(st.dictionaries(st.sampled_from(["symbol", "fast", "volatility", "side", "stops"]), DATA, max_size=5))
def test_verdict_is_that_of_jsonschema(values):
    """Where no default and no closed object plays a part, sound means sound to plain jsonschema too."""
    _, found = compiled(SCHEMA).resolve(values, lambda _: False)
    completed = {"fast": 5, "volatility": 0.02, **values}
    plain = list(Draft7Validator(SCHEMA).iter_errors(completed))
    unknown = [each for each in found if each.message.startswith("unknown")]
    assert bool(plain) == bool([each for each in found if each not in unknown])


@bounded
@given(st.text(max_size=30) | st.lists(st.sampled_from("*/-,0123456789 monjan7L#"), max_size=20).map("".join))
def test_random_cron_is_taken_or_refused(text):
    """An expression is refused with a reason, or has a next slot."""
    try:
        check_cron(text)
    except InvalidSchedule:
        with pytest.raises(InvalidSchedule, match="cron"):
            next_slot(text, "UTC", 0.0)
    else:
        assert next_slot(text, "Europe/Berlin", 1.7e9) > 1.7e9
    with pytest.raises(InvalidSchedule):
        check_timezone(text + "!")


@pytest.mark.parametrize("first", range(0, 3000, 500))
def test_made_up_manifests_are_answered(first):
    """A share of `make fuzz`: sound manifests that were changed, and traps, are read or refused."""
    answers = [answer(seed=5, number=number, most=20) for number in range(first, first + 500)]
    assert [one for one in answers if one.failure] == []
    assert 0 < sum(one.refused for one in answers) < len(answers)


def test_an_input_that_hangs_is_noticed():
    """What works for longer than it may is interrupted and named."""
    with pytest.raises(Hang), limited(0.01):
        sum(1 for _ in itertools.count())


@bounded
@given(DATA)
def test_what_is_written_is_what_is_read(data):
    """Plain data survives a trip through YAML and JSON unchanged, and every value has its place."""
    for file, text in (("f.json", json.dumps(data)), ("f.yaml", json.dumps(data, ensure_ascii=True))):
        if file == "f.yaml" and "\\u" in text:
            continue
        document, errors = load_document(file, text.encode())
        assert errors == []
        assert document is not None
        assert document.value == data
        for path in _paths(data):
            error = document.error(path, "x", key=bool(path) and isinstance(path[-1], str))
            if path and isinstance(path[-1], str):
                assert text.splitlines()[error.line - 1][error.column - 1 :].startswith('"')


def _paths(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path] + [found for key, value in below for found in _paths(value, (*path, key))]
