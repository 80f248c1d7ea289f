"""A bot's life under its launcher, on real processes."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.launcher.archive import LAUNCHER, launcher_root
from controller.launcher.file_lease import Lease
from schemas.reports import Outcome, ReportKind
from tests.unit.controller.launcher.station import LONG, SHORT, Station, alive, ended, until

Stations = Callable[[str], Station]

PATIENT = """
import os, signal, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
print("pid", os.getpid(), flush=True)
while not asked:
    time.sleep(0.01)
print("goodbye", flush=True)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("pid", os.getpid(), flush=True)
time.sleep(600)
"""
FIRST_FILE = """
import os, time
state = os.environ["STATE_DIR"]
print("pid", os.getpid(), flush=True)
while not os.path.exists(state + "/../go"):
    time.sleep(0.01)
if open(state + "/../go").read() == "made":
    open(state + "/x.json", "w").close()
else:
    os.rename(state + "/../go", state + "/x.json")
time.sleep(600)
"""
MIDDLE = """
import json, os, subprocess, sys, time
order, launcher = sys.argv[1:]
document = json.load(open(order)) | {"parent": os.getpid()}
json.dump(document, open(order, "w"))
subprocess.Popen([sys.executable, "-I", "-S", launcher, order])
time.sleep(600)
"""
PARENT = """
import os, signal, subprocess, sys, time
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code])
stray = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
forked = os.fork()
if forked == 0:
    os.setsid()
    if os.fork() == 0:
        print("pid", os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.waitpid(forked, 0)
print("family", child.pid, stray.pid, flush=True)
time.sleep(600)
"""


async def test_a_planned_stop_is_asked_for_and_reported_in_order(station: Stations) -> None:
    """SIGTERM to the launcher becomes SIGTERM to the bot, whose own goodbye is waited for."""
    place = station(PATIENT)
    launcher = place.start()
    await place.line("stdout", "pid ")
    launcher.terminate()
    assert await ended(launcher) == 0
    assert place.lines("stdout")[-1] == "goodbye"
    assert [report.kind for report in place.reports()] == [
        ReportKind.LEASE_ACQUIRED,
        ReportKind.STARTED,
        ReportKind.EXITED,
        ReportKind.LEASE_RELEASED,
    ]
    (exited,) = place.reports("exited")
    assert (exited.outcome, exited.exit_code, exited.run, exited.launcher_pid) == (
        Outcome.STOPPED,
        0,
        "a1-1",
        launcher.pid,
    )


async def test_a_running_bot_is_reported_again_and_again(station: Stations) -> None:
    """A controller that forgot the start learns of the run by the launcher's next word."""
    place = station(PATIENT)
    place.start(place.order(changes={"report_every": 0.1}))
    (start,) = await place.report("started")
    again = await place.report("running", 2)
    assert {(one.run, one.pid, one.started_at) for one in again} == {(start.run, start.pid, start.started_at)}


async def test_a_bot_that_ignores_its_stop_is_killed(station: Stations) -> None:
    """After kill_timeout comes SIGKILL, and the report says so."""
    place = station(STUBBORN)
    launcher = place.start(place.order(kill_timeout=0.3))
    pid = int(await place.line("stdout", "pid "))
    launcher.terminate()
    assert await ended(launcher) == 0
    assert not alive(pid)
    assert place.reports("exited")[0].outcome is Outcome.KILLED


async def test_everything_the_bot_started_ends_with_it(station: Stations) -> None:
    """Children, those in sessions of their own, and orphans of orphans are gone when the launcher ends."""
    place = station(PARENT)
    launcher = place.start(place.order(kill_timeout=0.3))
    family = [int(pid) for pid in (await place.line("stdout", "family ")).split()]
    family.append(int(await place.line("stdout", "pid ")))
    assert all(alive(pid) for pid in family)
    launcher.terminate()
    assert await ended(launcher) == 0
    assert not [pid for pid in family if alive(pid)]


async def test_a_killed_launcher_takes_the_bot_with_it(station: Stations) -> None:
    """A bot never outlives its launcher, however that ended."""
    place = station(STUBBORN)
    launcher = place.start()
    pid = int(await place.line("stdout", "pid "))
    launcher.kill()
    await ended(launcher)
    await until(lambda: not alive(pid))


async def test_a_launcher_ends_its_bot_in_peace_when_its_parent_is_gone(
    station: Stations, tmp_path: Path
) -> None:
    """The death of whoever started the launcher is a planned stop."""
    place = station(PATIENT)
    file = tmp_path / "order.json"
    file.write_text(json.dumps(place.order()))
    middle = await asyncio.to_thread(
        subprocess.Popen, [sys.executable, "-c", MIDDLE, str(file), str(launcher_root() / LAUNCHER)]
    )
    await place.line("stdout", "pid ")
    middle.kill()
    await ended(middle)
    await place.report("lease_released")
    assert place.lines("stdout")[-1] == "goodbye"


async def test_a_second_launcher_waits_for_the_first(station: Stations) -> None:
    """Two launchers of one bot: one runs it, the other says that it waits and goes on when it may."""
    place = station(PATIENT)
    first = place.start()
    pid = int(await place.line("stdout", "pid "))
    second = place.start()
    (waiting,) = await place.report("waiting")
    assert (waiting.reason, waiting.launcher_pid) == ("lease", second.pid)
    assert len(place.reports("started")) == 1
    first.terminate()
    await ended(first)
    assert not alive(pid)
    await place.report("started", 2)
    second.terminate()
    assert await ended(second) == 0
    assert [report.attempt for report in place.reports("started")] == [1, 2]


GUARDED = """
import sys
sys.path.append(sys.argv.pop(1))
from controller.launcher.file_lease import Lease
Lease.deadline_free = False  # as with a lease on Nomad: a guard stands beside the launcher
from controller.launcher.launcher import main
sys.exit(main())
"""
COUNTING = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
print("ready", flush=True)
while True:
    time.sleep(60)
"""


async def test_a_bot_that_is_stopped_while_its_lease_is_lost_is_asked_once(station: Stations) -> None:
    """Neither the launcher nor the lease's guard asks again what is putting its things in order."""
    place = station(COUNTING)
    launcher = place.start(place.order(lease=SHORT), program=["-c", GUARDED, str(launcher_root())])
    await place.line("stdout", "ready")
    launcher.terminate()
    await place.line("stdout", "asked")
    place.lock.unlink()
    place.lock.mkdir()
    (exited,) = await place.report("exited")
    assert await ended(launcher) == 0
    assert (exited.reason, exited.outcome) == ("stop", Outcome.KILLED)
    assert place.lines("stdout") == ["ready", "asked"]


CURIOUS = """
import os, time
for process in (os.getppid(), *map(int, filter(str.isdigit, os.listdir("/proc")))):
    try:
        with open(f"/proc/{process}/stat") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
    except OSError:  # somebody else's, which has ended
        continue
    if os.getppid() not in (process, parent) or process == os.getpid():
        continue
    for name in ("environ", "mem", "maps"):
        try:
            os.close(os.open(f"/proc/{process}/{name}", os.O_RDONLY))
            print("sees", name, flush=True)
        except OSError as error:
            print(error.strerror, flush=True)
print("its own:", sorted(name for name in os.environ if "NOMAD" in name), flush=True)
time.sleep(600)
"""


async def test_a_bot_cannot_look_into_its_launcher(station: Stations) -> None:
    """What keeps the lease stays there: neither its environment nor its memory, nor those of the guard."""
    place = station(CURIOUS)
    wrapped = [] if os.geteuid() else ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
    launcher = place.start(
        program=["-c", GUARDED, str(launcher_root())], before=wrapped, NOMAD_TOKEN="the-launchers-own"
    )
    assert await place.line("stdout", "its own: ") == "[]"
    refused = place.lines("stdout")[:-1]
    assert set(refused) == {"Permission denied"}
    assert len(refused) >= 9  # the launcher twice, and its guard
    launcher.terminate()
    assert await ended(launcher) == 0


@pytest.mark.parametrize("code", [PATIENT, STUBBORN])
async def test_a_lost_lease_ends_the_bot_before_the_lease_can_end(station: Stations, code: str) -> None:
    """Without renewals the bot gets SIGTERM, then SIGKILL, and all of it within the time to live."""
    place = station(code)
    launcher = place.start(place.order(lease=SHORT, kill_timeout=600.0))
    pid = int(await place.line("stdout", "pid "))
    await until(lambda: (place.folder / "work" / "lease-deadline").exists())
    place.lock.unlink()
    place.lock.mkdir()  # nor can it be taken again
    (lost,) = await place.report("lease_lost")
    (exited,) = await place.report("exited")
    assert not alive(pid)
    assert exited.ended_at is not None
    assert exited.ended_at - lost.t < SHORT.ttl - SHORT.terminate_after
    assert (exited.reason, exited.outcome) == (
        "lease_lost",
        Outcome.STOPPED if code == PATIENT else Outcome.KILLED,
    )
    await place.report("waiting", reason="lease")
    place.lock.rmdir()
    await place.report("started", 2)
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_the_bot_can_read_until_when_it_may_act(station: Stations) -> None:
    """A file with a Unix time, and one on a clock that nobody sets; every renewal moves both on."""
    place = station("""
import os, time
from pathlib import Path
file = Path(os.environ["HERDSMAN_LEASE_DEADLINE"])
first = float(file.read_text())
while float(file.read_text()) == first:
    time.sleep(0.01)
boottime = float(Path(os.environ["HERDSMAN_LEASE_BOOTTIME"]).read_text())
same = abs(boottime - time.clock_gettime(time.CLOCK_BOOTTIME) - (float(file.read_text()) - time.time())) < 30
print("moved", first > time.time() - 60, float(file.read_text()) > first, same, flush=True)
time.sleep(600)
""")
    launcher = place.start()
    assert await place.line("stdout", "moved ") == "True True True"
    launcher.terminate()
    await ended(launcher)


async def test_state_that_lies_elsewhere_is_waited_for(station: Stations) -> None:
    """A bot whose state is on another node does not start empty here, and frees the lease meanwhile."""
    place = station(PATIENT)
    place.lock.write_text("another-node")
    launcher = place.start()
    (waiting,) = await place.report("waiting")
    assert waiting.reason == "state_elsewhere"
    assert not place.reports("started")
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_the_first_file_of_state_is_remembered_with_the_lease(station: Stations) -> None:
    """From the first file in the state folder on, the lease knows on which node it is."""
    place = station('import os; open(os.environ["STATE_DIR"] + "/x.json", "w").close(); ' + PATIENT.strip())
    launcher = place.start()
    await until(lambda: place.lock.exists() and place.lock.read_text() == "here 1")
    launcher.terminate()
    assert await ended(launcher) == 0


@pytest.mark.parametrize("way", ["made", "renamed into it"])
async def test_the_first_file_of_state_is_remembered_as_it_appears(station: Stations, way: str) -> None:
    """No renewal is waited for: a node that is lost in between would take along what nobody knows of."""
    place = station(FIRST_FILE)
    launcher = place.start(place.order(lease=replace(LONG, renew_every=1000.0)))
    await place.line("stdout", "pid ")
    assert place.lock.read_text() == ""
    (place.state.parent / "written").write_text(way)
    (place.state.parent / "written").rename(place.state.parent / "go")
    await until(lambda: place.lock.read_text() == "here 1", 90)
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_renamed_bot_takes_its_state_along(station: Stations) -> None:
    """The first start under a new name moves the state folder of the old one."""
    place = station('import os; print("state", os.listdir(os.environ["STATE_DIR"]), flush=True)')
    former = place.state.with_name("former")
    former.mkdir(parents=True)
    (former / "kept.json").touch()
    launcher = place.start(place.order(renamed_from="former"))
    assert await place.line("stdout", "state ") == "['kept.json']"
    assert not former.exists()
    launcher.terminate()
    await ended(launcher)


async def test_a_renamed_bot_takes_a_state_along_once(station: Stations) -> None:
    """With an empty folder of its own, it does not take the state of who has its former name by now."""
    place = station('import os; print("state", os.listdir(os.environ["STATE_DIR"]), flush=True)')
    former = place.state.with_name("former")
    former.mkdir(parents=True)
    (former / "anothers.json").touch()
    place.state.mkdir()
    launcher = place.start(place.order(renamed_from="former"))
    assert await place.line("stdout", "state ") == "[]"
    assert (former / "anothers.json").exists()
    launcher.terminate()
    await ended(launcher)


def test_a_full_disk_under_the_lease_ends_no_bot(tmp_path: Path) -> None:
    """Where the state is cannot be recorded then, which is an answer and no error of the launcher."""
    lease = Lease({"lease": {"options": {"path": str(tmp_path / "lock")}}}, {})
    assert lease.acquire(1.0)
    held, lease.inherited = lease.inherited, (os.open("/dev/full", os.O_WRONLY),)
    assert not lease.settle("here", 1.0)
    assert "No space left" in lease.reason
    lease.release(1.0)
    lease.inherited = held
    assert lease.settle("here", 1.0)
    lease.release(1.0)


async def test_crashes_are_restarted_with_a_growing_pause(station: Stations) -> None:
    """1, 2, 4 times the first delay, up to the cap; each with the bot's last words."""
    place = station('raise RuntimeError("no data")')
    launcher = place.start()
    crashes = await place.report("exited", 4)
    assert [crash.restart_in for crash in crashes[:4]] == [0.1, 0.2, 0.4, 0.4]
    assert {crash.message for crash in crashes} == {"RuntimeError: no data (main.py:1)"}
    assert {crash.outcome for crash in crashes} == {Outcome.CRASHED}
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_long_enough_life_forgives_earlier_crashes(station: Stations) -> None:
    """After reset_after seconds of health the pause begins anew."""
    place = station("import time; time.sleep(0.3)")
    order = place.order(changes={"restart": {"first_delay": 0.1, "max_delay": 5.0, "reset_after": 0.2}})
    launcher = place.start(order)
    crashes = await place.report("exited", 3)
    assert [crash.restart_in for crash in crashes[:3]] == [0.1, 0.1, 0.1]
    launcher.terminate()
    await ended(launcher)


async def test_a_stop_during_the_pause_ends_at_once(station: Stations) -> None:
    """Nobody waits out a backoff to stop a bot."""
    place = station("raise SystemExit(3)")
    order = place.order(changes={"restart": {"first_delay": 600, "max_delay": 600, "reset_after": 600}})
    launcher = place.start(order)
    (crash,) = await place.report("exited")
    assert (crash.exit_code, crash.restart_in) == (3, 600)
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_output_is_rotated_between_lines_and_nothing_is_lost(station: Stations) -> None:
    """Full files are followed by the next, the oldest are deleted, and a line is never cut in two."""
    place = station('for n in range(20000): print(f"{n:05} " + "x" * 90)\nimport time; time.sleep(600)')
    order = place.order(changes={"output": {"pump": True, "size": 200_000, "files": 100}})
    launcher = place.start(order)
    await place.line("stdout", "19999 ")
    launcher.terminate()
    await ended(launcher)
    files = sorted((place.folder / "alloc" / "logs").glob("bot.stdout.*"))
    assert len(files) == 10
    assert all(file.read_bytes().endswith(b"\n") for file in files)
    assert [int(line[:5]) for line in place.lines("stdout")] == list(range(20000))


async def test_what_a_crashing_bot_said_last_is_kept(station: Stations) -> None:
    """Output in the pipe when the bot dies is written before the crash is reported."""
    place = station('import os; print("x" * 50000); print("last"); os.kill(os.getpid(), 9)')
    launcher = place.start()
    (crash, *_) = await place.report("exited")
    assert (crash.signal, crash.message) == (9, "ended by signal 9")
    assert place.lines("stdout")[1] == "last"
    launcher.terminate()
    await ended(launcher)


@pytest.mark.parametrize(
    "leaves",
    [
        "os.makedirs(folder + '/result.json', exist_ok=True)",
        "open(folder + '/result.json', 'w').write('[' * 450 + ']' * 450)",
        "open(os.path.dirname(folder) + '/attempt', 'w').write('no number')",
    ],
)
async def test_what_a_bot_leaves_behind_never_ends_its_launcher(station: Stations, leaves: str) -> None:
    """Its end is reported and it is started again, whatever it made of its own folders."""
    place = station(f'import os; folder = "/" + os.environ["CODE_MOUNT_DIR"]; {leaves}; os._exit(3)')
    launcher = place.start()
    ends = await place.report("exited", 2)
    assert {end.exit_code for end in ends[:2]} == {3}
    assert launcher.poll() is None
    launcher.terminate()
    await ended(launcher)


async def test_a_missing_secret_is_said_by_name(station: Stations) -> None:
    """A bot is not started without one of its secrets; a present one reaches it under its own name."""
    place = station('import os; print("key", os.environ["KEY"], "OTHER" in os.environ, flush=True)')
    order = place.order(changes={"secrets": {"KEY": "env:FLEET_KEY"}})
    launcher = place.start(order)
    (failed, *_) = await place.report("failed")
    assert failed.message == "the secret for KEY is not there: env:FLEET_KEY"
    assert failed.restart_in == 0.1
    launcher.terminate()
    await ended(launcher)
    launcher = place.start(order, FLEET_KEY="s3cret", OTHER="platform")
    assert await place.line("stdout", "key ") == "s3cret False"
    launcher.terminate()
    await ended(launcher)


async def test_an_interpreter_that_is_not_there_is_reported(station: Stations) -> None:
    """What cannot be executed is a failure to launch, with the reason."""
    place = station("")
    launcher = place.start(place.order(changes={"interpreter": "/nowhere/python"}))
    (failed, *_) = await place.report("failed")
    assert "/nowhere/python" in failed.message
    assert "No such file" in failed.message
    launcher.terminate()
    await ended(launcher)


async def test_a_compiled_program_is_executed(station: Stations) -> None:
    """Its layer's link names the binary, which runs by itself in the program's folder."""
    place = station("")
    binary = place.folder / "layer" / "built" / "maker"
    binary.parent.mkdir(parents=True)
    binary.write_text('#!/bin/sh\necho "hello $BOT_ID from $PWD as $0 $#"\nsleep 600 & wait\n')
    binary.chmod(0o755)
    (place.folder / "layer" / "bot").symlink_to("built/maker")
    layer = {"digest": "l", "url": "", "path": str(place.folder / "layer")}
    launcher = place.start(
        place.order(changes={"runtime": "gcc13", "entrypoint": "main.cpp", "dependencies": layer})
    )
    assert await place.line("stdout", "hello ") == f"alpha from {place.code} as {binary} 0"
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_compiled_program_that_was_not_built_does_not_start(station: Stations) -> None:
    """Without its layer the launch fails and names the runtime; nothing else is run instead."""
    place = station("")
    (place.code / "main.cpp").write_text("#!/bin/sh\necho hello\n")
    (place.code / "main.cpp").chmod(0o755)
    launcher = place.start(place.order(changes={"runtime": "gcc13", "entrypoint": "main.cpp"}))
    (failed, *_) = await place.report("failed")
    assert failed.message == "the runtime gcc13 is not available here: main.cpp"
    launcher.terminate()
    await ended(launcher)


async def test_labels_say_whose_output_it_is(station: Stations) -> None:
    """The labels file lies in the allocation before the first line of output."""
    place = station(PATIENT)
    launcher = place.start()
    await place.line("stdout", "pid ")
    labels = json.loads((place.folder / "alloc" / "herdsman.json").read_text())
    assert (labels["bot"], labels["allocation"], labels["node"], labels["task"]) == (
        "alpha",
        "a1",
        "here",
        "bot",
    )
    launcher.terminate()
    await ended(launcher)
