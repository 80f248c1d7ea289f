"""Where the agents of all nodes deliver what their bots printed and used."""

import zlib

from litestar import post

from web.access.scopes import Scope
from web.problems import NotTaken
from web.routes.parameters import AnyRequest, Wired

MOST_BATCH = 32 * 1024 * 1024
"""The largest batch taken at once, in bytes."""


@post(
    "/api/v1/ingest",
    opt={"access": Scope.INGEST},
    tags=["telemetry"],
    status_code=204,
    response_headers={"Accept-Encoding": "gzip"},
    request_max_body_size=MOST_BATCH,
)
async def ingest(services: Wired, request: AnyRequest) -> None:
    """Take one batch of an agent: 204 once it is durable.

    429 or 503 with Retry-After: send it again. The body is MessagePack, see `telemetry/wire.py`, and may be
    compressed (Content-Encoding: gzip), as the answer says.
    """
    answer = await services.intake.accept(unpacked(await request.body(), request))
    if answer.status >= 400:
        raise NotTaken(answer.status, answer.message, answer.retry_after)


def unpacked(body: bytes, request: AnyRequest) -> bytes:
    """Return a body as it was before it was compressed. Raises NotTaken where it is too large, or broken."""
    if request.headers.get("content-encoding", "identity") == "identity":
        return body
    reading = zlib.decompressobj(wbits=31)
    try:
        whole = reading.decompress(body, MOST_BATCH)
    except zlib.error as error:
        raise NotTaken(400, f"the batch is not compressed with gzip: {error}", 0.0) from error
    if reading.unconsumed_tail:
        raise NotTaken(413, f"the batch is larger than {MOST_BATCH >> 20} MiB", 0.0)
    if not reading.eof:
        raise NotTaken(400, "the compressed batch ends too early", 0.0)
    return whole
