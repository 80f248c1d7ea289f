"""Values in messages: quoted, short, and safe to print on a terminal."""

from typing import Any

_LONGEST = 60
_TYPE_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}


def quoted(text: str) -> str:
    """Return a text in quotation marks, cut to 60 characters, with unprintable characters as escapes."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f'"{printable(cut)}"'


def printable(text: str) -> str:
    """Return a text in which nothing can move a cursor or change a colour."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def shown(value: Any) -> str:
    """Return a value as a person would name it: text quoted, numbers plain, collections by their kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int | float):
        return str(value)[:_LONGEST]
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "empty"


def type_words(types: Any) -> str:
    """Return JSON Schema types in words: ["integer", "null"] -> `a whole number or empty`."""
    names = [types] if isinstance(types, str) else list(types)
    return alternatives([_TYPE_WORDS.get(str(name), str(name)) for name in names])


def alternatives(words: list[str]) -> str:
    """Return `a`, `a or b`, or `a, b or c`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
