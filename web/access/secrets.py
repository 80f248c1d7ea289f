"""Random secrets and their digests.

All our secrets are 256 bits of randomness, so that a plain SHA-256 is a sound way to store them: there is
nothing to guess that a slow hash could make dearer.
"""

import hashlib
import secrets


def new_secret(prefix: str = "") -> str:
    """Return a fresh secret of 256 random bits as URL-safe text, after `prefix`."""
    return prefix + secrets.token_urlsafe(32)


def new_id() -> str:
    """Return a short random name for something that is no secret."""
    return secrets.token_hex(6)


def digest_of(secret: str) -> str:
    """Return the hex SHA-256 of a secret: what is stored and compared in its place."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two digests in a time that does not depend on where they differ."""
    return secrets.compare_digest(left.encode(), right.encode())
