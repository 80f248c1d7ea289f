"""The guard of a lease, beside a launcher that stands still: real processes, real signals."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

LAUNCHER = """
import posix, sys, time
from controller.launcher.guard import Guard
from controller.launcher.keeper import now
from controller.launcher.processes import SIGTERM, Program, signal_group, start

record, terminate, kill = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
guard = Guard({"ttl": 10.0, "kill_after": 9.9}, now, f"test/{record}", "no allocation")
guard.begin(now() + terminate, now() + kill)
environment = {"HERDSMAN_BOT": f"test/{record}"}
bot = start(Program([sys.executable, "-c", sys.argv[4], record], environment, "/"), (1, 2))
print(guard.pid, bot, flush=True)
for line in sys.stdin:
    if line == "ask\\n":
        guard.may_ask() and signal_group(bot, SIGTERM)
    elif line == "end\\n":
        guard.end()
    elif line == "begin\\n":
        guard.begin(now() + terminate, now() + kill)
    else:
        guard.extend(*(now() + float(word) for word in line.split()))
    print(guard.pid, flush=True)
"""
BOT = """
import signal, subprocess, sys, time
def note(*_):
    with open(sys.argv[1], "a") as record:
        record.write("asked\\n")
signal.signal(signal.SIGTERM, note)
subprocess.Popen(["sleep", "600"], start_new_session=True)
with open(sys.argv[1], "a") as record:
    record.write("ready\\n")
time.sleep(600)
"""


class Scene:
    """A launcher with its guard and a bot that does not listen, which has a child in a session of its own."""

    def __init__(self, folder: Path, terminate: float, kill: float) -> None:
        self.record = folder / "record"
        self.family: list[psutil.Process] = []
        command = [sys.executable, "-c", LAUNCHER, str(self.record), str(terminate), str(kill), BOT]
        self.launcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.launcher.stdout is not None
        self.guard, self.bot = (psutil.Process(int(pid)) for pid in self.launcher.stdout.readline().split())

    def ready(self) -> list[psutil.Process]:
        """Wait until the bot listens to signals; return its processes."""
        while not (self.record.exists() and "ready" in self.record.read_text() and self.bot.children()):
            assert self.bot.is_running()
            time.sleep(0.005)
        self.family = [self.bot, *self.bot.children()]
        return self.family

    def tell(self, terminate: float, kill: float) -> None:
        """Move the deadlines."""
        self.order(f"{terminate} {kill}")

    def order(self, line: str) -> None:
        """Have the launcher do something: "ask" the bot to end, or "begin" another guard."""
        assert self.launcher.stdin is not None
        assert self.launcher.stdout is not None
        self.launcher.stdin.write(f"{line}\n")
        self.launcher.stdin.flush()
        self.guard = psutil.Process(int(self.launcher.stdout.readline()))

    def asked(self) -> None:
        """Wait until the bot has got SIGTERM."""
        while "asked" not in self.record.read_text():
            assert self.bot.is_running()
            time.sleep(0.005)

    def close(self) -> None:
        """Leave nothing behind."""
        family = [*self.family, *psutil.Process(self.launcher.pid).children(recursive=True)]
        self.launcher.kill()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.launcher.communicate()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    played = Scene(tmp_path, 60, 90)
    yield played
    played.close()


def gone(processes: list[psutil.Process]) -> bool:
    """Wait for processes to have ended; a zombie has, though its launcher cannot collect it."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.005)
    return True


def test_bot_of_a_standing_launcher_is_asked_and_then_killed(scene: Scene) -> None:
    """All that the bot has started ends with it, wherever it hid."""
    processes = scene.ready()
    scene.tell(0.5, 1.0)
    scene.launcher.send_signal(signal.SIGSTOP)
    assert gone(processes)
    assert scene.record.read_text() == "ready\nasked\n"


@pytest.mark.parametrize("meanwhile", ["60 90", "begin"], ids=["renewed", "another guard"])
def test_bot_that_was_asked_already_is_not_asked_again(scene: Scene, meanwhile: str) -> None:
    """Though the lease was renewed since, or the guard replaced: it only kills."""
    processes = scene.ready()
    scene.order("ask")
    scene.asked()
    scene.order(meanwhile)
    scene.tell(0.3, 0.9)
    scene.launcher.send_signal(signal.SIGSTOP)
    assert gone(processes)
    assert scene.record.read_text() == "ready\nasked\n"


def test_launcher_that_thaws_does_not_ask_what_its_guard_asked(scene: Scene) -> None:
    """The bot is left the time that it has; a second signal would be taken for impatience."""
    processes = scene.ready()
    scene.tell(0.2, 60)
    scene.launcher.send_signal(signal.SIGSTOP)
    scene.asked()
    scene.launcher.send_signal(signal.SIGCONT)
    scene.order("ask")
    scene.tell(0.2, 0.8)
    assert gone(processes)
    assert scene.record.read_text() == "ready\nasked\n"


def test_told_deadlines_replace_the_older_ones(scene: Scene) -> None:
    """A lease that was renewed in time costs nobody anything."""
    processes = scene.ready()
    scene.tell(4.0, 4.0)
    scene.tell(60, 90)
    scene.guard.send_signal(signal.SIGTERM)  # meant for the launcher's group: no concern of the guard's
    with pytest.raises(psutil.TimeoutExpired):
        scene.guard.wait(5)
    assert all(process.is_running() for process in processes)


def test_guard_holds_nothing_and_ends_with_its_launcher(scene: Scene) -> None:
    """It keeps no stream or lock open, has a session of its own, and is gone when the launcher is."""
    scene.ready()
    while scene.guard.num_fds() != 2:  # it may not have had its turn yet
        time.sleep(0.005)
    assert scene.guard.pid != scene.launcher.pid
    scene.launcher.kill()
    assert gone([scene.guard])


def test_what_a_killed_launcher_leaves_behind_is_killed(scene: Scene) -> None:
    """The kernel ends the bot with its launcher, and the guard what the bot has started, in any session."""
    processes = scene.ready()
    scene.launcher.kill()
    assert gone(processes)
    assert gone([scene.guard])


def test_guard_that_is_let_go_kills_nobody(scene: Scene) -> None:
    """A launcher that lives sees to its own: the next run may have begun."""
    processes = scene.ready()
    assert scene.launcher.stdin is not None
    scene.launcher.stdin.write("end\n")
    scene.launcher.stdin.flush()
    assert gone([scene.guard])
    assert all(process.is_running() for process in processes)
