"""Signing in as a GitHub App: its key signs a short statement, for which GitHub gives a token of an hour."""

import base64
import json
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from schemas.errors import SourceUnavailable, UsageError

REFRESH_BEFORE = 300.0
"""Seconds before its end in which a token is not used any more."""
_STATEMENT_LIVES = 540.0
_CLOCK_SLACK = 60.0
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class AppKeys:
    """A GitHub App as it was declared: its id, the installation's number, its private key (PEM, 0600)."""

    id: str
    installation: int
    key_file: Path

    def check(self) -> None:
        """Raise UsageError where the key cannot be used, or can be read by others."""
        try:
            status = self.key_file.stat()
            self.sign(b"a try")
        except OSError as error:
            raise UsageError(
                f"the GitHub App's key file {self.key_file} cannot be read: {error.strerror}"
            ) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{self.key_file} holds no RSA key without a passphrase (PEM)") from error
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise UsageError(f"{self.key_file} can be read by others: chmod 600 {self.key_file}")

    def sign(self, content: bytes) -> bytes:
        """Return a signature (RSA with SHA-256). Raises OSError, ValueError, TypeError."""
        # Loading it takes longer than all the rest of a start, and most have no GitHub App.
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        key = serialization.load_pem_private_key(self.key_file.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("no RSA key")
        return key.sign(content, padding.PKCS1v15(), hashes.SHA256())


class GitHubApp:
    """Gives out the token of one installation, and gets a new one in time; may be used in any thread."""

    def __init__(self, keys: AppKeys, api: str, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._api = api
        self._clock = clock
        self._token, self._until = "", 0.0
        self._lock = threading.Lock()

    def token(self) -> str:
        """Return a token that is good for some minutes at least; blocks. Raises SourceUnavailable."""
        with self._lock:
            if self._clock() > self._until - REFRESH_BEFORE:
                self._token, self._until = self._ask()
            return self._token

    def _ask(self) -> tuple[str, float]:
        url = f"{self._api}/app/installations/{self._keys.installation}/access_tokens"
        headers = {"Authorization": f"Bearer {self._statement()}", "Accept": "application/vnd.github+json"}
        try:
            answer = httpx.post(url, headers=headers, timeout=_TIMEOUT, follow_redirects=False)
        except httpx.HTTPError as error:
            raise SourceUnavailable(f"{self._api} does not answer: {type(error).__name__}") from error
        if answer.status_code != 201:
            hint = {
                401: "check the App's id, its key and this machine's clock",
                404: "check the installation's number",
            }.get(answer.status_code, "try again later")
            raise SourceUnavailable(f"{self._api} gave the App no token ({answer.status_code}): {hint}")
        try:
            found = answer.json()
            return str(found["token"]), datetime.fromisoformat(found["expires_at"]).timestamp()
        except (ValueError, KeyError, TypeError) as error:
            raise SourceUnavailable(f"{self._api} gave the GitHub App no token that can be read") from error

    def _statement(self) -> str:
        """Return a JSON Web Token (RS256) that says who we are."""
        now = self._clock()
        claims = {
            "iat": int(now - _CLOCK_SLACK),
            "exp": int(now + _STATEMENT_LIVES),
            "iss": self._keys.id,
        }
        parts = ({"alg": "RS256", "typ": "JWT"}, claims)
        said = ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        try:
            return f"{said}.{_encoded(self._keys.sign(said.encode()))}"
        except (OSError, ValueError, TypeError) as error:
            raise SourceUnavailable(
                f"the GitHub App's key file {self._keys.key_file} cannot be used: {error}"
            ) from error


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
