"""Thousands of viewers of one bot that prints ten times a second: the delay from its print to each of them.

The service is the real one; the viewers are one process of open sockets, which reads the bot's own time out
of every message. Client and server share the machine: the figure is of both.
"""

import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.figures import Figure, quantile, thinned
from tests.e2e.fleet import new_fleet
from tests.e2e.service import Service, wait_for

VIEWERS = (500, 1000, 2000)
SECONDS = 15.0
SETTLE = 3.0
"""Seconds after the last viewer came that are not counted."""
UPDATES = 10
CLOCK = f"""\
import json, time

def main(bot_id, config):
    due = time.monotonic()
    while True:
        print(json.dumps({{"_metric": "clock", "value": time.time() * 1000}}))
        due += {1 / UPDATES}
        time.sleep(max(0.0, due - time.monotonic()))
"""
_VALUE = re.compile(rb'bot_clock".*?"value": ?([0-9.]+)')


@dataclass
class Watched:
    """What a crowd of viewers has seen: delays in ms, and how much of a core the server took."""

    viewers: int
    delays: list[float] = field(default_factory=list)
    resets: int = 0
    seconds: float = 0.0
    cores: float = 0.0

    @property
    def rate(self) -> float:
        """Updates that one viewer got in a second."""
        return len(self.delays) / self.viewers / self.seconds


def measure() -> list[Figure]:
    """Measure each number of viewers, on ours and on a bare stream."""
    found = []
    for viewers in VIEWERS:
        with bare_stream() as (port, pid):
            bare = watch(port, "/", "", pid, viewers)
        ours = watch_service(viewers)
        found += figures(ours, bare)
    return found


def figures(ours: Watched, bare: Watched) -> list[Figure]:
    """Return the figures of one number of viewers. Raises AssertionError where updates were lost."""
    assert ours.resets == 0, f"{ours.resets} viewers were told to fetch anew"
    assert ours.rate > 0.9 * UPDATES, f"only {ours.rate:.1f} updates a second came to a viewer"
    middle, most = quantile(ours.delays, 0.5), max(ours.delays)
    detail = (
        f"p50 {middle:.0f} max {most:.0f} ms, {ours.rate:.1f} updates/s each, {ours.cores:.2f} cores "
        f"(bare: {bare.rate:.1f} updates/s, {bare.cores:.2f} cores)"
    )
    target = "500 ms" if ours.viewers == VIEWERS[-1] else ""
    name = f"bot prints -> {ours.viewers:,} viewers have it, p99"
    return [
        Figure(
            name,
            quantile(ours.delays, 0.99),
            "ms",
            quantile(bare.delays, 0.99),
            "a bare ASGI stream",
            target,
            detail,
            thinned(ours.delays),
        )
    ]


@contextmanager
def bare_stream() -> Iterator[tuple[int, int]]:
    """Run the floor's server; its port and process id."""
    server = subprocess.Popen([sys.executable, "-m", "bench.bare_stream"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline()), server.pid
    finally:
        server.kill()
        server.wait()


def watch_service(viewers: int) -> Watched:
    """Start the service with one bot, and look at it."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        root = Path(folder)
        service = Service(root / "home").start()
        try:
            fleet = new_fleet(root / "fleet", service)
            (fleet.folder / "programs" / "counter" / "main.py").write_text(CLOCK)
            fleet.write("programs/counter/bot-schema.json", '{"type": "object", "properties": {}}')
            fleet.write("bots/viewed.yaml", "name: viewed\ntype: realtime/counter\nversion: 1.0.0\n")
            fleet.commit("a clock")
            fleet.push()
            wait_for(lambda: service.bots()["viewed"]["health"] == "Healthy", "the viewed bot", 60)
            assert service.process is not None
            path = "/api/v1/stream?topics=bot:viewed"
            return watch(service.port, path, service.token, service.process.pid, viewers)
        finally:
            service.stop()


def watch(port: int, path: str, token: str, pid: int, viewers: int) -> Watched:
    """Open the streams, and read them for a while."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    watched = Watched(viewers)
    with selectors.DefaultSelector() as selector:
        sockets = []
        try:
            for _ in range(viewers):
                sock = socket.create_connection(("127.0.0.1", port), timeout=30)
                sock.sendall(head)
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ, bytearray())
                sockets.append(sock)
            read(selector, SETTLE, Watched(viewers))
            server = psutil.Process(pid)
            before, started = sum(server.cpu_times()[:2]), time.monotonic()
            read(selector, SECONDS, watched)
            watched.seconds = time.monotonic() - started
            watched.cores = (sum(server.cpu_times()[:2]) - before) / watched.seconds
        finally:
            for sock in sockets:
                sock.close()
    return watched


def read(selector: selectors.BaseSelector, seconds: float, watched: Watched) -> None:
    """Read every stream for so long, noting how old each update is when it is read."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for key, _ in selector.select(0.1):
            assert isinstance(key.fileobj, socket.socket)
            data = key.fileobj.recv(1 << 16)
            now = time.time() * 1000
            assert data, "the server has closed a stream"
            waiting: bytearray = key.data
            waiting += data
            end = waiting.rfind(b"\n\n")
            if end >= 0:
                watched.delays += [now - float(found) for found in _VALUE.findall(waiting, 0, end)]
                watched.resets += waiting.count(b"event: reset", 0, end)
                del waiting[: end + 2]
