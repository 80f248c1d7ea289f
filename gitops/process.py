"""Children of ours: git and uv, each in a process group of its own, with a time-out and a clean environment.

GitPython is used where it only edits files (`repository.py`). It is not used to run the children that may
hang or that talk to other machines: its time-out leaves grandchildren behind, and they get our environment.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import SourceUnavailable

GIT_TIMEOUT = 60.0
"""Seconds that a git child may take where its caller says nothing else."""

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL of a child's process group."""

_KEPT = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    | {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)
"""What a child gets of our environment: nothing that could be a credential of the platform's own."""

_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended: its exit code (negative: the signal that ended it), and both of its streams."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Its error stream for people: stripped, and without what stands before an `@` in a URL."""
        return scrub(self.stderr.decode(errors="replace").strip())


class CommandTimedOut(Exception):
    """A child took longer than it may; its whole process group was ended."""

    def __init__(self, program: str, seconds: float) -> None:
        super().__init__(f"{program} took longer than {seconds:g} s and was ended")


def scrub(text: str) -> str:
    """Return the text with user names and passwords taken out of its URLs."""
    return _USERINFO.sub("***@", text)


def plain_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the little of our environment that any child may have, and what the caller adds."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    return {**kept, **(extra or {})}


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which git reads no settings but the repository's, and never asks anybody."""
    fixed = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C.UTF-8",
    }
    return plain_environment({**fixed, **(extra or {})})


def end_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal the process group that a child of ours leads; a group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = GIT_TIMEOUT,
) -> Finished:
    """Run a child to its end. Raises CommandTimedOut, and OSError where the program is not there."""
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(environment) if environment is not None else git_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        stdout, stderr = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        _end(child)
        raise CommandTimedOut(Path(command[0]).name, timeout) from error
    except BaseException:
        _end(child)
        raise
    return Finished(child.returncode, stdout, stderr)


def _end(child: "subprocess.Popen[bytes]") -> None:
    end_group(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    end_group(child.pid)
    child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()


async def run_async(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = GIT_TIMEOUT,  # noqa: ASYNC109 - it ends a process group, not only a wait
) -> Finished:
    """Run a child to its end without blocking the loop; cancelling ends its process group as well."""
    child = await spawn(command, environment if environment is not None else git_environment(), cwd=cwd)
    try:
        async with asyncio.timeout(timeout):
            stdout, stderr = await child.communicate(stdin)
    except TimeoutError as error:
        await end_child(child)
        raise CommandTimedOut(Path(command[0]).name, timeout) from error
    except BaseException:
        await end_child(child)
        raise
    return Finished(child.returncode or 0, stdout, stderr)


async def spawn(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
    descriptors: Iterable[int] = (),
) -> asyncio.subprocess.Process:
    """Start a child that leads a process group, with three pipes; `descriptors` are inherited by it.

    Cancelled while it starts, the loop would kill the child alone and then wait for its grandchildren.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(descriptors),
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await end_child(await starting)
        raise


async def end_child(child: asyncio.subprocess.Process, grace: float = GRACE) -> None:
    """End a child's process group: SIGTERM, `grace` seconds, SIGKILL; returns once the child is reaped."""
    end_group(child.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace):
            await child.wait()
    end_group(child.pid)
    await child.wait()


def git(
    repository: Path,
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = GIT_TIMEOUT,
) -> bytes:
    """Run git on a repository's git folder and return its output. Raises SourceUnavailable on any failure."""
    command = ["git", "--git-dir", repository, *arguments]
    try:
        finished = run(command, environment=git_environment(environment), stdin=stdin, timeout=timeout)
    except (CommandTimedOut, OSError) as error:
        raise SourceUnavailable(f"git {arguments[0]} failed in {repository}: {error}") from error
    if finished.code != 0:
        raise SourceUnavailable(f"git {arguments[0]} failed in {repository}: {finished.text}")
    return finished.stdout
