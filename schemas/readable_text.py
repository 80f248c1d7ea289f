"""Bytes become text, or an error that says where they do not."""

import re

from schemas.document import cautious_excerpt
from schemas.errors import ManifestError

_ODD_BREAKS = re.compile("[\x85\u2028\u2029]")
"""Line breaks to YAML 1.1 and to nobody else."""


class Unreadable(Exception):
    """The text of a file cannot be read any further."""

    def __init__(self, error: ManifestError) -> None:
        super().__init__(error.message)
        self.error = error


def decoded(file: str, content: bytes, most_bytes: int) -> str:
    """Return the text of a file, which must be UTF-8. Raises Unreadable."""
    if len(content) > most_bytes:
        size = f"{len(content) / 1024:,.0f} KiB"
        raise Unreadable(
            ManifestError(file, 0, 0, "", f"the file is {size}; at most {most_bytes // 1024:,} KiB are read")
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        readable = content.decode("utf-8", errors="replace")
        raise unreadable_at_index(file, readable, len(before), "not valid UTF-8") from error
    for character, name in (("\0", "a NUL character"), ("\ufffe", "the character U+FFFE")):
        if character in text:
            raise unreadable_at_index(file, text, text.index(character), f"{name} cannot stand in a document")
    if odd := _ODD_BREAKS.search(text):
        code = f"U+{ord(odd[0]):04X}"
        raise unreadable_at_index(
            file, text, odd.start(), f"the line break {code} cannot stand in a document; escape it"
        )
    return text


def unreadable_at_index(file: str, text: str, index: int, message: str) -> Unreadable:
    """Return the error at an index of the text."""
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    line = before.count("\n") + 1
    return unreadable_at(file, text, line, len(before) - before.rfind("\n"), message)


def unreadable_at(file: str, text: str, line: int, column: int, message: str) -> Unreadable:
    """Return the error at a line and column, which count from 1."""
    return Unreadable(ManifestError(file, line, column, "", message, None, cautious_excerpt(text, line)))
