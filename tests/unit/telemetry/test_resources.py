"""Resource use of real processes."""

import asyncio
import functools
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from telemetry.agent.cgroups import Cgroups, Throttling
from telemetry.agent.hanging import folder_size, mount_of, state_of
from telemetry.agent.processes import Process
from telemetry.agent.resources import ResourceSampler, Target, is_alive
from telemetry.agent.sampling import Sampling
from telemetry.names import RESOURCES, Health

NOBODY = (1 << 22) + 1
"""No process of Linux has so high a number."""
BUSY = """
import os, sys
if os.fork() == 0:
    data = bytearray(60_000_000)
    data[::4096] = b"x" * len(data[::4096])
    print("ready", flush=True)
    while True:
        pass
os.wait()
"""


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A launcher with a child that holds 60 MB and burns a core."""
    (tmp_path / "positions.json").write_bytes(b"x" * 12345)
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY],
        stdout=subprocess.PIPE,
        env={**os.environ, "STATE_DIR": str(tmp_path), "NOMAD_ALLOC_ID": "a7"},
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    os.killpg(process.pid, 9)
    process.wait()
    process.stdout.close()


def target(pid: int, allocation: str = "a1", seen_at: float | None = None) -> Target:
    return Target(allocation, pid, time.time() if seen_at is None else seen_at, 100_000_000, 500)


def measured(sampler: ResourceSampler, bot: Target, *names: str) -> dict[str, float]:
    """Measure until these series, which are read aside, were told."""
    found: dict[str, float] = {}
    until = time.monotonic() + 90
    while not found.keys() >= set(names):
        assert time.monotonic() < until, f"only {sorted(found)} were measured"
        found |= sampler.sample([bot]).get(bot.allocation, {})
    return found


def test_a_bots_tree_is_measured(busy: "subprocess.Popen[bytes]") -> None:
    """Memory, CPU, processes, state and limits of launcher and child, under documented names."""
    sampler = ResourceSampler()
    first = sampler.sample([target(busy.pid)])["a1"]
    first |= measured(sampler, target(busy.pid), "bot_state_bytes", "bot_memory_pss_bytes")
    assert first["bot_processes"] == 2
    assert first["bot_memory_bytes"] > 60_000_000
    assert 0 < first["bot_memory_pss_bytes"] <= first["bot_memory_bytes"]
    assert first["bot_state_bytes"] == 12345
    assert first["bot_disk_free_bytes"] > 0
    assert first["bot_threads"] == 2
    assert 3 <= first["bot_open_files"] < first["bot_open_files_limit"]
    assert (first["bot_memory_limit_bytes"], first["bot_cpu_limit_percent"]) == (1e8, 50.0)
    second = sampler.sample([target(busy.pid)])["a1"]
    until = time.monotonic() + 90
    while not second["bot_cpu_percent"] and time.monotonic() < until:  # it may not have had its turn yet
        second = sampler.sample([target(busy.pid)])["a1"]
        time.sleep(0.05)
    assert second["bot_cpu_percent"] > 0
    assert second["bot_disk_write_bytes_per_second"] >= 0
    assert {*first, *second} <= set(RESOURCES)


def test_a_bot_that_cannot_be_measured_costs_no_other_one_its_figures(
    busy: "subprocess.Popen[bytes]", caplog: pytest.LogCaptureFixture
) -> None:
    """It is left out, said once, and measured again as soon as that is possible."""

    class Failing(ResourceSampler):
        broken = True

        def _add_files(self, values: dict[str, float], tree: list[Process]) -> None:
            if self.broken:
                self.broken = False
                raise ValueError("a short read")

    sampler = Failing()
    targets = [target(busy.pid, "a1"), target(busy.pid, "a2")]
    assert set(sampler.sample(targets)) == {"a2"}
    sampler.broken = True
    assert len(sampler.sample([target(busy.pid, "a3"), *targets])) == 2
    assert set(sampler.sample(targets)) == {"a1", "a2"}
    assert caplog.text.count("cannot be measured") == 1


async def test_a_round_that_fails_does_not_end_measuring() -> None:
    """The task lives on for all bots of the node, and the next round is measured."""

    class Failing(ResourceSampler):
        rounds = 0

        def sample(self, targets: Iterable[Target], now: float | None = None) -> dict[str, dict[str, float]]:
            self.rounds += 1
            if self.rounds == 1:
                raise OSError("too many open files")
            return {"a1": {"bot_up": 1.0}}

    ready = asyncio.Event()
    sampling = Sampling(ready.set, Health(), 0.001, Failing())
    running = asyncio.create_task(sampling.run(list))
    async with asyncio.timeout(90):
        await ready.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [one.values for one in sampling.take()][:1] == [{"bot_up": 1.0}]


async def test_measuring_takes_a_twentieth_of_a_core_at_most() -> None:
    """The dearer a round is, the longer the pause after it, within bounds; both are series."""

    class Dear(ResourceSampler):
        def sample(self, targets: Iterable[Target], now: float | None = None) -> dict[str, dict[str, float]]:
            self.spent = 30.0
            return {"a1": {"bot_up": 1.0}}

    ready, health = asyncio.Event(), Health()
    sampling = Sampling(ready.set, health, 0.001, Dear())
    assert sampling.pause() == 0.001
    running = asyncio.create_task(sampling.run(list))
    async with asyncio.timeout(90):
        await ready.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sampling.pause() == health.value("herdsman_agent_sample_interval_seconds") == 10.0
    assert health.value("herdsman_agent_sample_cpu_seconds_total") == 30.0


def test_a_short_read_of_cgroups_is_no_mistake(tmp_path: Path) -> None:
    """Lines that are cut off say nothing, and the others count."""
    (tmp_path / "self").mkdir()
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text("3:cpu\n4\n\n0::/bots/a\n")
    folder = tmp_path / "sys/fs/cgroup/bots/a"
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text("1000\n")
    assert Cgroups(7, str(tmp_path), str(tmp_path)).memory_limit() == 1000


def test_a_full_disk_is_told_as_nothing_left(tmp_path: Path) -> None:
    """Nothing left is a number, and not a measurement that is missing."""
    assert state_of(str(tmp_path), lambda _: 0) == {"bot_state_bytes": 0.0, "bot_disk_free_bytes": 0.0}
    assert state_of(str(tmp_path), lambda _: None) == {"bot_state_bytes": 0.0}


def test_a_disk_that_does_not_answer_stalls_its_own_figures_alone(
    busy: "subprocess.Popen[bytes]", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The other figures go on, the disk is named with its silence, and measured once it answers again."""
    caplog.set_level("INFO", "herdsman.agent")
    answers = tmp_path / "answers"
    os.mkfifo(answers)

    def state(folder: str) -> dict[str, float]:
        with answers.open("rb") as disk:  # blocks in the kernel, as a dead disk does
            return {"bot_state_bytes": float(disk.read())}

    sampler, bot = ResourceSampler(state=state, patience=0.05), target(busy.pid)
    found = measured(sampler, bot, "bot_disk_stalled_seconds")
    assert found["bot_disk_stalled_seconds"] >= 0.05
    later = sampler.sample([bot, target(busy.pid, "a2")])
    assert later["a1"]["bot_disk_stalled_seconds"] > found["bot_disk_stalled_seconds"]
    assert later["a1"]["bot_memory_bytes"] > 60_000_000
    assert later["a2"]["bot_memory_bytes"] > 60_000_000
    while "bot_memory_pss_bytes" not in later.get("a2", {}):  # what is read aside elsewhere goes on as well
        later = sampler.sample([bot, target(busy.pid, "a2")])
    assert "bot_state_bytes" not in later["a2"], "it lies on the same disk"
    (said,) = [one for one in caplog.messages if "does not answer" in one]
    assert f"/root{tmp_path}" in said
    answers.write_bytes(b"77")
    back = measured(sampler, bot, "bot_state_bytes")
    assert (back["bot_state_bytes"], back["bot_disk_stalled_seconds"]) == (77, 0)
    sampler.close()


