"""Access control as a client meets it, on a real socket."""

import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.fakes.web import BUNDLE_KEY, Running
from web.access.scopes import PUBLIC, Scope
from web.app import create_app

RISING = [Scope.READ, Scope.OPERATE, Scope.ADMIN]
MATRIX = {
    ("GET", "/api/v1/fleet"): Scope.READ,
    ("GET", "/api/v1/revisions"): Scope.READ,
    ("GET", "/api/v1/system"): Scope.READ,
    ("GET", "/api/v1/revisions/{revision}"): Scope.READ,
    ("GET", "/api/v1/plan"): Scope.READ,
    ("POST", "/api/v1/plans"): Scope.READ,
    ("GET", "/api/v1/builds"): Scope.READ,
    ("GET", "/api/v1/builds/{name}"): Scope.READ,
    ("GET", "/api/v1/events"): Scope.READ,
    ("GET", "/api/v1/logs"): Scope.READ,
    ("GET", "/api/v1/logs/counts"): Scope.READ,
    ("GET", "/api/v1/logs/export"): Scope.READ,
    ("GET", "/api/v1/bots"): Scope.READ,
    ("GET", "/api/v1/bots/{name}"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/series"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/logs"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/runs"): Scope.READ,
    ("POST", "/api/v1/bots/{name}/query"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/trading"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/liveness"): Scope.READ,
    ("GET", "/api/v1/liveness"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/resources"): Scope.READ,
    ("GET", "/api/v1/resources"): Scope.READ,
    ("GET", "/api/v1/positions"): Scope.READ,
    ("GET", "/api/v1/trades"): Scope.READ,
    ("GET", "/api/v1/figures"): Scope.READ,
    ("GET", "/api/v1/alerts"): Scope.READ,
    ("GET", "/api/v1/alerts/history"): Scope.READ,
    ("GET", "/api/v1/alerts/rules"): Scope.READ,
    ("POST", "/api/v1/alerts/ack"): Scope.OPERATE,
    ("POST", "/api/v1/alerts/mutes"): Scope.OPERATE,
    ("DELETE", "/api/v1/alerts/mutes/{mute}"): Scope.OPERATE,
    ("POST", "/api/v1/alerts/trials"): Scope.READ,
    ("GET", "/api/v1/rules"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/deploys"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/compare"): Scope.READ,
    ("GET", "/api/v1/compare"): Scope.READ,
    ("GET", "/api/v1/errors"): Scope.READ,
    ("GET", "/api/v1/errors/{error}"): Scope.READ,
    ("POST", "/api/v1/errors/{error}/explain"): Scope.READ,
    ("POST", "/api/v1/errors/{error}/resolve"): Scope.OPERATE,
    ("POST", "/api/v1/errors/{error}/reopen"): Scope.OPERATE,
    ("GET", "/api/v1/code"): Scope.READ,
    ("GET", "/api/v1/stream"): Scope.READ,
    ("GET", "/metrics"): Scope.READ,
    ("POST", "/api/v1/sign-in-links"): Scope.READ,
    ("POST", "/api/v1/sync"): Scope.OPERATE,
    ("POST", "/api/v1/bots/{name}/restart"): Scope.OPERATE,
    ("POST", "/api/v1/bots/{name}/refresh"): Scope.OPERATE,
    ("GET", "/api/v1/outdated"): Scope.READ,
    ("POST", "/api/v1/bots/{name}/suspend"): Scope.OPERATE,
    ("POST", "/api/v1/bots/{name}/resume"): Scope.OPERATE,
    ("POST", "/api/v1/bots/{name}/rollback"): Scope.OPERATE,
    ("POST", "/api/v1/bots/{name}/unpin"): Scope.OPERATE,
    ("POST", "/api/v1/bots/{name}/retry"): Scope.OPERATE,
    ("GET", "/api/v1/bots/{name}/deployments"): Scope.READ,
    ("POST", "/api/v1/rollback"): Scope.OPERATE,
    ("GET", "/api/v1/adoptable"): Scope.ADMIN,
    ("POST", "/api/v1/bots/{name}/adopt"): Scope.ADMIN,
    ("DELETE", "/api/v1/bots/{name}/adopt"): Scope.ADMIN,
    ("POST", "/api/v1/unpin"): Scope.OPERATE,
    ("GET", "/api/v1/bots/{name}/state"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/state/versions"): Scope.READ,
    ("GET", "/api/v1/bots/{name}/state/content"): Scope.OPERATE,
    ("PUT", "/api/v1/bots/{name}/state/content"): Scope.OPERATE,
    ("DELETE", "/api/v1/bots/{name}/state/content"): Scope.OPERATE,
    ("POST", "/api/v1/bots/{name}/state/restore"): Scope.OPERATE,
    ("POST", "/api/v1/states/{name}/versions"): Scope.INGEST,
    ("GET", "/api/v1/states/{name}/claim"): Scope.INGEST,
    ("GET", "/api/v1/states/{name}/versions/newest"): Scope.INGEST,
    ("PUT", "/api/v1/states/{name}/objects/{sha256}"): Scope.INGEST,
    ("GET", "/api/v1/states/{name}/objects/{sha256}"): Scope.INGEST,
    ("GET", "/api/v1/suspensions"): Scope.READ,
    ("POST", "/api/v1/suspensions"): Scope.OPERATE,
    ("POST", "/api/v1/suspensions/resume"): Scope.OPERATE,
    ("GET", "/api/v1/kill"): Scope.READ,
    ("POST", "/api/v1/kill"): Scope.OPERATE,
    ("POST", "/api/v1/release"): Scope.ADMIN,
    ("POST", "/api/v1/recover"): Scope.OPERATE,
    ("GET", "/api/v1/notifications"): Scope.READ,
    ("POST", "/api/v1/notifications/test"): Scope.OPERATE,
    ("GET", "/api/v1/notifications/{message}"): Scope.READ,
    ("GET", "/api/v1/audit"): Scope.ADMIN,
    ("GET", "/api/v1/tokens"): Scope.ADMIN,
    ("POST", "/api/v1/tokens"): Scope.ADMIN,
    ("DELETE", "/api/v1/tokens/{token_id}"): Scope.ADMIN,
    ("POST", "/api/v1/ingest"): Scope.INGEST,
    ("POST", "/api/v1/webhooks/{source}"): PUBLIC,
    ("GET", "/livez"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/sign-in"): PUBLIC,
    ("POST", "/sign-in"): PUBLIC,
    ("POST", "/sign-out"): PUBLIC,
    ("GET", "/api/v1/whoami"): PUBLIC,
    ("GET", "/pages/style.css"): PUBLIC,
    ("GET", "/bundles/{capability}/{file}"): PUBLIC,
    ("HEAD", "/bundles/{capability}/{file}"): PUBLIC,
    ("GET", "/api/openapi.json"): PUBLIC,
    ("GET", "/api/docs"): PUBLIC,
    ("GET", "/"): PUBLIC,
    ("GET", "/{path}"): PUBLIC,
}
"""Every route, and the scope it needs: a new route fails the test below until it is written here."""


def routes_of(app: Litestar) -> dict[tuple[str, str], object]:
    """Return each route's access by method and path, without what the framework adds by itself."""
    found = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    found[method, route.path_format] = handler.opt.get("access")
    return found


async def test_every_route_has_the_scope_that_is_written_down(web: Running):
    """No route is open, or shut, that nobody decided about."""
    assert routes_of(create_app(web.services)) == MATRIX


def address(path: str) -> str:
    return path.replace("{name}", "sma-btc").replace("{revision}", "3f9a2c1").replace("{token_id}", "nobody")


async def test_route_lets_exactly_the_right_scopes_in(web: Running):
    """Without a token 401 and how to get one; with too little 403; else the route itself answers."""
    for (method, path), wanted in MATRIX.items():
        if wanted == PUBLIC or "stream" in path:
            continue
        for scope in Scope:
            enough = scope is wanted or (
                scope in RISING and wanted in RISING and RISING.index(scope) >= RISING.index(wanted)
            )
            async with web.client(scope) as client:
                answer = await client.request(method, address(path))
            assert (answer.status_code != 403) is enough, f"{scope} {method} {path}: {answer.text}"
            assert answer.status_code != 401
        async with web.client(None) as client:
            answer = await client.request(method, address(path))
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["reason"] == "SignInNeeded"


@pytest.mark.parametrize(
    "authorization",
    ["Bearer wrong", "Bearer", "Basic !", "Digest x", "Bearer herdsman_" + "x" * 43, "Basic b3RoZXI6eA=="],
)
async def test_wrong_credential_is_refused(web: Running, authorization: str):
    """Whatever the header holds that is no good token, the answer is 401."""
    async with web.client(None, headers={"Authorization": authorization}) as client:
        assert (await client.get("/api/v1/bots")).status_code == 401


async def test_git_form_of_a_token_is_understood_everywhere(web: Running):
    """Basic authorisation of the user herdsman with the token as password is the token."""
    pair = base64.b64encode(f"herdsman:{web.secrets[Scope.READ]}".encode()).decode()
    async with web.client(None, headers={"Authorization": f"Basic {pair}"}) as client:
        assert (await client.get("/api/v1/bots")).status_code == 200


async def test_too_many_wrong_credentials_wait_and_right_ones_pass(web: Running):
    """After some failures the address is told to wait; the operator behind it still gets in."""
    async with web.client(None, headers={"Authorization": "Bearer wrong"}) as client:
        answers = [await client.get("/api/v1/bots") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert int(answers[-1].headers["retry-after"]) > 0
    async with web.client(Scope.READ) as client:
        assert (await client.get("/api/v1/bots")).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.1.2.3:80"])
@pytest.mark.parametrize("path", ["/api/v1/bots", "/", "/livez", "/nothing/here", "/git/fleet.git/info/refs"])
async def test_rebound_name_gets_nothing(web: Running, host: str, path: str):
    """A page whose name was made to point at us gets no answer, whatever the path and the credential."""
    async with web.client(Scope.ADMIN, headers={"Host": host}) as client:
        answer = await client.get(path)
    assert answer.status_code == 421
    assert answer.json()["reason"] == "WrongHost"


async def test_configured_name_is_ours(web: Running):
    """A name given at the start is answered like loopback."""
    async with web.client(Scope.READ, headers={"Host": "fleet.example"}) as client:
        assert (await client.get("/api/v1/bots")).status_code == 200


@asynccontextmanager
async def signed_in(web: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client with a session made by a link."""
    token = next(token for token in web.services.access.tokens.all() if token.name == "operate")
    async with web.client(None) as client:
        answer = await client.get(web.services.sign_in_url(token.id))
        assert answer.status_code == 303
        yield client


async def test_sign_in_link_opens_one_session_and_leaves_the_address_bar(web: Running):
    """The link sets a cookie that no script can read and no other site can send, and works once."""
    token = web.services.access.tokens.all()[0]
    link = web.services.sign_in_url(token.id)
    async with web.client(None) as client:
        first = await client.get(link)
        assert first.status_code == 303
        assert first.headers["location"] == "/"
        assert first.headers["cache-control"] == "no-store"
        cookie = first.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "path=/" in cookie
        assert "secure" not in cookie
        who = (await client.get("/api/v1/whoami")).json()
        assert who == {"name": token.name, "scope": token.scope, "session": True}
    async with web.client(None) as other:
        second = await other.get(link)
        assert second.status_code == 401
        assert "set-cookie" not in second.headers
        assert "used already" in second.text


async def test_sign_in_form_takes_a_token(web: Running):
    """Pasting a token signs in; a wrong one shows the form again with the reason."""
    async with web.client(None, headers={"Sec-Fetch-Site": "same-origin"}) as client:
        assert 'name="token"' in (await client.get("/sign-in")).text
        wrong = await client.post("/sign-in", data={"token": "wrong"})
        assert wrong.status_code == 401
        assert "does not know this token" in wrong.text
        right = await client.post("/sign-in", data={"token": f" {web.secrets[Scope.READ]}\n"})
        assert right.status_code == 303
        assert (await client.get("/api/v1/bots")).status_code == 200


async def test_link_can_be_made_by_whoever_has_a_token(web: Running):
    """The command line asks for a link; it carries the asking token's own rights."""
    async with web.client(Scope.READ) as client:
        link = (await client.post("/api/v1/sign-in-links")).json()["url"]
    async with web.client(None) as browser:
        await browser.get(link)
        assert (await browser.get("/api/v1/whoami")).json()["scope"] == "read"
        refused = await browser.post("/api/v1/sync", headers={"Sec-Fetch-Site": "same-origin"})
        assert refused.status_code == 403


async def test_sign_out_ends_the_session(web: Running):
    """After signing out the old cookie is worth nothing."""
    async with signed_in(web) as client:
        cookies = dict(client.cookies)
        out = await client.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"})
        assert out.status_code == 204
        client.cookies.update(cookies)
        assert (await client.get("/api/v1/bots")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({}, 403),
    ],
)
async def test_cross_site_post_with_the_cookie_is_refused(web: Running, headers: dict[str, str], status: int):
    """Only our own pages can act with a session, whatever a browser sends along."""
    async with signed_in(web) as client:
        answer = await client.post("/api/v1/bots/sma-btc/restart", headers=headers)
    assert answer.status_code == status, answer.text
    assert bool(web.controller.asked) is (status == 202)


async def test_cross_site_sign_in_is_refused(web: Running):
    """Nobody else's page can sign a browser in with a token of its own."""
    async with web.client(None, headers={"Origin": "http://evil.example"}) as client:
        answer = await client.post("/sign-in", data={"token": web.secrets[Scope.READ]})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_every_answer_carries_the_security_headers(web: Running):
    """Pages, API, errors, refusals: no inline scripts, no framing, no sniffing, no referrer."""
    async with web.client(None) as client:
        for path in ("/", "/sign-in", "/api/docs", "/api/v1/bots", "/nothing", "/livez"):
            headers = (await client.get(path)).headers
            assert "unsafe-inline" not in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers
        refused = await client.get("/", headers={"Host": "evil.example"})
        assert refused.headers["x-content-type-options"] == "nosniff"


async def test_no_secret_reaches_the_log(web: Running, caplog: pytest.LogCaptureFixture):
    """Sign-in codes, capabilities and tokens are in no line of the log."""
    caplog.set_level(logging.DEBUG, logger="herdsman")
    token = web.services.access.tokens.all()[0]
    link = web.services.sign_in_url(token.id)
    capability = "c" * 43
    async with web.client(Scope.READ) as client:
        await client.get(link)
        await client.get(f"/bundles/{capability}/{'0' * 64}.tar.gz")
        await client.get("/api/v1/bots")
    lines = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("herdsman"))
    assert "/sign-in" in lines
    assert "/bundles/" in lines
    assert link.split("code=")[1] not in lines
    assert capability not in lines
    assert web.secrets[Scope.READ] not in lines
    assert BUNDLE_KEY.decode() not in lines
