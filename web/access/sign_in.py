"""One-time sign-in codes: what the link that `herdsman up` prints carries in place of a token."""

from collections.abc import Callable
from dataclasses import dataclass

from web.access.secrets import digest_of, new_secret

LIFETIME = 600.0
"""Seconds for which an unused code is good."""
_MOST = 100


@dataclass(frozen=True, slots=True)
class _Code:
    token: str
    expires_at: float


class SignInCodes:
    """Codes in memory, by digest: each opens one session, once, within ten minutes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._codes: dict[str, _Code] = {}

    def issue(self, token: str) -> str:
        """Return a new code that signs its user in with the rights of the token of this id."""
        now = self._clock()
        self._codes = {key: code for key, code in self._codes.items() if code.expires_at > now}
        while len(self._codes) >= _MOST:
            self._codes.pop(next(iter(self._codes)))
        code = new_secret()
        self._codes[digest_of(code)] = _Code(token, now + LIFETIME)
        return code

    def redeem(self, code: str) -> str | None:
        """Use a code up and return its token's id; None where it is unknown, used or too old."""
        found = self._codes.pop(digest_of(code), None)
        return found.token if found is not None and found.expires_at > self._clock() else None
