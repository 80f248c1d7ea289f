"""The socket and the server around the application."""

import asyncio
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from schemas.errors import UsageError
from tests.fakes.web import make_services
from web.access.listen import Listen, Tls
from web.app import create_app
from web.server import address_of, bind, serve


async def test_address_in_use_is_a_clear_error():
    """A second service on the same address is told so, and what to do."""
    sock = bind(Listen("127.0.0.1", 0))
    with pytest.raises(UsageError, match="another herdsman running there"):
        bind(address_of(sock))
    sock.close()


async def test_answers_are_not_held_back_by_the_network_stack():
    """The socket names its protocol: only then does asyncio send each small answer at once."""
    sock = bind(Listen("127.0.0.1", 0))
    assert sock.proto == socket.IPPROTO_TCP
    sock.close()


async def test_tls_serves_https_with_secure_cookies(tmp_path: Path):
    """With a certificate the service speaks https only, and its cookie never leaves it."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
    files = ["-keyout", str(key), "-out", str(certificate), "-addext", "subjectAltName=IP:127.0.0.1"]
    child = await asyncio.create_subprocess_exec(*command.split(), *files, stderr=asyncio.subprocess.DEVNULL)
    assert await child.wait() == 0
    sock = bind(Listen("127.0.0.1", 0))
    url = address_of(sock).url(tls=True)
    services, _ = await make_services(tmp_path, url, tls=True)
    stop, started = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        serve(
            create_app(services),
            sock,
            stop,
            end_streams=services.live.close,
            tls=Tls(certificate, key),
            started=started,
        )
    )
    await started.wait()
    trust = ssl.create_default_context(cafile=str(certificate))
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=90) as client:
        answer = await client.get(services.sign_in_url(services.access.tokens.all()[0].id))
        assert "secure" in answer.headers["set-cookie"].lower()
        assert answer.headers["strict-transport-security"].startswith("max-age=")
    stop.set()
    await serving


async def test_cancelling_the_server_stops_it(tmp_path: Path):
    """A task group that is cancelled takes the server with it, cleanly."""
    sock = bind(Listen("127.0.0.1", 0))
    services, _ = await make_services(tmp_path, address_of(sock).url(tls=False))
    started = asyncio.Event()
    serving = asyncio.create_task(
        serve(create_app(services), sock, asyncio.Event(), end_streams=services.live.close, started=started)
    )
    await started.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert sock.fileno() == -1
