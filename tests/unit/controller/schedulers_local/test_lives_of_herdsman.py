"""Bots end with herdsman, however it ended, and start again with it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controller.schedulers.local.leftovers import BOT_MARK, LAUNCHER_MARK, find
from controller.schedulers.protocol import Phase
from schemas.errors import UsageError
from tests.contract.scheduler_harness import Fleet, LocalHarness, alive, until
from tests.e2e.lives import assert_never_two

FLEET = f"test-{os.urandom(4).hex()}"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a fleet; nothing of it may live after the test, nor two copies have lived."""
    (tmp_path / "fleet").write_text(FLEET)
    (tmp_path / "launches").mkdir()
    yield tmp_path
    assert_never_two(tmp_path / "work" / "record")
    assert processes() == []


def processes() -> list[int]:
    """Return all processes of the test's bots and launchers."""
    return [*find(LAUNCHER_MARK, f"{FLEET}/"), *find(BOT_MARK, f"{FLEET}/")]


def ask(folder: Path, name: str, way: str = "live", **settings: object) -> None:
    """Ask the next herdsman for a bot."""
    (folder / "launches" / f"{name}.json").write_text(json.dumps({"way": way, **settings}))


@asynccontextmanager
async def herdsman(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a herdsman in a process of its own until it is ready; it is killed in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.unit.controller.schedulers_local.host",
        str(folder),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def here(folder: Path) -> AsyncIterator[Fleet]:
    """Run a later herdsman in this process."""
    harness = LocalHarness(folder, FLEET)
    await harness.scheduler.open()
    try:
        yield Fleet(harness)
    finally:
        await harness.scheduler.close()


async def nothing_lives() -> None:
    """Wait until the test's processes are gone."""

    async def gone() -> bool:
        return not await asyncio.to_thread(processes)

    await until(gone)


async def test_no_bot_survives_the_death_of_herdsman(folder: Path) -> None:
    """After `kill -9` each bot still gets its time to put things in order, and then nothing is left."""
    ask(folder, "alpha")
    ask(folder, "beta", "stubborn", kill_timeout=0.5)
    async with herdsman(folder) as process:
        process.kill()
        await process.wait()
        await nothing_lives()
    words = (folder / "work" / "record").read_text().splitlines()
    assert [line.split()[2] for line in words if line.startswith("alpha")][-1] == "end"


async def test_a_new_herdsman_runs_what_ran_before(folder: Path) -> None:
    """Tokens, specs and stops are as they were; what ran runs again, what was stopped does not."""
    ask(folder, "alpha", "count")
    ask(folder, "beta")
    async with herdsman(folder) as process:
        process.kill()
        await process.wait()
    async with here(folder) as fleet:
        before = await fleet.seen("alpha")
        await fleet.lived("alpha", 2)
        await fleet.scheduler.stop("beta", None, "enough")
        stopped = await fleet.phase("beta", Phase.STOPPED)
    await nothing_lives()
    async with here(folder) as fleet:
        await fleet.lived("alpha", 3)
        again = await fleet.phase("alpha", Phase.RUNNING)
        assert (again.token, again.spec, again.revision) == (before.token, "one", "0" * 40)
        assert await fleet.seen("beta") == stopped
        assert stopped.suspended == {"reason": "enough"}
        assert json.loads((fleet.harness.state("alpha") / "starts.json").read_text()) == 3


async def test_leftovers_end_before_anything_starts(folder: Path) -> None:
    """A bot that is still ending when the next herdsman comes is waited for, and a stray one is killed."""
    ask(folder, "alpha", "stubborn", kill_timeout=1.0)
    async with herdsman(folder) as process:
        process.kill()
        await process.wait()
        stray = await asyncio.create_subprocess_exec(
            "sleep", "600", env={BOT_MARK: f"{FLEET}/alpha/x", "PATH": os.environ["PATH"]}
        )
        async with here(folder) as fleet:
            assert await stray.wait() == -signal.SIGKILL
            await fleet.lived("alpha", 2)


async def test_a_killed_launchers_stray_children_are_found(folder: Path) -> None:
    """What a bot started in a session of its own does not survive the accident that took its launcher."""
    async with here(folder) as fleet:
        await fleet.start("alpha", "parent")
        await fleet.marked("alpha", "alive")
        pid = int((folder / "work" / "record.child").read_text())
        assert alive(pid)
        await fleet.harness.kill_launcher("alpha")
        await fleet.lived("alpha", 2)
        assert not alive(pid)


async def test_two_herdsmen_do_not_share_a_folder(folder: Path) -> None:
    """The second is told, and touches nothing."""
    ask(folder, "alpha")
    async with herdsman(folder) as process:
        with pytest.raises(UsageError, match="another herdsman"):
            await LocalHarness(folder, FLEET).scheduler.open()
        assert process.returncode is None
        assert processes()
    await nothing_lives()


async def test_a_copied_folder_starts_nothing_beside_the_original(folder: Path, tmp_path: Path) -> None:
    """A second herdsman over a copy neither ends the first one's bots nor runs them a second time."""
    ask(folder, "alpha")
    async with herdsman(folder):
        before = processes()
        (tmp_path / "copy").mkdir()
        copy = LocalHarness(tmp_path / "copy", FLEET)
        with pytest.raises(UsageError, match="must be a copy"):
            await copy.scheduler.open()
        await copy.scheduler.close()
        assert processes() == before
    await nothing_lives()
