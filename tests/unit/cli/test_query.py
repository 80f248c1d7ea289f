"""What a query's command line means, and how its answer is printed."""

import pytest

from cli.query import given, shown
from schemas.errors import UsageError


def test_parameters_are_json_where_they_can_be() -> None:
    """A value that is JSON is taken as such, any other as the text that it is; pairs win over --params."""
    pairs = ("limit=5", "on=true", "symbol=BTC/USDT", "ids=[1, 2]", "note=a=b", "empty=")
    expected = {
        "limit": 5,
        "on": True,
        "symbol": "BTC/USDT",
        "ids": [1, 2],
        "note": "a=b",
        "empty": "",
        "x": 1,
    }
    assert given('{"x": 1, "limit": 9}', pairs) == expected


@pytest.mark.parametrize(("params", "pairs"), [("{", ()), ("[1]", ()), ("", ("limit",)), ("", ("=5",))])
def test_parameters_that_make_no_sense_are_refused(params: str, pairs: tuple[str, ...]) -> None:
    """What is no JSON object and no KEY=VALUE is said so."""
    with pytest.raises(UsageError):
        given(params, pairs)


def test_an_answer_is_printed_as_asked() -> None:
    """As JSON for people, as YAML, or exactly as the bot gave it."""
    answer = b'{"price":1.10,"name":"na\xc3\xafve"}'
    assert shown(answer, "raw") == '{"price":1.10,"name":"naïve"}'
    assert shown(answer, "json") == '{\n  "price": 1.1,\n  "name": "naïve"\n}'
    assert shown(answer, "yaml") == "price: 1.1\nname: naïve"
