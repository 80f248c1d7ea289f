"""What each step of a run does to the world; all of it is mended when a step ends."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.e2e.service import Service, wait_for
from tests.engines import clocks
from tests.faults.runs.drawing import Kind, Step
from tests.faults.runs.dying import FILE
from tests.faults.runs.proxy import proxy
from tests.faults.runs.records import agents_of
from tests.faults.runs.world import PATIENCE, World

DAMAGED_PAGES = 6
PAGE = 4096
MOST_HOURS = 6
AWAY = 40.0
"""Seconds without Nomad in which no lease of these bots can end."""


def play(world: World, step: Step) -> None:
    """Do one step, and wait until all is well again."""
    _STEPS[step.kind](world, step)
    world.settle()
    (world.acting.home / FILE).unlink(missing_ok=True)


def prepare(world: World, step: Step) -> None:
    """Commit what a step pushes."""
    kind = step.push if step.kind not in (Kind.CHANGE, Kind.ADD, Kind.REMOVE, Kind.RENAME) else step.kind
    name = world.pick(step.share)
    if kind is Kind.CHANGE:
        for other in sorted(world.wanted)[: 1 + int(step.share * 5)]:
            world.change(other)
    elif kind is Kind.ADD:
        world.add()
    elif kind is Kind.REMOVE:
        world.remove(name)
    else:
        world.rename(name)
    world.commit(f"{kind}")


def _push(world: World, step: Step) -> None:
    prepare(world, step)
    assert world.push("-o", "confirm-prune")


def _bad_manifest(world: World, step: Step) -> None:
    """A manifest that is wrong is refused, and nothing moves."""
    name = world.pick(step.share)
    text = (world.fleet.folder / f"bots/{name}.yaml").read_text()
    world.fleet.write(f"bots/{name}.yaml", text.replace("spec:", "spce:"))
    world.commit("a mistake")
    assert not world.push()
    world.fleet.git("reset", "-q", "--hard", "HEAD^")


def _force_push(world: World, step: Step) -> None:
    """The newest commit is taken back and another put in its place."""
    prepare(world, step)
    world.push("-o", "confirm-prune")
    world.fleet.git("commit", "-q", "--amend", "-m", "written anew")
    world.push("--force", "-o", "confirm-prune")


def _kill_amid_push(world: World, step: Step) -> None:
    """herdsman, or its controller, is killed a moment after a push began."""
    _killed(world, step, world.acting)


def _kill_web(world: World, step: Step) -> None:
    """The web, through which pushes and all that is told of bots come, is killed amid a push."""
    _killed(world, step, world.service)


def _killed(world: World, step: Step, part: Service) -> None:
    prepare(world, step)
    with _pushing(world):
        time.sleep(step.moment)
        part.kill()
    world.start()


@contextmanager
def _pushing(world: World) -> Iterator[None]:
    """Push during the block, which ends once the push has."""
    with ThreadPoolExecutor(1) as pool:
        pushed = pool.submit(world.push, "-o", "confirm-prune")
        yield
        pushed.result()


def _die_at_point(world: World, step: Step) -> None:
    """herdsman ends in the middle of a step of a pass, wherever it gets to that point for the n-th time."""
    world.acting.stop()
    (world.acting.home / FILE).write_text(f"{step.point} {step.call}")
    world.start()
    prepare(world, step)
    world.push("-o", "confirm-prune")


def _restart(world: World, _step: Step) -> None:
    world.stop()
    world.start()


def _kill_bot(world: World, step: Step) -> None:
    """A bot's process dies, and is started again."""
    name = world.pick(step.share)
    for pid in world.record(name).alive():
        world.allowed[name] += 1
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(world.record(name).alive()) == 1, f"{name} to run again", PATIENCE)


def _kill_launcher(world: World, step: Step) -> None:
    """A bot's parent dies, and the bot with it."""
    name = world.pick(step.share)
    for pid in world.record(name).alive():
        world.allowed[name] += 1
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).parent().kill()


def _cut_push(world: World, step: Step) -> None:
    """The network between git and herdsman does what a bad one does, and then lets the push through."""
    prepare(world, step)
    with proxy(("127.0.0.1", world.service.port)) as between:
        between.mood = step.fault
        with suppress(subprocess.TimeoutExpired):
            _push_through(world, between.url, 5)
        assert between.struck
        between.mood = ""
        _push_through(world, between.url, PATIENCE)


