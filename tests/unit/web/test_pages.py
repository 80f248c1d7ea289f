"""Pages, static files, bundles and the API's description."""

import hashlib
import re
from pathlib import Path

import pytest

from gitops.bundle import Bundle
from tests.fakes.web import BUNDLE_KEY, Running, make_services, running
from web.app import create_app
from web.routes.bundles import bundle_path

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
NOT_DESCRIBED = {"/", "/{path}", "/pages/style.css"}
"""The dashboard's own addresses and our pages' style: no part of the API."""


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """Lay out a built dashboard."""
    root = tmp_path / "static"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html><title>fleet</title>")
    (root / "assets" / "app-1a2b3c.js").write_text("console.log('fleet');" * 100)
    (root / "favicon.svg").write_text("<svg/>")
    return root


async def test_dashboard_answers_at_every_address_of_its_own(static: Path, tmp_path: Path):
    """The page is the same at /, /bots/NAME and /r/REV; the script behind it decides what is shown."""
    async with running(tmp_path) as web, web.client(None) as client:
        for path in ("/", "/bots/sma-btc", "/r/3f9a2c1", "/alerts"):
            page = await client.get(path, headers=BROWSER)
            assert page.status_code == 200
            assert "<title>fleet</title>" in page.text
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert page.headers["cache-control"] == "no-cache"
        again = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304


async def test_hashed_files_are_kept_for_ever_and_sent_compressed(static: Path, tmp_path: Path):
    """A file whose name holds its hash never changes; text travels compressed where the browser can."""
    async with running(tmp_path) as web, web.client(None) as client:
        script = await client.get("/assets/app-1a2b3c.js", headers={"Accept-Encoding": "gzip"})
        plain = await client.get("/assets/app-1a2b3c.js", headers={"Accept-Encoding": "identity"})
        icon = await client.get("/favicon.svg")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["content-type"].startswith("text/javascript")
    assert "content-encoding" not in plain.headers
    assert script.text == plain.text
    assert icon.headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path", ["/assets/gone.js", "/assets/..%2f..%2fsecret", "/robots.txt", "/api/v1/nothing"]
)
async def test_missing_file_is_not_answered_with_the_page(static: Path, tmp_path: Path, path: str):
    """A script or an API address that is not there is a 404, never a page."""
    async with running(tmp_path) as web, web.client(None) as client:
        answer = await client.get(path)
    assert answer.status_code == 404


async def test_unbuilt_dashboard_says_what_to_do(web: Running):
    """Without a build there is a page that says so, and how to build it."""
    async with web.client(None) as client:
        answer = await client.get("/", headers=BROWSER)
    assert answer.status_code == 503
    assert "make dashboard" in answer.text


async def test_every_route_is_described(tmp_path: Path):
    """Each path of the API is in its OpenAPI document, with a text."""
    services, _ = await make_services(tmp_path, "http://127.0.0.1:1")
    app = create_app(services)
    document = app.openapi_schema.to_schema()
    described = set(document["paths"])
    served = {route.path_format for route in app.routes if hasattr(route, "route_handlers")}
    assert served - described == NOT_DESCRIBED
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation.get("description"), f"{method} {path}"
    assert "/git/fleet.git" in document["info"]["description"]


async def test_reference_page_needs_nothing_from_outside(web: Running):
    """The reference shows every path without any script or address of another host."""
    async with web.client(None) as client:
        page = (await client.get("/api/docs")).text
        document = (await client.get("/api/openapi.json")).json()
        style = await client.get("/pages/style.css")
    assert document["openapi"].startswith("3.")
    for path in document["paths"]:
        assert path in page
    assert not re.search(r"https?://", page)
    assert "<script" not in page
    assert "style=" not in page
    assert style.headers["content-type"].startswith("text/css")
    assert "http" not in style.text


def shelve(web: Running, folder: Path, content: bytes) -> Bundle:
    """Put a bundle on the shelf."""
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{digest}.tar.gz"
    path.write_bytes(content)
    bundle = Bundle("code-1", digest, path, len(content))
    web.services.bundles.bundles[digest] = bundle
    return bundle


async def test_bundle_is_read_with_its_capability_alone(web: Running, tmp_path: Path):
    """The address is the right to read that one bundle, whole or from an offset, without a token."""
    content = bytes(range(256)) * 4000
    bundle = shelve(web, tmp_path, content)
    path = bundle_path(BUNDLE_KEY, bundle.digest)
    async with web.client(None) as client:
        whole = await client.get(path)
        assert whole.content == content
        assert whole.headers["content-length"] == str(len(content))
        assert whole.headers["content-type"] == "application/gzip"
        head = await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(content))
        rest = await client.get(path, headers={"Range": "bytes=1000000-"})
        assert rest.status_code == 206
        assert rest.content == content[1000000:]
        assert rest.headers["content-range"] == f"bytes 1000000-{len(content) - 1}/{len(content)}"
        few = await client.get(path, headers={"Range": "bytes=-5"})
        assert few.content == content[-5:]
        beyond = await client.get(path, headers={"Range": f"bytes={len(content)}-"})
        assert beyond.status_code == 416


async def test_bundle_without_the_right_address_is_not_there(web: Running, tmp_path: Path):
    """A wrong capability, another bundle's, and a bundle that is gone all look the same."""
    bundle = shelve(web, tmp_path, b"x")
    other = shelve(web, tmp_path, b"y")
    capability = bundle_path(BUNDLE_KEY, other.digest).split("/")[2]
    paths = [
        f"/bundles/{'0' * 43}/{bundle.digest}.tar.gz",
        f"/bundles/{capability}/{bundle.digest}.tar.gz",
        bundle_path(b"another key", bundle.digest),
        bundle_path(BUNDLE_KEY, "f" * 64),
        f"/bundles/{capability}/..%2f..%2fadmin-token",
    ]
    async with web.client(None) as client:
        answers = [await client.get(path) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert all(capability not in answer.text for answer in answers)
