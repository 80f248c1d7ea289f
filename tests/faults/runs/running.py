"""One run from its beginning to its judgement."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.runs.drawing import Kind, Run, draw
from tests.faults.runs.forking import Nursery
from tests.faults.runs.judging import judge, judge_ended
from tests.faults.runs.records import end_all
from tests.faults.runs.steps import play
from tests.faults.runs.world import World, new_world, plant_stranger

DISK = "128m"


@dataclass(frozen=True)
class Outcome:
    """What came of a run; `failure` is "" where everything held."""

    seed: int
    most: int
    """How many bots it may have begun with."""
    bots: int
    steps: tuple[str, ...]
    lives: int
    seconds: float
    load: float
    """The machine's load as it ended: how many processes ran or waited to, over a minute."""
    failure: str = ""
    on_nomad: bool = False
    several: bool = False
    """herdsman ran as several processes."""


def make_run(seed: int, nursery: Nursery, most_bots: int = 30, most_steps: int = 7) -> Outcome:
    """Make the run of a seed; whatever goes wrong in it is its failure."""
    run, began = draw(seed, most_bots, most_steps), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"herdsman-faults-{seed}-"))
    with disk(folder / "home"):
        lives, failure = _played(run, folder / "home", nursery)
        if failure:  # what the disk holds goes with it
            shutil.copytree(folder / "home", folder / "kept", symlinks=True, dirs_exist_ok=True)
    if not failure:
        shutil.rmtree(folder)
    names = tuple(step.kind.value for step in run.steps)
    return Outcome(
        seed, most_bots, run.bots, names, lives, round(time.monotonic() - began, 1), load(), failure
    )


def _played(run: Run, home: Path, nursery: Nursery) -> tuple[int, str]:
    stranger, world, at = None, None, "the first push"
    try:
        world = new_world(home, run.bots, nursery)
        stranger, job, text = plant_stranger(world.service.data)
        world.settle()
        for number, step in enumerate(run.steps, 1):
            at = f"step {number}, {step.kind}: {step}"
            play(world, step)
            if step.kind is Kind.DAMAGED_DATABASE:  # the folder was made anew, from a backup of what is ours
                job.write_text(text)
        at = "the judgement"
        judge(world)
        assert stranger.poll() is None, "a process that is not ours was ended"
        assert job.read_text() == text, "a job that is not ours was changed"
        world.stop()
        judge_ended(world)
    except Exception as error:  # noqa: BLE001 - any failure is the outcome
        return count_lives(world), f"at {at}\n{type(error).__name__}: {error}\nkept: {home.parent / 'kept'}"
    finally:
        if stranger is not None:
            stranger.kill()
            stranger.wait()
        if world is not None:
            world.end()
        end_all(home)
    return count_lives(world), ""


def load() -> float:
    """Return the machine's load over a minute."""
    return round(os.getloadavg()[0], 1)


def count_lives(world: World | None) -> int:
    return sum(len(world.record(name).lives()) for name in world.ever()) if world else 0


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Give a folder a small disk of its own for the time of the block (for this needs root)."""
    folder.mkdir(parents=True)
    os.chmod(folder, 0o700)  # noqa: PTH101
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
