"""Starting and ending a bot's processes: its own session, dead with its launcher, nothing left over."""

import _signal  # type: ignore[import-not-found]  # `signal` imports enum, half a megabyte
import ctypes
import posix

SIGINT, SIGTERM, SIGKILL = 2, 15, 9
_SIGPIPE, _SIGXFSZ, _SIGHUP, _SIGCHLD = 13, 25, 1, 17
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36
_MESSAGE = 4096

_prctl = ctypes.CDLL(None).prctl


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies, so that none escapes it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def keep_private() -> None:
    """Let no other process of this user look into this one: its environment holds the platform's credentials.

    Processes forked from it are as private, programs started by it are not. Root may look all the same.
    """
    _prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class StartFailed(Exception):
    """The program could not be executed; the text says why."""


class Program:
    """What to execute: arguments, environment and working folder of one process."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: str) -> None:
        self.arguments, self.environment, self.folder = arguments, environment, folder


def start(program: Program, streams: tuple[int, int], inherited: tuple[int, ...] = ()) -> int:
    """Start a program in its own session and return its process id; it dies if this process does.

    `streams` are the descriptors of its stdout and stderr, `inherited` further ones that it keeps.
    Raises StartFailed where it cannot be executed.
    """
    parent = posix.getpid()
    try:
        reading, writing = posix.pipe2(posix.O_CLOEXEC)
        child = posix.fork()
    except OSError as error:
        raise StartFailed(f"no process can be started: {error}") from error
    if child == 0:
        _become(program, streams, inherited, parent, writing)
    posix.close(writing)
    message = posix.read(reading, _MESSAGE)
    posix.close(reading)
    if message:
        posix.waitpid(child, 0)
        raise StartFailed(message.decode("utf-8", "replace"))
    return child


def die_with(parent: int) -> None:
    """Let the kernel kill this process with its parent, which may have died a moment ago."""
    _prctl(_PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if posix.getppid() != parent:
        posix._exit(1)  # noqa: SLF001 - its documented name


def _become(
    program: Program, streams: tuple[int, int], inherited: tuple[int, ...], parent: int, trouble: int
) -> None:
    """Turn this forked child into the program; tell the parent through `trouble` where that fails."""
    try:
        posix.setsid()
        die_with(parent)
        for number in (_SIGPIPE, _SIGXFSZ, SIGTERM, SIGINT, _SIGHUP, _SIGCHLD):
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        _connect(streams)
        for descriptor in inherited:
            posix.set_inheritable(descriptor, True)
        posix.chdir(program.folder)
        posix.execve(program.arguments[0], program.arguments, program.environment)
    except BaseException as error:  # noqa: BLE001 - nothing may return into the parent's code
        posix.write(trouble, f"{program.arguments[0]}: {error}".encode()[:_MESSAGE])
    finally:
        posix._exit(127)  # noqa: SLF001


def _connect(streams: tuple[int, int]) -> None:
    posix.dup2(posix.open("/dev/null", posix.O_RDONLY), 0)
    out, err = (posix.dup(stream) for stream in streams)
    posix.dup2(out, 1)
    posix.dup2(err, 2)


def signal_group(leader: int, number: int) -> None:
    """Send a signal to every process of the group that `start` made, where there is any left."""
    try:
        posix.killpg(leader, number)
    except OSError:
        return


def reap() -> dict[int, int]:
    """Collect every child that has ended: its exit code (negative: the signal) by process id."""
    ended: dict[int, int] = {}
    while True:
        try:
            child, status = posix.waitpid(-1, posix.WNOHANG)
        except ChildProcessError:
            return ended
        if child == 0:
            return ended
        ended[child] = posix.waitstatus_to_exitcode(status)


def end_strays() -> None:
    """Kill and collect all children, and those that they leave to us, until there are none."""
    while children := _children():
        for child in children:
            posix.kill(child, SIGKILL)
        for child in children:
            posix.waitpid(child, 0)


def _children() -> list[int]:
    """Return our children's process ids, from the kernel's list or else from every process's own record."""
    own = posix.getpid()
    try:
        descriptor = posix.open(f"/proc/{own}/task/{own}/children", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return [number for number in _processes() if _standing(number)[1] == own]
    try:
        found = b""
        while chunk := posix.read(descriptor, 65536):
            found += chunk
        return [int(number) for number in found.split()]
    finally:
        posix.close(descriptor)


def descendants(ancestor: int, but: int) -> list[int]:
    """Return the processes below another that still run, without one and what is below that."""
    known = {process: _standing(process) for process in _processes() if process != but}
    parents = {process: parent for process, (state, parent) in known.items() if state != "Z"}
    found = [ancestor]
    for process in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == process and child not in found]
    return found[1:]


def left_behind(bot: str, task: str) -> list[int]:
    """Return the processes that a bot's dead launcher left: by the mark in their environment, or by cgroup.

    `bot` is their HERDSMAN_BOT, `task` our own cgroups if they are this task's alone, "" where they are not.
    """
    mark, own = f"HERDSMAN_BOT={bot}".encode(), posix.getpid()
    return [
        process
        for process in _processes()
        if process != own
        and (
            mark in _of(process, "environ").split(b"\0") or (task and task == _of(process, "cgroup").decode())
        )
        and _standing(process)[0] not in ("Z", "")
    ]


def own_task(allocation: str) -> str:
    """Return our cgroups as the kernel writes them, if they were made for this allocation, else ""."""
    groups = _of(posix.getpid(), "cgroup").decode()
    return groups if allocation in groups else ""


def kill_left_behind(bot: str, task: str) -> bool:
    """Kill them, and return whether there were any."""
    found = left_behind(bot, task)
    for process in found:
        try:
            posix.kill(process, SIGKILL)
        except OSError:
            continue
    return bool(found)


def _of(process: int, file: str) -> bytes:
    """Return one of the kernel's files of a process; nothing once it is gone."""
    try:
        descriptor = posix.open(f"/proc/{process}/{file}", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    found = b""
    try:
        while chunk := posix.read(descriptor, 65536):
            found += chunk
    except OSError:  # it ended meanwhile
        return b""
    finally:
        posix.close(descriptor)
    return found


def _processes() -> list[int]:
    return [int(entry) for entry in posix.listdir("/proc") if entry.isdigit()]


def _standing(process: int) -> tuple[str, int]:
    """Return a process's state letter and its parent's id; ("", 0) once it is gone."""
    try:
        descriptor = posix.open(f"/proc/{process}/stat", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return "", 0
    try:
        state, parent = posix.read(descriptor, 4096).rpartition(b")")[2].split()[:2]
    except OSError:
        return "", 0
    finally:
        posix.close(descriptor)
    return state.decode(), int(parent)
