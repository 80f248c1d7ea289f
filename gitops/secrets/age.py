"""age: the identities that open the fleet's files, and the recipients for whom they are closed."""

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage

from schemas.errors import SecretUnavailable, UsageError

IDENTITY_VARIABLES = ("HERDSMAN_AGE_KEY", "SOPS_AGE_KEY")
"""Environment variables that may hold identities, one a line."""
IDENTITY_FILE_VARIABLES = ("HERDSMAN_AGE_KEY_FILE", "SOPS_AGE_KEY_FILE")
"""Environment variables that may name a file of identities."""

_OURS = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]+")
_SSH = "-----BEGIN OPENSSH PRIVATE KEY-----"  # pragma: allowlist secret
_NO_MATCH = "No matching keys found"


@dataclass(frozen=True, slots=True)
class Identities:
    """Private keys that are tried one after the other; several where keys are being exchanged."""

    keys: tuple[Any, ...] = field(default=(), repr=False)
    recipients: tuple[str, ...] = ()
    """The public half of each key that has one in age's own form."""

    def decrypt(self, content: bytes) -> bytes:
        """Return what an age file holds, armored or not. Raises SecretUnavailable."""
        if not self.keys:
            raise SecretUnavailable(
                "herdsman has no age identity to open it with",
                "start it with --age-identity-file FILE; docs/secrets.md",
            )
        try:
            return bytes(pyrage.decrypt(content, self.keys))
        except pyrage.DecryptError as error:
            if str(error) == _NO_MATCH:
                raise SecretUnavailable(
                    "it is encrypted for other recipients than this herdsman's age identity",
                    f"encrypt it for {' or '.join(self.recipients)} as well" if self.recipients else None,
                ) from None
            raise SecretUnavailable("it is no sound age file: it was changed or cut short") from None


def parse_identities(text: str, origin: str) -> Identities:
    """Return the identities of a text, one a line (`#` begins a comment), or of an ssh private key.

    `origin` names the text in errors. Raises UsageError; a key is never repeated.
    """
    if text.lstrip().startswith(_SSH):
        return _ssh(text, origin)
    keys, recipients = [], []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not _OURS.fullmatch(line):
            raise UsageError(f"{origin}, line {number}: no age identity (it begins with AGE-SECRET-KEY-1)")
        try:
            key = pyrage.x25519.Identity.from_str(line)
        except pyrage.IdentityError:
            raise UsageError(f"{origin}, line {number}: the age identity is damaged") from None
        keys.append(key)
        recipients.append(str(key.to_public()))
    if not keys:
        raise UsageError(f"{origin} holds no age identity; age-keygen makes one")
    return Identities(tuple(keys), tuple(recipients))


def _ssh(text: str, origin: str) -> Identities:
    try:
        return Identities((pyrage.ssh.Identity.from_buffer(text.encode()),))
    except pyrage.IdentityError:
        raise UsageError(
            f"{origin}: this ssh key cannot be used; it needs to be one without a passphrase"
        ) from None


def read_identity_file(path: Path) -> Identities:
    """Return the identities of a file that only its owner may read. Raises UsageError."""
    try:
        status = path.stat()
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the age identity file {path} cannot be read: {_words(error)}") from None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"the age identity file {path} is no plain file")
    if status.st_mode & 0o077:
        raise UsageError(f"the age identity file {path} can be read by others: chmod 600 {path}")
    return parse_identities(text, str(path))


def find_identities(files: Sequence[Path], environment: dict[str, str] | None = None) -> Identities:
    """Return the identities of the files and of the environment together; none is fine. Raises UsageError."""
    own = dict(os.environ if environment is None else environment)
    named = [Path(own[name]) for name in IDENTITY_FILE_VARIABLES if own.get(name)]
    found = [read_identity_file(path) for path in dict.fromkeys([*files, *named])]
    found += [parse_identities(own[name], name) for name in IDENTITY_VARIABLES if own.get(name)]
    return Identities(
        tuple(key for one in found for key in one.keys),
        tuple(dict.fromkeys(recipient for one in found for recipient in one.recipients)),
    )


def encrypt(content: bytes, recipients: Iterable[str], *, armored: bool = True) -> bytes:
    """Return a text for these recipients (`age1...` or ssh public keys). Raises UsageError."""
    return bytes(pyrage.encrypt(content, [_recipient(one) for one in recipients], armored=armored))


def _recipient(text: str) -> Any:
    try:
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise UsageError(f'"{text[:80]}" is no age recipient: it begins with age1') from None


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
