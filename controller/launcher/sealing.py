"""A box for secrets that travel beside their key: closed by the service, opened by the launcher.

On Nomad a bot's values lie in a variable, closed, and the key is in the job: neither says anything by itself.
Only the standard library is at hand on a node, so the cipher is a keystream of SHAKE-256 over key and nonce
with a keyed BLAKE2b over nonce and text (encrypt, then authenticate); a nonce is never used twice.
"""

import binascii
import posix
from _blake2 import blake2b
from _sha3 import shake_256

from controller.launcher.text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NONCE, _TAG = 24, 32


class NotOurs(Exception):
    """A box that this key does not open: it was changed, or closed with another."""


def close(key: str, values: "dict[str, str]") -> str:
    """Return values in a box, as base64 text; `key` is 32 bytes as hexadecimal text."""
    nonce, raw = posix.urandom(_NONCE), binascii.unhexlify(key)
    text = _mixed(raw, nonce, encode(values).encode())
    return binascii.b2a_base64(nonce + text + _tag(raw, nonce, text), newline=False).decode()


def open_box(key: str, box: str) -> "dict[str, str]":
    """Return the values in a box. Raises NotOurs."""
    try:
        content, raw = binascii.a2b_base64(box), binascii.unhexlify(key)
    except ValueError as error:
        raise NotOurs("the box of its secrets is damaged") from error
    nonce, text, tag = content[:_NONCE], content[_NONCE:-_TAG], content[-_TAG:]
    if len(content) < _NONCE + _TAG or not _same(tag, _tag(raw, nonce, text)):
        raise NotOurs("the box of its secrets was changed, or is another's")
    values: Any = decode(_mixed(raw, nonce, text).decode())
    return values  # type: ignore[no-any-return]


def _mixed(key: bytes, nonce: bytes, text: bytes) -> bytes:
    """Return the exclusive or of a text and the keystream: closes and opens."""
    stream = shake_256(b"herdsman box" + key + nonce).digest(len(text))
    mixed = int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(text), "big")


def _tag(key: bytes, nonce: bytes, text: bytes) -> bytes:
    return blake2b(nonce + text, key=key, digest_size=_TAG, person=b"herdsman tag").digest()


def _same(one: bytes, other: bytes) -> bool:
    """Compare without telling by time where they differ."""
    difference = len(one) ^ len(other)
    for left, right in zip(one, other):  # noqa: B905 - lengths are compared
        difference |= left ^ right
    return difference == 0
