"""Taking out of an error's text what must not leave the machine: keys, signatures, addresses. Pure.

Rather a word too many is taken out than a secret too few. No pattern may try what it tried before: each
part is bounded, or ends where the next one begins.
"""

import ipaddress
import re
from itertools import pairwise

_MASK = "***"
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*")
_BEARER = re.compile(r"(?i)\bbearer [\w.~+/=-]+")
_WHOLE_LINE = re.compile(
    r"(?i)(?P<name>(?:authorization|cookie|passphrase|passw(?:or)?d|mnemonic|seed[ _-]?phrase)[\w-]{0,40}"
    r"[ \t]{0,8}:[ \t]{0,8})(?![\"'\\\s])[^\n]+"
)
"""A header, or a line of YAML: its value has no end but the line's."""
_NAMED = re.compile(
    r"(?i)(?P<name>(?:(?:api|private|access|listen)[_-]?key|secret|token|passw(?:or)?d|pwd|passphrase|signature|"
    r"(?<![a-z])sign(?![a-z])|authorization|cookie|credential|mnemonic|seed[ _-]?phrase)[\w-]{0,40}"
    r"\\{0,3}[\"']?\s{0,8}[:=]\s{0,8})"
    r"(?:[bru]{0,2}(?P<quote>[\"'])(?:\\.|(?!(?P=quote))[^\\\n])*(?P=quote)?"
    r"|\\{1,3}[\"'](?:(?!\\{1,3}[\"'])[^\n])*|[^\s&]+)"
)
"""A name with its value: in quotation marks, in escaped ones, or up to the next space."""
_URL = re.compile(
    r"(?P<scheme>\b\w{2,10}://)(?:[^\s'\"<>]{1,200}@)?(?P<rest>[^\s?#'\"<>]*)(?:[?#][^\s'\"<>]*)?"
)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}")
_LONG = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_SEGMENT = re.compile(r"[A-Za-z0-9+_-]{20,}={0,2}")
_RANDOM = 0.42
"""Of the neighbours in random Base64 two in three are of different kinds, in a path one in three."""
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_ADDRESS_6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{1,4})(?!\w|:[\w:])"
)
_HOME = re.compile(r"/(?:home|Users)/[^/\s]+")


def redacted(text: str) -> str:
    """Return a text without what looks like a secret, an address of a person or a machine, or a query."""
    text = _PEM.sub(_MASK, text)
    text = _JWT.sub(_MASK, text)
    text = _BEARER.sub(_MASK, text)
    text = _WHOLE_LINE.sub(rf"\g<name>{_MASK}", text)
    text = _NAMED.sub(rf"\g<name>{_MASK}", text)
    text = _URL.sub(lambda found: f"{found['scheme']}{found['rest']}", text)
    text = _MAIL.sub(_MASK, text)
    text = _LONG.sub(_long, text)
    text = _ADDRESS_6.sub(_address, text)
    text = _ADDRESS.sub(_MASK, text)
    return _HOME.sub("/home/" + _MASK, text)


def _long(found: re.Match[str]) -> str:
    """Return a long run of letters and digits masked; of a path only its parts that are as long."""
    run = found[0]
    if "/" in run and not _is_random(run):
        return _SEGMENT.sub(lambda part: _MASK if _is_mixed(part[0]) else part[0], run)
    return _MASK if _is_mixed(run) else run


def _is_mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def _is_random(text: str) -> bool:
    changes = sum(_kind(one) != _kind(other) for one, other in pairwise(text))
    return changes >= _RANDOM * len(text)


def _kind(letter: str) -> int:
    return 0 if letter.isdigit() else 1 if letter.islower() else 2 if letter.isupper() else 3


def _address(found: re.Match[str]) -> str:
    """Return an address of IPv6 masked, and what only has as many colons (a time) as it is."""
    try:
        ipaddress.IPv6Address(found[0])
    except ValueError:
        return found[0]
    return _MASK
