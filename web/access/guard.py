"""The last check: has the credential the right that the route asks for? A route that says nothing is shut."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from web.access.denied import AccessDenied
from web.access.scopes import PUBLIC, Principal, Scope, allows

Connection = ASGIConnection[Any, Any, Any, Any]


def principal_of(connection: Connection) -> Principal | None:
    """Return who makes this request, as the gate in front of all routes found."""
    found = connection.scope["state"].get("principal")
    return found if isinstance(found, Principal) else None


def require_access(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let a request to its route, or raise AccessDenied. Each route names its scope in `opt["access"]`."""
    wanted = handler.opt.get("access")
    if wanted == PUBLIC:
        return
    if wanted is None:
        raise AccessDenied(403, "Forbidden", "this address is open to nobody")
    require(principal_of(connection), Scope(wanted))


def authenticated(principal: Principal | None) -> Principal:
    """Return the principal, whatever it may do. Raises AccessDenied where there is none."""
    if principal is None:
        raise AccessDenied(
            401,
            "SignInNeeded",
            "this needs a credential, and the request carries none that is valid",
            "sign in at /sign-in, or send Authorization: Bearer TOKEN",
        )
    return principal


def require(principal: Principal | None, wanted: Scope) -> Principal:
    """Return the principal where it may do what needs `wanted`. Raises AccessDenied."""
    principal = authenticated(principal)
    if not allows(principal.scope, wanted):
        raise AccessDenied(
            403,
            "ScopeNeeded",
            f'the token "{principal.name}" has the scope {principal.scope}; this needs {wanted}',
            f"use a token with the scope {wanted}",
        )
    return principal