def _push_through(world: World, url: str, seconds: float) -> None:
    token = f"http.{url}/.extraHeader=Authorization: Bearer {world.service.token}"
    subprocess.run(
        ["git", "-c", token, "push", "-o", "confirm-prune", f"{url}/git/fleet.git", "main"],
        cwd=world.fleet.folder,
        env=world.service.environment() | {"GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        timeout=seconds,
        check=False,
    )


def _full_disk(world: World, step: Step) -> None:
    """herdsman's disk is full while a push arrives; nothing that runs may stop for that."""
    prepare(world, step)
    with filled(world.home):
        world.push("-o", "confirm-prune")
        time.sleep(step.moment)
        assert not world.dead(), "herdsman ended on a full disk"


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no byte free on a folder's disk, for the time of the block."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:  # what a buffer kept would be written at the end once more
                file.write(b"\0" * 65536)
        yield
    finally:
        filler.unlink()


def _damaged_database(world: World, step: Step) -> None:
    """Bytes of the database are overwritten while herdsman is down: it refuses it, and a backup helps."""
    assert world.service.stop() == 0
    backup = world.home / "backup.tar.gz"
    backup.unlink(missing_ok=True)
    world.service.run("backup", str(backup))
    _damage(world.service.data / "herdsman.db", random.Random(step.share))
    refused = world.service.run(
        "up", "--data", str(world.service.data), "--listen", "127.0.0.1:0", check=False
    )
    assert refused.returncode != 0
    assert "damaged" in refused.stderr + refused.stdout, refused.stderr
    assert all(not world.record(name).alive() for name in world.wanted)
    for one in world.service.data.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    world.service.run("restore", str(backup), "--data", str(world.service.data))
    world.start()


def _damage(file: Path, rng: random.Random) -> None:
    """Overwrite the database's first page and some others."""
    pages = file.stat().st_size // PAGE
    with file.open("r+b") as opened:
        for page in [0, *(rng.randrange(pages) for _ in range(DAMAGED_PAGES))]:
            opened.seek(page * PAGE + 20)
            opened.write(rng.randbytes(PAGE // 2))


def _step_clock(world: World, step: Step) -> None:
    """herdsman's wall clock, and no other, jumps by hours while a push arrives, and then back."""
    assert world.service.process is not None
    pid, most = world.service.process.pid, MOST_HOURS * 3600
    clocks.step(pid, wall=int((2 * step.share - 1) * most))
    prepare(world, step)
    world.push("-o", "confirm-prune")
    time.sleep(step.moment)
    clocks.step(pid)


def _cut_nomad(world: World, step: Step) -> None:
    """Nomad answers badly, or not at all, from a moment before a push until a moment after it."""
    assert world.nomad is not None
    prepare(world, step)
    world.nomad.mood = step.fault
    with _pushing(world):
        wait_for(lambda: world.nomad is not None and world.nomad.struck, "herdsman to ask Nomad", PATIENCE)
        time.sleep(step.moment)
        world.nomad.mood = ""
        world.nomad.struck = 0


def _kill_agent(world: World, step: Step) -> None:
    """herdsman's agent on the node, through which all is told of bots, is killed while a push arrives."""
    prepare(world, step)
    with _pushing(world):
        time.sleep(step.moment)
        agents = agents_of(world.home.parent)
        assert agents, "there is no agent"
        for agent in agents:
            agent.kill()


def _kill_nomad(world: World, step: Step) -> None:
    """Nomad's agent, server and client in one, is killed while a push arrives, and started again."""
    assert world.engine is not None
    prepare(world, step)
    with _pushing(world):
        time.sleep(step.moment)
        world.engine.kill()
        began = time.monotonic()
        world.engine.start()
    if time.monotonic() - began > AWAY:
        world.allowed.update({*world.wanted, *world.leaving})


_STEPS: dict[Kind, Callable[[World, Step], None]] = {
    **dict.fromkeys((Kind.CHANGE, Kind.ADD, Kind.REMOVE, Kind.RENAME), _push),
    Kind.BAD_MANIFEST: _bad_manifest,
    Kind.FORCE_PUSH: _force_push,
    Kind.KILL_AMID_PUSH: _kill_amid_push,
    Kind.DIE_AT_POINT: _die_at_point,
    Kind.RESTART: _restart,
    Kind.KILL_BOT: _kill_bot,
    Kind.KILL_LAUNCHER: _kill_launcher,
    Kind.CUT_PUSH: _cut_push,
    Kind.FULL_DISK: _full_disk,
    Kind.DAMAGED_DATABASE: _damaged_database,
    Kind.STEP_CLOCK: _step_clock,
    Kind.CUT_NOMAD: _cut_nomad,
    Kind.KILL_AGENT: _kill_agent,
    Kind.KILL_NOMAD: _kill_nomad,
    Kind.KILL_WEB: _kill_web,
}
