"""Plain YAML scalars by the core schema of YAML 1.2."""

import math
import re
from typing import Any

from schemas.document import LONGEST_NUMBER
from schemas.words import quoted

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_LEADING_ZERO = re.compile(r"[-+]?0\d", re.ASCII)
_NOT_FINITE = frozenset(
    sign + word
    for word in (".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN")
    for sign in (("",) if word.lower() == ".nan" else ("", "+", "-"))
)
CORE_TAGS = frozenset(("", "str", "int", "float", "bool", "null"))
_NUMBER_START = frozenset("+-.0123456789")


class InvalidScalar(ValueError):
    """A scalar that cannot stand for a value; the text says why."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def scalar_value(text: str, kind: str = "") -> Any:
    """Return the value of a plain scalar; `kind` is its core tag's name where it had one, else "".

    Raises InvalidScalar.
    """
    if kind == "str":
        return text
    value = _plain(text)
    if kind == "float" and type(value) is int:
        return float(value)
    expected = {"int": int, "float": float, "bool": bool, "null": type(None)}
    if kind and type(value) is not expected[kind]:
        raise InvalidScalar(f"{quoted(text)} is not what its tag !!{kind} says")
    return value


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if text in _NOT_FINITE:
        raise InvalidScalar(f"a number must be finite, this is {text}")
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    return int(text, 0) if len(text) <= LONGEST_NUMBER and _BASED.fullmatch(text) else text


def _integer(text: str) -> int:
    _check_number(text)
    return int(text)


def _float(text: str) -> float:
    _check_number(text)
    number = float(text)
    if not math.isfinite(number):
        raise InvalidScalar(f"{quoted(text)} is too large a number")
    return number


def _check_number(text: str) -> None:
    if len(text) > LONGEST_NUMBER:
        raise InvalidScalar(f"a number of {len(text):,} characters; at most {LONGEST_NUMBER} are read")
    if _LEADING_ZERO.match(text):
        plain = text.lstrip("+-").lstrip("0") or "0"
        raise InvalidScalar(
            f'{quoted(text)} begins with a zero, which is read in two ways; write {plain} or "{text}"'
        )