def test_a_state_folder_that_takes_long_keeps_no_neighbour_from_being_measured(tmp_path: Path) -> None:
    """Those that waited for it are measured next; it has its next turn at its usual time, not at once."""
    entered, released, rounds, gate = list[str](), 0, 0, threading.Semaphore(0)

    def state(folder: str) -> dict[str, float]:
        if folder.endswith("/slow"):
            entered.append(folder)
            gate.acquire()
        return {"bot_state_bytes": 7.0}

    bots = [
        subprocess.Popen(
            ["sleep", "600"], env={"STATE_DIR": f"{tmp_path}/{name}", "PATH": os.environ["PATH"]}
        )
        for name in ("slow", "quick")
    ]
    sampler, found = ResourceSampler(state=state, patience=0.05), dict[str, float]()
    targets = [target(bots[0].pid, "a1"), target(bots[1].pid, "a2")]
    until = time.monotonic() + 90
    while "bot_state_bytes" not in found:
        assert time.monotonic() < until
        assert len(entered) < 6, "the slow one is measured again and again"
        now = sampler.sample(targets).get("a2", {})
        found |= now
        rounds = rounds + 1 if now.get("bot_disk_stalled_seconds") and len(entered) > released else 0
        if rounds > 20:  # so that what waited behind it was given up
            gate.release()
            released += 1
    assert released
    assert found["bot_disk_stalled_seconds"] == 0
    gate.release(100)
    sampler.close()
    for bot in bots:
        bot.kill()
        bot.wait()


def test_the_size_of_a_folder_is_measured_within_bounds(tmp_path: Path) -> None:
    """Folders count as well, however deep; where it takes too long the disk is told all the same."""
    deepest, made = tmp_path, []
    for _ in range(1200):
        deepest /= "d"
        deepest.mkdir()
        made.append(deepest)
    (deepest / "positions.json").write_bytes(b"x" * 77)
    assert folder_size(str(tmp_path)) == 77
    assert folder_size(str(tmp_path), most=1200) == 0
    ticks = itertools.count()
    assert folder_size(str(tmp_path), clock=lambda: float(next(ticks))) is None
    slow = functools.partial(folder_size, clock=lambda: float(next(ticks)))
    assert state_of(str(tmp_path), lambda _: 5, slow) == {"bot_disk_free_bytes": 5.0}
    (deepest / "positions.json").unlink()
    for folder in reversed(made):
        folder.rmdir()


