"""The kill switch: from the operator's word to the last bot's SIGTERM, and until all are dead.

Locally with real launchers and bots (a small compiled program each, so that the machine bears them), which
write down when SIGTERM reached them. On Nomad with as many real bots as a small machine bears, then with
jobs of its mock driver and as many held queries as there would be launchers: what is measured there is the
word's way through Nomad, and how long the lasting stop of every job takes.
"""

import asyncio
import io
import os
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import requests

from bench.changed import make_scheduler, mocked, registered
from bench.desks import FLEET, Desk
from bench.figures import Figure
from controller.killing import AT_ONCE
from controller.records import Rules, Suspension
from controller.schedulers.local import LocalScheduler
from controller.schedulers.nomad.job import rules_path
from controller.schedulers.protocol import Launch, Phase, Scheduler
from gitops.bundle import Bundle
from schemas.bot import BotSpec, BotType, Mode, ProgramVersion
from tests.contract.nomad_harness import nomad_harness
from tests.engines.nomad import NomadAgent, nomad_agent

BOTS = 1000
REAL_ON_NOMAD = 60
PATIENCE = 600.0
BOT = r"""
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

static void note(const char *what) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  char line[64];
  int size = std::snprintf(line, sizeof line, "%s %ld.%09ld\n", what, (long)now.tv_sec, now.tv_nsec);
  int file = open(RECORD, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (write(file, line, size) < 0) _exit(2);
  close(file);
}

static void stop(int) {
  note("term");
  _exit(0);
}

int main() {
  std::signal(SIGTERM, stop);
  note("start");
  for (;;) pause();
}
"""


def measure() -> list[Figure]:
    """Measure both schedulers."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        root = Path(folder)
        figures = asyncio.run(locally(root / "local"))
        for name in ("nomad", "many"):
            (root / name).mkdir()
        with nomad_agent() as nomad:
            figures += asyncio.run(really_on_nomad(root / "nomad", nomad))
        with nomad_agent(connections=0) as nomad:
            figures += asyncio.run(many_on_nomad(root / "many", nomad))
    return figures


async def locally(root: Path) -> list[Figure]:
    """Measure real bots on the local scheduler, beside bare signals to as many of the same program."""
    floor = bare(compiled(root / "bare"), root / "bare" / "record")
    layer, record = packed(root, compiled(root)), root / "record"
    scheduler = LocalScheduler(root / "scheduler", FLEET, cache=root / "cache", python=lambda _: "")
    await scheduler.open()
    try:
        await started(scheduler, BOTS, layer, layer, record)
        reached, dead = await killed(scheduler, BOTS, record)
    finally:
        await scheduler.close()
    name = f"{BOTS:,} bare processes signalled"
    return [
        Figure(f"kill switch, local, {BOTS:,} real bots, last SIGTERM", reached, "s", floor, name, "5 s"),
        Figure(f"kill switch, local, {BOTS:,} real bots, all seen dead", dead, "s"),
    ]


async def really_on_nomad(root: Path, nomad: NomadAgent) -> list[Figure]:
    """Measure real bots on Nomad: launchers that watch the variable over their tasks' own sockets."""
    record = root / "record"
    async with nomad_harness(root, nomad) as harness:
        layer = packed(root, compiled(root))
        await harness.store(layer)
        await started(harness.scheduler, REAL_ON_NOMAD, layer, layer, record)
        reached, dead = await killed(harness.scheduler, REAL_ON_NOMAD, record)
    return [
        Figure(f"kill switch, Nomad, {REAL_ON_NOMAD} real bots, last SIGTERM", reached, "s", None, "", "5 s"),
        Figure(f"kill switch, Nomad, {REAL_ON_NOMAD} real bots, all ended", dead, "s"),
    ]


async def many_on_nomad(root: Path, nomad: NomadAgent) -> list[Figure]:
    """Measure the word's way to as many watchers, and the lasting stop of as many jobs, by the controller."""
    desk = Desk(root, BOTS)
    scheduler = await make_scheduler(root, nomad)
    desk.push_all()
    with mocked() as rendered:
        async with desk.running(scheduler):
            await registered(desk, nomad)
            watchers = [asyncio.create_task(held(nomad)) for _ in range(BOTS)]
            await asyncio.sleep(5)
            assert not any(watcher.done() for watcher in watchers)
            began = time.time()
            await desk.controller.kill("all", "bench", "a measurement")
            heard = max(await asyncio.gather(*watchers)) - began
            await until(lambda: _all_dead(desk), "all jobs to be stopped")
            stopped = time.time() - began
    floor = await asyncio.to_thread(deregistered, nomad, list(rendered))
    name, rate = f"bare client, {AT_ONCE} at once", f"{BOTS / stopped:.0f} a second"
    stop = f"kill switch, Nomad, {BOTS:,} jobs stopped and seen dead"
    return [
        Figure(f"kill switch, Nomad, {BOTS:,} watchers have heard", heard, "s", None, "", "5 s"),
        Figure(stop, stopped, "s", floor, name, "", rate),
    ]


