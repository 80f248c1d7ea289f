"""One run of `git http-backend`: an HTTP request in, its response out, both streamed with flat memory."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from gitops.process import end_child, git_environment, spawn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_CHUNK = 1 << 16
_LONGEST_HEADER = 1 << 16
_MOST_ERRORS = 4000
_SERVICES = ("git-upload-pack", "git-receive-pack")
_ENDING = re.compile(r"/(info/refs|git-upload-pack|git-receive-pack)/?")
_log = logging.getLogger("herdsman.git")


class NotServed(Exception):
    """A request that a git client does not make; carries the HTTP status to answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def requested_service(scope: Scope, prefix: str) -> tuple[str, str]:
    """Return the path below the repository and the service that a request asks for. Raises NotServed.

    Only the three addresses of the smart protocol are served: no file of the repository ever is.
    """
    path = str(scope["path"])
    ending = _ENDING.fullmatch(path.removeprefix(prefix))
    if ending is None:
        raise NotServed(404, "This is a git remote; use it with git.")
    wanted = "GET" if ending[1] == "info/refs" else "POST"
    if scope["method"] != wanted:
        raise NotServed(405, f"Use {wanted}.")
    if ending[1] != "info/refs":
        return ending[1], ending[1]
    query = parse_qs(bytes(scope["query_string"]).decode("latin-1"))
    service = (query.get("service") or [""])[0]
    if service not in _SERVICES:
        raise NotServed(403, "Use a git client that speaks the smart protocol.")
    return ending[1], service


def cgi_environment(
    scope: Scope, repository: Path, path: str, service: str, user: str, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of `git http-backend` for a request, made of what is known here.

    CONTENT_LENGTH is left out: told a length, http-backend takes the end of its input for a read of nothing
    and reads again, for ever, where herdsman died in the middle of a body. Without it, git reads to the end.
    """
    headers = {bytes(k).lower(): bytes(v).decode("latin-1") for k, v in scope["headers"]}
    environment = {
        "GIT_PROJECT_ROOT": str(repository.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.name}/{path}",
        "QUERY_STRING": f"service={service}" if path == "info/refs" else "",
        "REQUEST_METHOD": str(scope["method"]),
        "REMOTE_USER": user,
        "REMOTE_ADDR": str((scope.get("client") or ("",))[0]),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": str(repository / "hooks"),
    }
    for header, variable in (
        (b"content-type", "CONTENT_TYPE"),
        (b"content-encoding", "HTTP_CONTENT_ENCODING"),
        (b"git-protocol", "GIT_PROTOCOL"),
    ):
        if header in headers:
            environment[variable] = headers[header]
    return git_environment({**environment, **extra})


class Backend:
    """A running `git http-backend`, which leads a process group of its own."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self._errors = asyncio.create_task(self._collect_errors())

    @classmethod
    async def start(cls, environment: Mapping[str, str], descriptors: Iterable[int] = ()) -> "Backend":
        """Start it; `descriptors` are inherited by it and by the hooks."""
        return cls(await spawn(["git", "http-backend"], environment, descriptors=descriptors))

    async def feed(self, receive: Receive, patience: float) -> None:
        """Hand the request's body to git; returns only when the client has left (or was silent too long)."""
        whole = False
        while True:
            try:
                async with asyncio.timeout(None if whole else patience):
                    message = await receive()
            except TimeoutError:
                return
            if message["type"] == "http.disconnect":
                return
            if whole:
                continue
            await self._write(message.get("body", b""))
            if not message.get("more_body", False):
                whole = True
                self.end_input()

    async def _write(self, body: bytes) -> None:
        assert self._child.stdin is not None
        # Git may have answered already (too large, say): the rest of the body is read and dropped.
        with contextlib.suppress(OSError):
            if body and not self._child.stdin.is_closing():
                self._child.stdin.write(body)
                await self._child.stdin.drain()

    def end_input(self) -> None:
        """Tell git that no more of the request comes."""
        assert self._child.stdin is not None
        self._child.stdin.close()

    async def pump(self, send: Send) -> None:
        """Send git's response as it comes, all but its end; where there is none, status 500."""
        assert self._child.stdout is not None
        head, rest = await self._head()
        if head is None:
            await begin_text(send, 500, "git gave no answer.")
            return
        status, headers = head
        await send({"type": "http.response.start", "status": status, "headers": headers})
        chunk = rest
        while True:
            if chunk:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            chunk = await self._child.stdout.read(_CHUNK)
            if not chunk:
                break

    async def _head(self) -> tuple[tuple[int, list[tuple[bytes, bytes]]] | None, bytes]:
        assert self._child.stdout is not None
        read = b""
        while b"\r\n\r\n" not in read:
            chunk = await self._child.stdout.read(_CHUNK)
            read += chunk
            if not chunk or len(read) > _LONGEST_HEADER:
                return None, b""
        head, _, rest = read.partition(b"\r\n\r\n")
        return _parse_head(head), rest

    async def _collect_errors(self) -> None:
        assert self._child.stderr is not None
        collected = b""
        while chunk := await self._child.stderr.read(_CHUNK):
            collected = (collected + chunk)[-_MOST_ERRORS:]
        if collected.strip():
            _log.warning("git http-backend: %s", collected.decode(errors="replace").strip())

    async def wait(self) -> int:
        """Return its exit code, once it has ended by itself."""
        await self._errors
        return await self._child.wait()

    async def end(self) -> None:
        """End it and everything that it started: SIGTERM, a moment, SIGKILL."""
        await end_child(self._child)
        self._errors.cancel()


def _parse_head(head: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    status = 200
    headers = []
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.lower(), value.strip()))
    return status, headers


async def respond(send: Send, status: int, text: str) -> None:
    """Answer with plain text, which git shows to its user."""
    await begin_text(send, status, text)
    await end_response(send)


async def begin_text(send: Send, status: int, text: str) -> None:
    """Send a response of plain text, all but its end."""
    body = f"{text}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def end_response(send: Send) -> None:
    """Send the end of a response: only then has the client got all of it."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})
