"""The API's description, for programs and for people; nothing on the page comes from outside."""

from typing import Any

from litestar import MediaType, Response, get

from web.access.scopes import PUBLIC
from web.pages.reference import reference_page
from web.routes.parameters import AnyRequest

_HEADERS = {"Cache-Control": "no-cache"}


@get("/api/openapi.json", opt={"access": PUBLIC}, tags=["documentation"], sync_to_thread=False)
def openapi(request: AnyRequest) -> Response[dict[str, Any]]:
    """Return the OpenAPI document."""
    return Response(request.app.openapi_schema.to_schema(), media_type=MediaType.JSON, headers=_HEADERS)


@get(
    "/api/docs",
    opt={"access": PUBLIC},
    media_type=MediaType.HTML,
    tags=["documentation"],
    sync_to_thread=False,
)
def reference(request: AnyRequest) -> Response[bytes]:
    """Return the reference as a page."""
    page = reference_page(request.app.openapi_schema.to_schema())
    return Response(page, media_type=MediaType.HTML, headers=_HEADERS)
