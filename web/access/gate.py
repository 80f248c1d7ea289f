"""The checks that every request passes before any route sees it.

In this order: is the request meant for us (Host), does it come from our own pages (Origin), whose
credential does it carry. What a route then needs is in its `opt["access"]`, see `guard.py`.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from web.access.denied import AccessDenied
from web.access.hosts import host_allowed, refused_origin
from web.access.scopes import Principal
from web.access.sessions import Sessions
from web.access.sign_in import SignInCodes
from web.access.throttle import Throttle
from web.access.tokens import Tokens

GIT_USER = "herdsman"
_BAD_HOST = (
    'this service does not answer to the name "{host}"; open it by its own address, or start herdsman with '
    "--allowed-host {host} if that name is meant to reach it"
)


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that decides about credentials."""

    tokens: Tokens
    sessions: Sessions
    codes: SignInCodes
    throttle: Throttle
    clock: Callable[[], float]
    cookie: str
    """The session cookie's name; it holds the port, since cookies are shared between all ports of a host."""
    hosts: frozenset[str] = frozenset()
    any_address: bool = False
    """Also answer to every numeric address (where we listen on all of them): only names can be rebound."""

    def admit(self, method: str, headers: Mapping[str, str], address: str) -> Principal | None:
        """Return who makes a request, None where it carries no credential. Raises AccessDenied.

        `headers` holds lower-case names; `address` is the client's.
        """
        host = headers.get("host", "")
        if not host_allowed(host, self.hosts, any_address=self.any_address):
            raise AccessDenied(421, "WrongHost", _BAD_HOST.format(host=host))
        authorization = headers.get("authorization", "")
        cookie = "" if authorization else cookie_value(headers.get("cookie", ""), self.cookie)
        if why := refused_origin(method, headers, cookie=bool(cookie)):
            raise AccessDenied(403, "CrossSite", f"refused, because {why}", "use herdsman's own pages")
        if authorization:
            return self._bearer(authorization, address)
        return self.sessions.verify(cookie) if cookie else None

    def holds(self, principal: Principal) -> bool:
        """Say whether a principal seen earlier still has its rights (its token was not revoked since)."""
        return self.tokens.holder(principal.token, self.clock()) is not None

    def sign_in(self, secret: str, address: str) -> str:
        """Open a session for the holder of a token and return the cookie's value. Raises AccessDenied."""
        return self.sessions.open(self._known(secret, address).token)

    def redeem(self, code: str, address: str) -> str:
        """Open a session for the holder of a sign-in code. Raises AccessDenied."""
        token = self.codes.redeem(code)
        if token is None:
            self._count_failure(address)
            raise AccessDenied(
                401,
                "LinkUsed",
                "this sign-in link was used already, or is older than 10 minutes",
                "paste a token instead",
            )
        return self.sessions.open(token)

    def _bearer(self, authorization: str, address: str) -> Principal:
        secret = secret_of(authorization)
        if not secret:
            raise AccessDenied(
                401,
                "BadAuthorization",
                "the Authorization header is neither Bearer nor Basic of the user herdsman",
                "send Authorization: Bearer TOKEN",
            )
        return self._known(secret, address)

    def _known(self, secret: str, address: str) -> Principal:
        principal = self.tokens.verify(secret, self.clock())
        if principal is None:
            self._count_failure(address)
            raise AccessDenied(
                401, "UnknownToken", "herdsman does not know this token (any more)", "use another token"
            )
        return principal

    def _count_failure(self, address: str) -> None:
        if wait := self.throttle.failed(address):
            raise AccessDenied(
                429,
                "TooManyFailures",
                "too many wrong credentials came from this address",
                f"wait {wait:.0f} s, then use the right one",
                wait=wait,
            )


def secret_of(authorization: str) -> str:
    """Return the token in an Authorization header: Bearer, or Basic of the user herdsman; "" for else."""
    kind, _, value = authorization.partition(" ")
    value = value.strip()
    if kind.lower() == "bearer":
        return value
    if kind.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password if user == GIT_USER else ""


def cookie_value(header: str, name: str) -> str:
    """Return one cookie of a Cookie header, "" where it is not there.

    Read by hand: other services on this host share our cookie jar, and one odd value of theirs must not
    hide ours.
    """
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value
    return ""
