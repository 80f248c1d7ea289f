"""What a credential may do: read < operate < admin, and ingest apart from all three."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a token or session is allowed."""

    READ = "read"
    """See everything, change nothing."""
    OPERATE = "operate"
    """Also push, sync, restart, suspend, resume and kill."""
    ADMIN = "admin"
    """Also make and revoke tokens."""
    INGEST = "ingest"
    """Deliver telemetry, and nothing else: the token of a node's agent."""


_RANK = {Scope.READ: 1, Scope.OPERATE: 2, Scope.ADMIN: 3}


def allows(granted: Scope, wanted: Scope) -> bool:
    """Say whether a credential of scope `granted` may do what needs `wanted`."""
    if Scope.INGEST in (granted, wanted):
        return granted is wanted
    return _RANK[granted] >= _RANK[wanted]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request: the token that acts (also behind a session), and what it may do."""

    name: str
    scope: Scope
    token: str
    session: bool = False
    """True where the browser's cookie said so: then the request's origin is checked as well."""


PUBLIC = "public"
"""The `access` of a route that needs no credential at all."""
