"""Resource use of real processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from telemetry.agent import resources
from telemetry.agent.cgroups import Cgroups, Throttling
from telemetry.agent.resources import Process, ResourceSampler, Target, is_alive
from telemetry.names import RESOURCES
from tests.unit.telemetry.bots import Node

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


async def test_a_round_that_fails_does_not_end_measuring(tmp_path: Path) -> None:
    """The task lives on for all bots of the node, and the next round is measured."""

    class Failing(ResourceSampler):
        rounds = 0

        def sample(self, targets: Iterable[Target], now: float | None = None) -> dict[str, dict[str, float]]:
            self.rounds += 1
            if self.rounds == 1:
                raise OSError("too many open files")
            return {"a1": {"bot_up": 1.0}}

    node = Node(tmp_path)
    agent, sampler = node.agent(), Failing()
    assert await agent._sampled(sampler, []) == {}
    assert await agent._sampled(sampler, []) == {"a1": {"bot_up": 1.0}}
    await node.close()


def test_a_short_read_of_cgroups_is_no_mistake(tmp_path: Path) -> None:
    """Lines that are cut off say nothing, and the others count."""
    (tmp_path / "self").mkdir()
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text("3:cpu\n4\n\n0::/bots/a\n")
    folder = tmp_path / "sys/fs/cgroup/bots/a"
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text("1000\n")
    assert Cgroups(7, str(tmp_path), str(tmp_path)).memory_limit() == 1000


def test_a_full_disk_is_told_as_nothing_left(
    busy: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing left is a number, and not a measurement that is missing."""
    monkeypatch.setattr(resources, "free_bytes", lambda _folder: 0)
    assert ResourceSampler().sample([target(busy.pid)])["a1"]["bot_disk_free_bytes"] == 0.0
    monkeypatch.setattr(resources, "free_bytes", lambda _folder: None)
    assert "bot_disk_free_bytes" not in ResourceSampler().sample([target(busy.pid)])["a1"]


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
