"""Whether a value looks like a credential by itself, whatever its key is called. Pure.

Errs on the safe side: what looks like one is not shown, and a person can read it in git.
"""

import math
import re
from collections import Counter

_KNOWN = re.compile(
    r"-----BEGIN|AGE-SECRET-KEY-|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}"
    r"|\bglpat-[\w-]{16,}|\bxox[abprs]-[\w-]{10,}|\b[rs]k_(?:live|test)_\w{10,}|\beyJ[\w-]{8,}\.[\w-]{8,}\."
    r"|\bherdsman_\w{16,}|\bhvs\.\w{16,}|://[^/\s:@]+:[^/\s@]+@"
)
_WORD = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{32,}")
_LEAST_BITS = 3.7
"""Shannon entropy of a character above which a long word is no word of a language."""


def looks_secret(text: str) -> bool:
    """Say whether a text holds something that looks like a key, token or password."""
    if _KNOWN.search(text):
        return True
    return any(_random(word) for word in _WORD.findall(text))


def _random(word: str) -> bool:
    if _HEX.fullmatch(word):
        return True
    kinds = sum(bool(re.search(kind, word)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return kinds == 3 and _bits(word) >= _LEAST_BITS


def _bits(word: str) -> float:
    counts = Counter(word)
    return -sum(count / len(word) * math.log2(count / len(word)) for count in counts.values())
