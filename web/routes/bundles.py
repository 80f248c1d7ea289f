"""Bundles for nodes: the address itself is the right to read one, so that a job carries no token."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from litestar import HttpMethod, Response, route
from litestar.params import PathParameter
from litestar.response import Stream

from schemas.errors import NotFound
from web.access.scopes import PUBLIC
from web.access.secrets import same
from web.routes.parameters import AnyRequest, Wired

_DIGEST = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHUNK = 256 * 1024
_GONE = "there is no bundle at this address (any more)"


def capability_of(key: bytes, digest: str) -> str:
    """Return the part of a bundle's address that gives the right to read it: bound to that one digest."""
    return hmac.new(key, f"bundle {digest}".encode(), hashlib.sha256).hexdigest()[:43]


def bundle_path(key: bytes, digest: str) -> str:
    """Return a bundle's address below the service's own, such as "/bundles/.../....tar.gz"."""
    return f"/bundles/{capability_of(key, digest)}/{digest}.tar.gz"


@route(
    "/bundles/{capability:str}/{file:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt={"access": PUBLIC},
    tags=["bundles"],
)
async def bundle(
    services: Wired,
    request: AnyRequest,
    capability: Annotated[str, PathParameter(description="The right to read this one bundle.")],
    file: Annotated[str, PathParameter(description="<SHA-256 of the file>.tar.gz")],
) -> Response[Any]:
    """Return a bundle (`.tar.gz`), whole or the range asked for."""
    digest = file.removesuffix(".tar.gz")
    if not _DIGEST.fullmatch(digest) or not file.endswith(".tar.gz"):
        raise NotFound(_GONE)
    if not same(capability, capability_of(services.bundle_key, digest)):
        raise NotFound(_GONE)
    found = services.bundles.find(digest)
    if found is None:
        raise NotFound(_GONE)
    return _part(found.path, found.size, digest, request.headers.get("range", ""))


def _part(path: Path, size: int, digest: str, wanted: str) -> Response[Any]:
    """Return the response for one range of a file; a range that cannot be read as one gets all of it."""
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{digest}"',
        "Cache-Control": "private, immutable, max-age=31536000",
    }
    start, end = _bounds(wanted, size)
    if start >= size > 0:
        return Response(b"", status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    if wanted and (start, end) != (0, size - 1):
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    headers["Content-Length"] = str(end - start + 1)
    return Stream(
        _read(path, start, end + 1),
        status_code=206 if "Content-Range" in headers else 200,
        media_type="application/gzip",
        headers=headers,
    )


def _bounds(wanted: str, size: int) -> tuple[int, int]:
    """Return the first and last byte of a Range header's single range."""
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or match[1] == match[2] == "":
        return 0, size - 1
    if match[1] == "":
        return max(0, size - int(match[2])), size - 1
    start, last = int(match[1]), int(match[2] or size - 1)
    if match[2] and last < start:
        return 0, size - 1
    return start, min(last, size - 1)


def _read(path: Path, start: int, stop: int) -> Iterator[bytes]:
    """Yield a file's bytes from `start` to before `stop`; the framework runs this in a thread."""
    with path.open("rb") as file:
        file.seek(start)
        left = stop - start
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