EXECS = """
import os, sys
child = os.fork()
if child == 0:
    os.read(0, 1)
    os.execve("/bin/cat", ["cat"], {"STATE_DIR": sys.argv[1]})
print(child, flush=True)
os.waitpid(child, 0)
"""


def test_a_process_looked_at_before_its_program_was_loaded_is_looked_at_again(tmp_path: Path) -> None:
    """The environment of a bot that its launcher only forked so far is not the bot's yet."""
    (tmp_path / "positions.json").write_bytes(b"x" * 9)
    unmarked = {
        name: value for name, value in os.environ.items() if name not in {"STATE_DIR", "NOMAD_ALLOC_ID"}
    }
    with subprocess.Popen(
        [sys.executable, "-c", EXECS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=unmarked,
    ) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdin is not None
        child, sampler = int(launcher.stdout.readline()), ResourceSampler()
        until = time.monotonic() + 90
        while not any(pid == child for pid, _ in sampler._environments):
            assert time.monotonic() < until
            sampler.sample([target(launcher.pid)])
        launcher.stdin.write(b"x")
        launcher.stdin.flush()
        found = measured(sampler, target(launcher.pid), "bot_state_bytes")
        assert found["bot_state_bytes"] == 9
        sampler.close()


def test_the_mount_of_a_folder_is_found_without_asking_it() -> None:
    """The longest place that holds it counts, of several mounts there the last."""
    mounts = (
        "24 1 254:0 / / rw - ext4 /dev/vda rw\n"
        "30 24 0:50 / /srv rw - nfs4 store:/a rw\n"
        "31 24 0:51 / /srv/my\\040bots rw - nfs4 store:/b rw\n"
        "32 24 0:52 / /srv rw - nfs4 store:/c rw\n"
        "33 24"
    )
    assert mount_of(mounts, "/srv/state/sma") == "0:52 /srv"
    assert mount_of(mounts, "/srv/my bots/sma") == "0:51 /srv/my bots"
    assert mount_of(mounts, "/srvs/sma") == "254:0 /"


def test_a_dead_bot_has_no_use(busy: "subprocess.Popen[bytes]") -> None:
    """A process that is gone is not measured, and neither is a later one with its number."""
    sampler = ResourceSampler()
    long_ago = time.time() - 86400
    assert sampler.sample([target(busy.pid, seen_at=long_ago)]) == {}
    assert sampler.sample([target(NOBODY)]) == {}
    assert is_alive(busy.pid)
    assert not is_alive(NOBODY)
    assert not is_alive(0)


def test_a_launcher_in_a_process_namespace_is_found_by_its_environment(
    busy: "subprocess.Popen[bytes]",
) -> None:
    """Where a task's own process number means nothing outside, its allocation in the environment does."""
    found = measured(ResourceSampler(), target(1, "a7", seen_at=0.0), "bot_processes")
    assert found["bot_processes"] == 2


V2 = {
    "proc/self/cgroup": "0::/system.slice/agent.service\n",
    "proc/7/cgroup": "0::/nomad.slice/a1.bot.scope\n",
    "sys/fs/cgroup/nomad.slice/a1.bot.scope/cpu.stat": "usage_usec 9\nthrottled_usec 2500000\n",
    "sys/fs/cgroup/nomad.slice/a1.bot.scope/memory.max": "536870912\n",
}
V1 = {
    "proc/self/cgroup": "5:cpu,cpuacct:/agent\n4:memory:/agent\n0::/\n",
    "proc/7/cgroup": "5:cpu,cpuacct:/a1\n4:memory:/a1\n0::/\n",
    "sys/fs/cgroup/cpu/a1/cpu.stat": "nr_throttled 3\nthrottled_time 2500000000\n",
    "sys/fs/cgroup/memory/a1/memory.limit_in_bytes": "536870912\n",
}


@pytest.mark.parametrize("files", [V2, V1], ids=["v2", "v1"])
def test_a_bot_with_a_cgroup_of_its_own_shows_throttling_and_limit(tmp_path: Path, files: dict[str, str]):
    """Both versions of cgroups tell how long it was kept off the CPU, and its limit of memory."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = Cgroups(7, f"{tmp_path}/proc", str(tmp_path))
    assert found.throttling() == Throttling(2.5)
    assert found.memory_limit() == 536870912


def test_a_cgroup_shared_with_the_agent_says_nothing_of_a_bot(tmp_path: Path):
    """Local bots are in herdsman's own: its limit and its throttling are not theirs."""
    shared = V2 | {"proc/7/cgroup": V2["proc/self/cgroup"]}
    for name, text in shared.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = Cgroups(7, f"{tmp_path}/proc", str(tmp_path))
    assert (found.throttling(), found.memory_limit()) == (None, 0)