async def _all_dead(desk: Desk) -> bool:
    (found,) = desk.controller.kills()
    return found.total == found.dead == BOTS


def compiled(folder: Path) -> Path:
    """Compile the bot; it writes into `<folder>/record`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bot.cpp").write_text(BOT)
    macro = f'-DRECORD="{folder / "record"}"'
    subprocess.run(["g++", "-O1", macro, "-o", folder / "maker", folder / "bot.cpp"], check=True)
    return folder / "maker"


def packed(folder: Path, binary: Path) -> Bundle:
    """Return a bundle with the binary, as a build leaves it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(binary, "maker")
        link = tarfile.TarInfo("bot")
        link.type, link.linkname = tarfile.SYMTYPE, "maker"
        archive.addfile(link)
    digest = sha256(content.getvalue()).hexdigest()
    path = folder / f"{digest}.tar.gz"
    path.write_bytes(content.getvalue())
    return Bundle(digest[:12], digest, path, len(content.getvalue()))


async def started(scheduler: Scheduler, bots: int, code: Bundle, layer: Bundle, record: Path) -> None:
    """Start so many bots, and wait until each has said that it lives."""
    program = ProgramVersion(
        "maker", "1.0.0", BotType.REALTIME, "gcc13", "main.cpp", "", "programs/maker", "t"
    )
    for number in range(bots):
        name = f"bot-{number:04}"
        spec = BotSpec(name, program, Mode.DRY, True, "{}", f"bots/{name}.yaml", "one")
        await scheduler.apply(Launch(spec, "0" * 40, code, layer), None)

    async def all_live() -> bool:
        return len(moments(record, "start")) == bots

    await until(all_live, f"{bots} bots to live")


async def killed(scheduler: Scheduler, bots: int, record: Path) -> tuple[float, float]:
    """Turn the switch on; return the seconds until the last SIGTERM arrived, and until all are seen dead."""
    switch = Suspension("", "bench", "a measurement", time.time(), scope="all", kill=True)
    began = time.time()
    await scheduler.keep_rules(Rules(1, (switch,)))

    async def all_reached() -> bool:
        return len(moments(record, "term")) == bots

    await until(all_reached, "SIGTERM to reach all")
    reached = max(moments(record, "term")) - began

    async def all_dead() -> bool:
        seen = (await scheduler.observe()).bots.values()
        return scheduler.kind == "nomad" or all(bot.phase is Phase.STOPPED for bot in seen)

    await until(all_dead, "all to be dead")
    return reached, time.time() - began


def bare(binary: Path, record: Path) -> float:
    """Return the seconds until as many processes without launchers have got a bare signal."""
    children = [subprocess.Popen([binary]) for _ in range(BOTS)]
    while len(moments(record, "start")) < BOTS:
        time.sleep(0.2)
    began = time.time()
    for child in children:
        os.kill(child.pid, signal.SIGTERM)
    for child in children:
        child.wait()
    return max(moments(record, "term")) - began


def moments(record: Path, word: str) -> list[float]:
    """Return the Unix times that bots wrote down with a word."""
    lines = record.read_text().splitlines() if record.exists() else []
    return [float(line.split()[1]) for line in lines if line.startswith(word)]


async def held(nomad: NomadAgent) -> float:
    """Hold a query on the fleet's rules as a launcher does; return when it told something (Unix time)."""
    host, _, port = nomad.address.removeprefix("http://").partition(":")
    path = f"/v1/var/{rules_path(FLEET)}"
    first = await asyncio.to_thread(nomad.get, path.removeprefix("/v1/"))
    reading, writing = await asyncio.open_connection(host, int(port))
    query = f"GET {path}?index={first['ModifyIndex']}&wait=300s HTTP/1.0\r\nHost: nomad\r\n\r\n"
    writing.write(query.encode())
    await reading.read()
    writing.close()
    return time.time()


def deregistered(nomad: NomadAgent, jobs: list[str]) -> float:
    """Return the seconds that a bare client takes to deregister as many jobs, which are registered again."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=AT_ONCE, pool_block=True))
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads, session:
        list(threads.map(lambda job: session.delete(f"{nomad.address}/v1/job/{job}", timeout=60), jobs))
    return time.monotonic() - started


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Look again and again until it is so."""
    ends = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < ends, f"waited {PATIENCE:g} s for {what}"
        await asyncio.sleep(0.05)
