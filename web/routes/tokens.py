"""Named tokens: list, make, revoke."""

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody

from schemas.errors import UsageError
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.access.tokens import Token
from web.documents.access import TokenDocument, TokenRequest
from web.routes.parameters import AnyRequest, Wired


@get("/api/v1/tokens", opt={"access": Scope.ADMIN}, tags=["access"])
async def list_tokens(services: Wired) -> list[TokenDocument]:
    """Return every token that is not revoked, by name; secrets are not kept and cannot be shown."""
    return [_document(token) for token in services.access.tokens.all()]


@post("/api/v1/tokens", opt={"access": Scope.ADMIN}, tags=["access"])
async def create_token(services: Wired, request: AnyRequest, data: JSONBody[TokenRequest]) -> TokenDocument:
    """Make a token; its secret is in this answer and nowhere else."""
    now = services.access.clock()
    if data.expires_in is not None and data.expires_in <= 0:
        raise UsageError("expires_in is a number of seconds above 0; leave it out for a token without an end")
    token, secret = await services.access.tokens.create(
        data.name,
        _scope(data.scope),
        now,
        by=authenticated(principal_of(request)).name,
        expires_at=None if data.expires_in is None else now + data.expires_in,
    )
    document = _document(token)
    document.token = secret
    return document


@delete("/api/v1/tokens/{token_id:str}", opt={"access": Scope.ADMIN}, tags=["access"])
async def revoke_token(services: Wired, request: AnyRequest, token_id: FromPath[str]) -> None:
    """Revoke a token by its id or name; its sessions and streams end with it at once."""
    by = authenticated(principal_of(request)).name
    await services.access.tokens.revoke(token_id, services.access.clock(), by=by)
    services.live.beat()


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError as error:
        known = ", ".join(scope.value for scope in Scope)
        raise UsageError(f'"{text}" is not a scope; there are: {known}') from error


def _document(token: Token) -> TokenDocument:
    return TokenDocument(
        token.id, token.name, token.scope, token.created_at, token.expires_at, token.last_used_at
    )
