"""The dashboard's files, and its page at every address that is not something else's."""

from litestar import MediaType, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from web.access.scopes import PUBLIC
from web.dashboard_files import StaticFile
from web.pages.unbuilt import UNBUILT
from web.routes.parameters import AnyRequest, Wired

_FOREVER = "public, max-age=31536000, immutable"
_NOT_PAGES = ("/api/", "/git/", "/bundles/", "/assets/", "/pages/")


@get(["/", "/{path:path}"], opt={"access": PUBLIC}, include_in_schema=False)
async def dashboard(services: Wired, request: AnyRequest, path: FromPath[str] = "") -> Response[bytes]:
    """Return a file of the dashboard, or its page for the addresses it knows itself (`/bots/NAME`)."""
    if found := services.dashboard.find(path.lstrip("/")):
        return _file(found, request)
    if (path + "/").startswith(_NOT_PAGES) or "." in path.rsplit("/", 1)[-1]:
        raise NotFoundException(f"there is nothing at {path}")
    index = services.dashboard.index
    if index is None:
        return Response(
            UNBUILT, media_type=MediaType.HTML, status_code=503, headers={"Cache-Control": "no-store"}
        )
    return _file(index, request)


def _file(file: StaticFile, request: AnyRequest) -> Response[bytes]:
    headers = {
        "ETag": file.etag,
        "Cache-Control": _FOREVER if file.immutable else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == file.etag:
        return Response(b"", status_code=304, media_type=file.media_type, headers=headers)
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, media_type=file.media_type, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)
