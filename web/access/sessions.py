"""Browser sessions: an opaque random id in a cookie, its digest here, the rights of the token behind it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from web.access.scopes import Principal
from web.access.secrets import digest_of, new_secret
from web.access.tokens import Tokens

LIFETIME = 7 * 86400.0
"""Seconds after which a browser has to sign in again."""
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser: the id of the token that let it in, and until when (Unix seconds)."""

    digest: str
    token: str
    expires_at: float


class Sessions:
    """The open sessions. A session never outlives its token, and has exactly the token's scope.

    With a `path` they survive a restart: the file (mode 0600) holds digests only, and is written when
    somebody signs in or out, never per request.
    """

    def __init__(self, tokens: Tokens, clock: Callable[[], float], path: Path | None = None) -> None:
        self._tokens = tokens
        self._clock = clock
        self._path = path
        self._open: dict[str, Session] = _read(path)

    def open(self, token: str) -> str:
        """Start a session for the holder of the token of this id and return the cookie's value."""
        now = self._clock()
        self._open = {key: one for key, one in self._open.items() if one.expires_at > now}
        while len(self._open) >= _MOST:
            self._open.pop(next(iter(self._open)))
        secret = new_secret()
        session = Session(digest_of(secret), token, now + LIFETIME)
        self._open[session.digest] = session
        self._save()
        return secret

    def verify(self, secret: str) -> Principal | None:
        """Return who is signed in with this cookie, or None where nobody is any more."""
        session = self._open.get(digest_of(secret))
        now = self._clock()
        if session is None or session.expires_at <= now:
            return None
        holder = self._tokens.holder(session.token, now)
        return None if holder is None else replace(holder, session=True)

    def close(self, secret: str) -> None:
        """Sign out; an unknown session is no error."""
        if self._open.pop(digest_of(secret), None) is not None:
            self._save()

    def _save(self) -> None:
        if self._path is None:
            return
        scratch = self._path.with_suffix(".new")
        scratch.touch(mode=0o600, exist_ok=True)
        scratch.write_text(json.dumps([asdict(session) for session in self._open.values()]), "utf-8")
        scratch.replace(self._path)


def _read(path: Path | None) -> dict[str, Session]:
    """Read the kept sessions; a file that cannot be read costs a new sign-in, not the start."""
    if path is None or not path.exists():
        return {}
    try:
        sessions = [Session(**entry) for entry in json.loads(path.read_text("utf-8"))]
    except (ValueError, TypeError, OSError):
        return {}
    return {session.digest: session for session in sessions}
