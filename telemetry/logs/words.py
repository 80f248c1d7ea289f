"""The words of a search, and whether a text has them. Pure.

A text is split and folded as the index of the embedded store does it: words are letters, digits and `_`, case
and accents do not count. Each word of a search must begin a word of the text, in any order. A search without
any word (`€`, `->`) is found as it stands.
"""

import re
import unicodedata
from functools import lru_cache

MOST_WORDS = 20
"""Of a search; the rest is passed over."""
_WORD = re.compile(r"\w+")
_KNOWN = unicodedata.ucd_3_2_0.category


def fold(text: str) -> str:
    """Return a text without case and accents."""
    return text.lower() if text.isascii() else _folded(text)


@lru_cache(maxsize=1)
def _folded(text: str) -> str:
    """Fold a text once, though many searches look at it one after the other."""
    letters = unicodedata.normalize("NFD", text.lower())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


class Words:
    """What a person typed to search for."""

    __slots__ = ("_beginnings", "literal", "words")

    def __init__(self, text: str) -> None:
        self.words = tuple(dict.fromkeys(_WORD.findall(fold(text))))[:MOST_WORDS]
        self.literal = "" if self.words else text.strip()
        self._beginnings = [(word, re.compile(rf"(?<!\w){re.escape(word)}").search) for word in self.words]

    def __bool__(self) -> bool:
        """Whether anything is searched for."""
        return bool(self.words or self.literal)

    def said_in(self, text: str) -> bool:
        """Tell whether a text has every word."""
        if self.literal:
            return self.literal in text
        folded = fold(text)
        return all(word in folded and begins(folded) is not None for word, begins in self._beginnings)

    @property
    def plain(self) -> bool:
        """Whether every letter is one that any Unicode knows: else an index may split words elsewhere."""
        return not self.literal and all(map(_is_plain, self.words))


def _is_plain(word: str) -> bool:
    return word.isascii() or all(letter == "_" or _KNOWN(letter)[0] in "LN" for letter in word)
