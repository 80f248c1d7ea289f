"""Signing in and out: the one-time link, the form, the session's cookie."""

from typing import Annotated, Any

from litestar import MediaType, Response, get, post
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from web.access import sessions, sign_in
from web.access.denied import AccessDenied
from web.access.gate import cookie_value
from web.access.guard import authenticated, principal_of
from web.access.scopes import PUBLIC, Scope
from web.documents.access import SignInLink, WhoAmI
from web.pages import STYLE
from web.pages.sign_in import sign_in_page
from web.routes.parameters import AnyRequest, Wired

_NO_STORE = {"Cache-Control": "no-store"}


class SignInForm(Struct):
    """What the form sends."""

    token: str


@get("/sign-in", opt={"access": PUBLIC}, media_type=MediaType.HTML, tags=["access"])
async def sign_in_by_link(
    services: Wired,
    request: AnyRequest,
    code: Annotated[str, QueryParameter(description="The one-time code of a sign-in link.")] = "",
) -> Response[Any]:
    """Use a sign-in link up and go to the dashboard; without a code, show the form."""
    if not code:
        return Response(sign_in_page(), media_type=MediaType.HTML, headers=_NO_STORE)
    try:
        cookie = services.access.redeem(code, _address(request))
    except AccessDenied as denied:
        return _form_again(denied)
    return _signed_in(services, cookie)


@post("/sign-in", opt={"access": PUBLIC}, media_type=MediaType.HTML, tags=["access"])
async def sign_in_by_form(
    services: Wired,
    request: AnyRequest,
    data: URLEncodedBody[SignInForm],
) -> Response[Any]:
    """Open a session for the holder of a token."""
    try:
        cookie = services.access.sign_in(data.token.strip(), _address(request))
    except AccessDenied as denied:
        return _form_again(denied)
    return _signed_in(services, cookie)


@post("/sign-out", opt={"access": PUBLIC}, tags=["access"], status_code=204)
async def sign_out(services: Wired, request: AnyRequest) -> Response[None]:
    """End this browser's session."""
    services.access.sessions.close(cookie_value(request.headers.get("cookie", ""), services.access.cookie))
    response: Response[None] = Response(None, status_code=204)
    response.delete_cookie(services.access.cookie, path="/")
    return response


@post("/api/v1/sign-in-links", opt={"access": Scope.READ}, tags=["access"])
async def make_link(services: Wired, request: AnyRequest) -> SignInLink:
    """Make a link that signs one browser in, once, within ten minutes, with the caller's own rights."""
    principal = authenticated(principal_of(request))
    url = services.sign_in_url(principal.token)
    return SignInLink(url, services.access.clock() + sign_in.LIFETIME)


@get("/api/v1/whoami", opt={"access": PUBLIC}, tags=["access"])
async def whoami(request: AnyRequest) -> Response[WhoAmI]:
    """Say whose credential the request carries; 401 without one."""
    principal = authenticated(principal_of(request))
    return Response(WhoAmI(principal.name, principal.scope, principal.session), headers=_NO_STORE)


@get("/pages/style.css", opt={"access": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def style() -> Response[bytes]:
    """Return the style of our own small pages."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


def _address(request: AnyRequest) -> str:
    return request.client.host if request.client else ""


def _form_again(denied: AccessDenied) -> Response[bytes]:
    return Response(
        sign_in_page(f"{denied}."), status_code=denied.status, media_type=MediaType.HTML, headers=_NO_STORE
    )


def _signed_in(services: Wired, cookie: str) -> Response[Any]:
    """Set the session's cookie and go to the dashboard, so that the code leaves the address bar."""
    response = Redirect("/", status_code=303, headers=_NO_STORE)
    response.set_cookie(
        services.access.cookie,
        cookie,
        max_age=int(sessions.LIFETIME),
        path="/",
        httponly=True,
        secure=services.settings.tls,
        samesite="strict",
    )
    return response
