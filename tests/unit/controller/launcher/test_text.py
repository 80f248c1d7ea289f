"""The launcher's JSON is everybody's JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.launcher.text import decode, encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_is_written_is_read_the_same(value: object) -> None:
    """Both directions agree with the standard library, for any plain value."""
    assert json.loads(encode(value)) == value
    assert decode(json.dumps(value)) == value


@pytest.mark.parametrize("text", ["", "{", "{} x", "nope", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Broken text is a ValueError, however it is broken."""
    with pytest.raises(ValueError, match=r".+"):
        decode(text)


def test_numbers_that_json_does_not_know_become_null() -> None:
    """A report is never made unreadable by a bot's result."""
    assert encode([float("nan"), float("inf"), -float("inf")]) == "[null,null,null]"
