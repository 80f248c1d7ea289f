"""AES-256-GCM, as files of SOPS are sealed with.

The library is loaded with the first value: it takes 6 MB, and most fleets have no such file.
"""


class NotAuthentic(Exception):
    """What was sealed was changed, or was sealed with another key or for another place."""


def unseal(key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    """Return what was sealed together with `bound`; the last 16 bytes of `sealed` are its tag.

    Raises NotAuthentic, ValueError for a key or nonce of a wrong length.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, bound)
    except InvalidTag:
        raise NotAuthentic from None


def seal(key: bytes, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
    """Return a text sealed together with `bound`; the tag is its last 16 bytes."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).encrypt(nonce, plain, bound)
