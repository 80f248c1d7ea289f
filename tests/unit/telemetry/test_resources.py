"""Resource use of real processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.agent.cgroups import Cgroups, Throttling
from telemetry.agent.resources import ResourceSampler, Target, is_alive
from telemetry.names import RESOURCES

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


def test_a_bots_tree_is_measured(busy: "subprocess.Popen[bytes]") -> None:
    """Memory, CPU, processes, state and limits of launcher and child, under documented names."""
    sampler = ResourceSampler()
    first = sampler.sample([target(busy.pid)])["a1"]
    assert first["bot_processes"] == 2
    assert first["bot_memory_bytes"] > 60_000_000
    assert 0 < first["bot_memory_pss_bytes"] <= first["bot_memory_bytes"]
    assert first["bot_state_bytes"] == 12345
    assert first["bot_disk_free_bytes"] > 0
    assert first["bot_threads"] == 2
    assert 3 <= first["bot_open_files"] < first["bot_open_files_limit"]
    assert (first["bot_memory_limit_bytes"], first["bot_cpu_limit_percent"]) == (1e8, 50.0)
    before = time.monotonic()
    while time.monotonic() < before + 0.3:
        pass
    second = sampler.sample([target(busy.pid)])["a1"]
    assert 0 < second["bot_cpu_percent"] < 250
    assert second["bot_disk_write_bytes_per_second"] >= 0
    assert {*first, *second} <= set(RESOURCES)


def test_a_dead_bot_has_no_use(busy: "subprocess.Popen[bytes]") -> None:
    """A process that is gone is not measured, and neither is a later one with its number."""
    sampler = ResourceSampler()
    long_ago = time.time() - 86400
    assert sampler.sample([target(busy.pid, seen_at=long_ago)]) == {}
    assert sampler.sample([target(4_000_000)]) == {}
    assert is_alive(busy.pid)
    assert not is_alive(4_000_000)
    assert not is_alive(0)


def test_a_launcher_in_a_process_namespace_is_found_by_its_environment(
    busy: "subprocess.Popen[bytes]",
) -> None:
    """Where a task's own process number means nothing outside, its allocation in the environment does."""
    found = ResourceSampler().sample([target(1, "a7", seen_at=0.0)])
    assert found["a7"]["bot_processes"] == 2


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
