"""Kills for memory, as the kernel counts them in a folder made like its own."""

from pathlib import Path

import pytest

from controller.launcher.memory import MemoryKills

MIB = 1 << 20
V2 = {
    "proc/self/cgroup": "0::/nomad.slice/a.bot.scope\n",
    "proc/vmstat": "nr_free_pages 7\noom_kill 3\n",
    "sys/fs/cgroup/nomad.slice/a.bot.scope/memory.events": "low 0\nmax 9\noom 0\noom_kill 0\n",
    "sys/fs/cgroup/nomad.slice/a.bot.scope/memory.max": f"{512 * MIB}\n",
    "sys/fs/cgroup/nomad.slice/a.bot.scope/memory.peak": f"{512 * MIB}\n",
}
V1 = {
    "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/desk/a\n0::/\n",
    "proc/vmstat": "oom_kill 3\n",
    "sys/fs/cgroup/memory/desk/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    "sys/fs/cgroup/memory/desk/a/memory.limit_in_bytes": f"{64 * MIB}\n",
    "sys/fs/cgroup/memory/desk/a/memory.max_usage_in_bytes": f"{64 * MIB}\n",
}
COUNTERS = {
    "v2": "sys/fs/cgroup/nomad.slice/a.bot.scope/memory.events",
    "v1": "sys/fs/cgroup/memory/desk/a/memory.oom_control",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(("files", "kind", "size"), [(V2, "v2", 512), (V1, "v1", 64)])
def test_a_kill_in_its_cgroup_is_told_with_use_and_limit(
    tmp_path: Path, files: dict[str, str], kind: str, size: int
):
    """Both versions of cgroups count it, and say how much was used of how much."""
    write(tmp_path, files)
    kills = MemoryKills(str(tmp_path))
    assert kills.found() == ""
    counter = tmp_path / COUNTERS[kind]
    counter.write_text(counter.read_text().replace("oom_kill 0", "oom_kill 1"))
    assert kills.found() == f"killed by the kernel for memory: used {size} of {size} MiB"


def test_a_kill_of_the_whole_machine_is_told_without_a_limit(tmp_path: Path):
    """Where no cgroup limits the bot, what it used is told, and that there was no more."""
    unlimited = {**V2, "sys/fs/cgroup/nomad.slice/a.bot.scope/memory.max": "max\n"}
    write(tmp_path, unlimited)
    kills = MemoryKills(str(tmp_path))
    write(tmp_path, {"proc/vmstat": "oom_kill 4\n"})
    assert kills.found().startswith("killed by the kernel for memory: used ")
    assert kills.found().endswith(" MiB, and there was no more")


def test_a_machine_without_such_counts_tells_nothing(tmp_path: Path):
    """A kernel that shows none of it is no reason to guess."""
    assert MemoryKills(str(tmp_path)).found() == ""
