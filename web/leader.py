"""What the leader alone serves of several controllers: git, bundles, builds, plans, code, webhooks.

A controller serves them while it leads, and else says who does. The web hands these requests on to the
leader, so that people, jobs and git servers have one address, whoever leads.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from controller.remote.trouble import NoController
from gitops.candidates import Packed
from gitops.compiling.records import BuildRecord
from gitops.source_code import Asked, SourceCode, SourceCodes
from schemas.bot import BotSpec
from web.documents.revisions import PlanDocument
from web.plans import Plans
from web.services import BuildShelf
from web.webhooks import Answer, Webhooks

if TYPE_CHECKING:
    from litestar.types import Receive, Send

_TIMEOUT = httpx.Timeout(300.0, connect=5.0)
"""A push is silent while it is waited for; its own times are shorter."""
_LOOK = 0.5
"""Seconds between two looks whether somebody else leads by now."""
_OURS = frozenset({b"host", b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te"})
"""Headers that concern one connection alone."""


class LeadersGit:
    """The remote of one controller; `remote` is set while it leads, `leader` says who else does."""

    def __init__(self, leader: Callable[[], str]) -> None:
        self.remote: Callable[[Any, Any, Any], Awaitable[None]] | None = None
        self._leader = leader

    async def __call__(self, scope: Any, receive: "Receive", send: "Send") -> None:
        """Serve git, or say that somebody else does."""
        if self.remote is not None:
            await self.remote(scope, receive, send)
        else:
            await refuse(send, f"this controller is a stand-by: {self._leader()}")


class LeadersWebhooks:
    """Takes deliveries of git servers while this controller leads; `leading` is set then."""

    def __init__(self, leader: Callable[[], str]) -> None:
        self.leading: Webhooks | None = None
        self._leader = leader

    def take(
        self, source: str, headers: Mapping[str, str], body: bytes, address: str
    ) -> tuple[Answer, float]:
        """Take a delivery. Raises NoController: the git server sends it again, or the leader polls."""
        if self.leading is None:
            raise NoController(f"this controller is a stand-by: {self._leader()}")
        return self.leading.take(source, headers, body, address)


class LeadersPlans:
    """Makes plans while this controller leads; `leading` is set then."""

    def __init__(self, leader: Callable[[], str]) -> None:
        self.leading: Plans | None = None
        self._leader = leader

    async def now(self) -> PlanDocument:
        """Return what a pass would do now. Raises NoController, SourceUnavailable."""
        return await self._plans().now()

    async def of(self, asked: str | Packed, source: str) -> PlanDocument:
        """Return what a pass would do for a revision. Raises NoController and what `Plans.of` raises."""
        return await self._plans().of(asked, source)

    def _plans(self) -> Plans:
        if self.leading is None:
            raise NoController(f"this controller is a stand-by: {self._leader()}")
        return self.leading


class LeadersCode:
    """Reads source lines while this controller leads; `leading` is set then."""

    def __init__(self, leader: Callable[[], str]) -> None:
        self.leading: SourceCodes | None = None
        self._leader = leader

    def read(self, asked: Asked) -> SourceCode:
        """Return source lines. Raises NoController and what `SourceCodes.read` raises."""
        if self.leading is None:
            raise NoController(f"this controller is a stand-by: {self._leader()}")
        return self.leading.read(asked)


@dataclass(frozen=True, slots=True)
class LeadingBuilds:
    """The builds that the leader made, and what it says a bot should be."""

    shelf: BuildShelf
    spec: Callable[[str], BotSpec | None]


class LeadersBuilds:
    """Tells of builds while this controller leads; `leading` is set then. A `web.services.BuildShelf`."""

    def __init__(self, leader: Callable[[], str]) -> None:
        self.leading: LeadingBuilds | None = None
        self._leader = leader

    def all(self) -> list[BuildRecord]:
        """Return every build on record, the newest first. Raises NoController."""
        return self._builds().shelf.all()

    def find(self, program: str, tree: str = "") -> BuildRecord | None:
        """Return a program's build of a git tree, without one the newest. Raises NoController."""
        return self._builds().shelf.find(program, tree)

    def log(self, record: BuildRecord) -> str:
        """Return what a build printed so far. Raises NoController."""
        return self._builds().shelf.log(record)

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be, None where there is none of this name. Raises NoController."""
        return self._builds().spec(name)

    def _builds(self) -> LeadingBuilds:
        if self.leading is None:
            raise NoController(f"this controller is a stand-by: {self._leader()}")
        return self.leading


class LeaderForward:
    """Hands requests on to the leader; `address` returns its URL, "" where nobody leads."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address
        # This context reads SSL_CERT_FILE; of the environment nothing else is wanted, least of all a proxy.
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT,
            trust_env=False,
            follow_redirects=False,
            verify=ssl.create_default_context(),
        )

    async def __call__(self, scope: Any, receive: "Receive", send: "Send") -> None:
        """Send a request on and its answer back, each as it comes."""
        address = self._address()
        if not address:
            await refuse(send, "no controller leads, and the leader serves this: try again once one does")
            return
        query = scope["query_string"].decode("latin-1")
        request = self._client.build_request(
            scope["method"],
            f"{address}{scope['path']}{'?' if query else ''}{query}",
            headers=[(name, value) for name, value in scope["headers"] if name.lower() not in _OURS],
            content=_body(receive) if scope["method"] == "POST" else None,
        )
        try:
            answer = await self._answer(request, address)
        except httpx.TransportError as error:
            await refuse(
                send, f"the leading controller at {address} does not answer ({type(error).__name__})"
            )
            return
        if answer is None:
            await refuse(send, "the leading controller did not answer, and another leads by now: try again")
            return
        try:
            await _hand_back(answer, send)
        finally:
            await answer.aclose()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _answer(self, request: httpx.Request, address: str) -> httpx.Response | None:
        """Return the answer, None where another leads before there is one: a paused machine never answers."""
        sending = asyncio.create_task(self._client.send(request, stream=True))
        try:
            while not sending.done() and self._address() in (address, ""):
                await asyncio.wait({sending}, timeout=_LOOK)
            return sending.result() if sending.done() else None
        finally:
            if not sending.done():
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)


async def _body(receive: "Receive") -> AsyncIterator[bytes]:
    while True:
        message: Any = await receive()
        if message["type"] != "http.request":
            raise httpx.WriteError("whoever pushed is gone")
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _hand_back(answer: httpx.Response, send: "Send") -> None:
    headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in _OURS]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    async for part in answer.aiter_raw():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def refuse(send: "Send", text: str) -> None:
    """Answer 503 with a text that git prints."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"2")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode(), "more_body": False})
