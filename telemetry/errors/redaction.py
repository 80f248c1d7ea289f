"""Taking out of an error's text what must not leave the machine: keys, signatures, addresses. Pure."""

import re

_MASK = "***"
_NAMED = re.compile(
    r"(?i)(?P<name>[\w-]*(?:api[_-]?key|secret|token|passw(?:or)?d|passphrase|signature|authorization|cookie|"
    r"private[_-]?key|access[_-]?key|credential)[\w-]*[\"']?\s*[:=]\s*)(?P<quote>[\"']?)(?:Bearer |Basic )?"
    r"[^\s\"',;&}\]]+"
)
_URL = re.compile(r"(?P<scheme>\b\w{2,10}://)(?:[^/\s@]{1,200}@)?(?P<rest>[^\s?#'\"<>]*)(?:[?#][^\s'\"<>]*)?")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{2,64}")
_LONG = re.compile(r"\b(?=[A-Za-z0-9+/_-]*\d)(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+_-]{20,}={0,2}")
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_HOME = re.compile(r"/(?:home|Users)/[^/\s]+")


def redacted(text: str) -> str:
    """Return a text without what looks like a secret, an address of a person or a machine, or a query."""
    text = _PEM.sub(_MASK, text)
    text = _JWT.sub(_MASK, text)
    text = _NAMED.sub(lambda found: f"{found['name']}{found['quote']}{_MASK}", text)
    text = _URL.sub(lambda found: f"{found['scheme']}{found['rest']}", text)
    text = _MAIL.sub(_MASK, text)
    text = _LONG.sub(_MASK, text)
    text = _ADDRESS.sub(_MASK, text)
    return _HOME.sub("/home/" + _MASK, text)
