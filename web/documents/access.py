"""Tokens, who somebody is, and the audit."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class AuditDocument(Struct):
    """One entry of `GET /api/v1/audit`, newest first."""

    at: float
    who: str
    action: str
    subject: str
    why: str
    details: dict[str, Any]


class TokenDocument(Struct):
    """One token in `GET /api/v1/tokens`; `token`, the secret itself, only in the answer that made it."""

    id: str
    """What `DELETE /api/v1/tokens/{id}` takes; it takes the name as well."""
    name: str
    scope: str
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    """To about a minute; None where it never was."""
    token: str | UnsetType = UNSET


class TokenRequest(Struct):
    """The body of `POST /api/v1/tokens`."""

    name: str
    scope: str
    """read, operate, admin or ingest."""
    expires_in: float | None = None
    """Seconds; None for never."""


class SignInLink(Struct):
    """`POST /api/v1/sign-in-links`: an address that signs a browser in once, with the caller's rights."""

    url: str
    expires_at: float


class WhoAmI(Struct):
    """`GET /api/v1/whoami`: whose credential this is, and what it may do."""

    name: str
    scope: str
    session: bool
