"""JSON without the `json` package, which alone would cost every launcher a megabyte.

The standard library's own C scanner does the reading; where a Python has none, `json` itself does.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    from _json import encode_basestring_ascii, make_scanner
except ImportError:  # an interpreter without the accelerator
    make_scanner = None  # type: ignore[assignment,misc]


class _Decoding:
    """What the scanner asks of its context; the defaults of `json.JSONDecoder`."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: "dict[str, str]" = {}  # noqa: RUF012


def decode(text: str) -> "Any":
    """Return the value of a JSON text; ValueError where it is none."""
    text = text.strip()
    if make_scanner is None:
        return __import__("json").loads(text)
    try:
        value, end = make_scanner(_Decoding)(text, 0)  # type: ignore[arg-type]
    except (StopIteration, RecursionError, SystemError) as error:  # the last: without `json` it has no words
        raise ValueError("not a JSON text") from error
    if end != len(text):
        raise ValueError("something follows the JSON text")
    return value


def encode(value: "Any") -> str:
    """Return the JSON text of plain values; numbers that JSON does not know become null."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return "null"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quote(str(key))}:{encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(encode(item) for item in value) + "]"
    return _quote(str(value))


def _quote(text: str) -> str:
    if make_scanner is None:
        return str(__import__("json").dumps(text))
    return encode_basestring_ascii(text)
