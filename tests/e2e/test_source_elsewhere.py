"""A fleet on a git server elsewhere (https with a token, on loopback), polled: the same as a push to us."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, add_program, bot_text
from tests.e2e.lives import assert_never_two, by_bot, read_lives, wait_lives
from tests.e2e.service import PATIENCE, Service, wait_for
from tests.unit.gitops.serving import make_certificate, serving
from tests.unit.gitops.test_sources import TOKEN, Server

pytestmark = pytest.mark.e2e


@dataclass
class Elsewhere:
    """A running git server: its address, the certificate to trust, its repository on disk."""

    url: str
    certificate: Path
    repository: Path


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    """Serve a repository over TLS from a thread with a loop of its own."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder)
    certificate, key = make_certificate(folder)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    ports: list[int] = []

    async def serve() -> None:
        async with serving(server, ssl_certfile=certificate, ssl_keyfile=key) as port:
            ports.append(port)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(PATIENCE)
    yield Elsewhere(f"https://127.0.0.1:{ports[0]}/team/fleet.git", certificate, server.repository.path)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def polling(tmp_path: Path, elsewhere: Elsewhere) -> Iterator[Service]:
    """Run herdsman on that server's fleet, in its folder `desk`."""
    token = tmp_path / "source-token"
    token.write_text(TOKEN + "\n")
    options = (
        *("--source", elsewhere.url, "--source-ca-file", str(elsewhere.certificate)),
        *("--source-token-file", str(token), "--poll-interval", "0.5", "--subfolder", "desk"),
    )
    running = Service(tmp_path / "home", options).start()
    try:
        yield running
    finally:
        running.stop()


def publish(fleet: Fleet, elsewhere: Elsewhere) -> None:
    """Let the server have what is committed, as a push to it would."""
    source = str(fleet.folder.parent)
    fleet.git("--git-dir", str(elsewhere.repository), "fetch", "-q", source, "+main:main")


def test_a_polled_fleet_is_applied_and_its_mistakes_reported(
    polling: Service, elsewhere: Elsewhere, tmp_path: Path, record: Path
) -> None:
    """New, changed and removed bots follow the server; a bad manifest stops nothing and is shown."""
    fleet = Fleet(tmp_path / "clone" / "desk", polling)
    fleet.folder.mkdir(parents=True)
    fleet.git("init", "-q", "-b", "main", "..")
    add_program(fleet)
    fleet.write("bots/one.yaml", bot_text("one", record))
    fleet.write("bots/two.yaml", bot_text("two", record))
    revision = fleet.commit("two bots")
    publish(fleet, elsewhere)
    assert polling.wait_health("one", "Healthy")["applied_revision"] == revision
    polling.wait_health("two", "Healthy")
    wait_lives(record, "two")

    fleet.write("bots/one.yaml", bot_text("one", record, text="changed"))
    fleet.write("bots/two.yaml", bot_text("two", record, volatilty=1))
    bad = fleet.commit("a fix and a typo")
    publish(fleet, elsewhere)

    def arrived() -> bool:
        bots = polling.bots()
        return bots["one"]["applied_revision"] == bad and bots["two"]["reason"] == "InvalidManifest"

    wait_for(arrived, "the fix to be applied and the typo to be shown")
    assert "volatilty" in polling.bots()["two"]["message"]
    errors = polling.get("/api/v1/revisions")[0]["errors"]
    assert [error["suggestion"] for error in errors] == ["volatility"]
    assert len(by_bot(read_lives(record))["two"]) == 1

    fleet.remove("bots/two.yaml")
    fleet.commit("without two")
    publish(fleet, elsewhere)
    wait_for(lambda: "two" not in polling.bots(), "two to be gone")
    polling.wait_health("one", "Healthy")
    assert TOKEN not in polling.log.read_text()
    assert_never_two(record)
