"""One herdsman over several sources: by ssh with a webhook, a folder that is worked in, one that hangs."""

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.fleet import Fleet, add_program, bot_text
from tests.e2e.lives import assert_never_two, wait_lives
from tests.e2e.processes import alive, named
from tests.e2e.service import Service, wait_for
from tests.unit.gitops.ssh_server import SshServer, ssh_server

pytestmark = pytest.mark.e2e
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[SshServer]:
    """Run a real sshd."""
    with ssh_server(tmp_path / "ssh") as running:
        yield running


@pytest.fixture
def silent() -> Iterator[int]:
    """Listen on a port, take every connection and never say a word; returns the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    taken: list[socket.socket] = []

    def swallow() -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=swallow)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)
    for one in taken:
        one.close()


@pytest.fixture
def several(tmp_path: Path, ssh: SshServer, silent: int) -> Iterator[Service]:
    """Run herdsman on all three; of the ssh one it hears only by webhook."""
    (tmp_path / "webhook").write_text(SECRET)
    (tmp_path / "webhook").chmod(0o600)
    file = tmp_path / "sources.yaml"
    file.write_text(
        f"""\
sources:
  - name: hung
    url: http://127.0.0.1:{silent}/hung.git
    poll_interval: 0.2
  - name: desk
    url: {ssh.url(tmp_path / "desk")}
    branch: main
    key_file: {ssh.key}
    known_hosts: {ssh.known_hosts}
    poll_interval: 3600
    webhook_secret_file: webhook
  - name: research
    url: research
"""
    )
    service = Service(tmp_path / "home", ("--sources", str(file)))
    for name in ("desk", "research"):
        work_tree(tmp_path / name, service, tmp_path / "lives")
    try:
        yield service.start()
    finally:
        service.stop()


def work_tree(folder: Path, service: Service, record: Path) -> Fleet:
    """Make a repository with one bot, which is named after it."""
    folder.mkdir()
    service.home.mkdir(exist_ok=True)
    fleet = Fleet(folder, service)
    fleet.git("init", "-q", "-b", "main")
    add_program(fleet)
    fleet.write(f"bots/{folder.name}-bot.yaml", bot_text(f"{folder.name}-bot", record))
    fleet.commit(f"First bot of {folder.name}")
    return fleet


def deliver(service: Service, fleet: Fleet, delivery: str) -> dict[str, str]:
    """Post what GitHub does after a push."""
    body = json.dumps({"ref": "refs/heads/main", "after": delivery}).encode()
    headers = {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}",
    }
    answer = httpx.post(
        f"{service.url}/api/v1/webhooks/{fleet.folder.name}", content=body, headers=headers, timeout=60
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_several_sources_live_side_by_side(
    several: Service, silent: int, tmp_path: Path, record: Path
) -> None:
    """Bots of two sources run and change while a third never answers; a bot moves from one to the other."""
    desk, research = Fleet(tmp_path / "desk", several), Fleet(tmp_path / "research", several)
    several.wait_health("desk-bot", "Healthy")
    several.wait_health("research-bot", "Healthy")
    assert {name: bot["source"] for name, bot in several.bots().items()} == {
        "desk-bot": "desk",
        "research-bot": "research",
    }
    shown = several.run("status").stdout
    assert "SOURCE" in shown
    assert "source hung: " in shown  # it is being read, or after a minute: git timed out

    desk.write("bots/desk-bot.yaml", bot_text("desk-bot", record, text="changed"))
    changed = desk.commit("Change the desk's bot")
    assert deliver(several, desk, changed) == {"result": "looking"}
    wait_for(lambda: several.bots()["desk-bot"]["applied_revision"] == changed, "the webhook's change")
    revision = several.get(f"/api/v1/revisions/{changed}")
    assert (revision["trigger"], revision["source"]) == ("webhook", "desk")

    research.write("bots/saved.yaml", bot_text("saved", record))
    several.wait_health("saved", "Healthy")
    assert several.get("/api/v1/revisions")[0]["branch"] == "main-dirty"

    research.write("bots/desk-bot.yaml", bot_text("desk-bot", record, text="moved"))

    def refused() -> bool:
        newest = several.get("/api/v1/revisions")[0]
        return any("belongs to a bot of the source desk" in error["message"] for error in newest["errors"])

    wait_for(refused, "the second bot of that name to be refused")
    desk.remove("bots/desk-bot.yaml")
    gone = desk.commit("Give the bot away")
    deliver(several, desk, gone)
    wait_for(lambda: several.bots().get("desk-bot", {}).get("source") == "research", "the bot to have moved")
    assert len(wait_lives(record, "desk-bot", 3)) == 3
    assert_never_two(record)

    def children() -> list[psutil.Process]:
        """Return what runs below herdsman while git hangs, which it does again and again."""
        assert several.process is not None
        found = psutil.Process(several.process.pid).children(recursive=True)
        return found if any(f":{silent}/" in named(child) for child in found) else []

    below = wait_for(children, "git to hang")
    assert several.stop() == 0
    wait_for(lambda: not alive(below), "all processes to end")
