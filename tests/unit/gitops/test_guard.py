"""The guard of one build command: ends everything with its time, its memory, or herdsman itself."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitops.compiling import guard


def start(command: str, *, memory: int = 1 << 30, seconds: float = 60.0) -> "subprocess.Popen[str]":
    """Start a guard over a shell command."""
    order = json.dumps({"command": ["sh", "-c", command], "memory": memory, "seconds": seconds})
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, order],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def printed(running: "subprocess.Popen[str]") -> str:
    """Return what it prints until its end; its standard input stays open, as herdsman keeps it."""
    assert running.stdout is not None
    return running.stdout.read()


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)])
def test_the_commands_own_end_is_told(command: str, code: int) -> None:
    """Its exit code is the guard's; a signal counts from 128 on."""
    with start(f"echo out; echo error >&2; {command}") as running:
        assert printed(running) == "out\nerror\n"
        running.wait(90)
    assert running.returncode == code


def test_a_command_that_is_not_there_is_told() -> None:
    """The reason stands in the log."""
    order = json.dumps({"command": ["/nowhere/cargo"], "memory": 1 << 30, "seconds": 5})
    done = subprocess.run(
        [sys.executable, "-I", "-S", guard.__file__, order], capture_output=True, text=True, input=""
    )
    assert (done.returncode, done.stdout) == (
        guard.NOT_STARTED,
        "/nowhere/cargo: No such file or directory\n",
    )


def test_nothing_outlives_herdsman(tmp_path: Path) -> None:
    """Where herdsman dies its end of the pipe closes: the command goes, and what left its session."""
    pids = tmp_path / "pids"
    with start(f"setsid sleep 983 & echo $! > {pids}; echo $$ >> {pids}; echo ready; sleep 983") as running:
        assert running.stdout is not None
        assert running.stdin is not None
        assert running.stdout.readline() == "ready\n"
        running.stdin.close()
        running.stdin = None
        assert running.wait(90) == guard.ABANDONED
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_leftovers_of_a_command_are_ended(tmp_path: Path) -> None:
    """What a command leaves running in the background is not left to the machine."""
    pid = tmp_path / "pid"
    with start(f"setsid sleep 983 >/dev/null 2>&1 & echo $! > {pid}") as running:
        printed(running)
        running.wait(90)
    assert running.returncode == 0
    deadline = time.monotonic() + 90
    while Path(f"/proc/{pid.read_text().strip()}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
