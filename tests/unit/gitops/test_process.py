import asyncio
import contextlib
import os
import time

import psutil
import pytest

from gitops.process import CommandTimedOut, Finished, git, git_environment, run, run_async, scrub
from gitops.runtimes import interpreters
from schemas.errors import SourceUnavailable

LONGER_AND_LONGER = (0.3, 3.0, 30.0)
"""Seconds that a child is given, until it has begun within them."""

# A child that starts another one, tells its id, and outlives a polite request.
STUBBORN = ["sh", "-c", "trap '' TERM; sleep 100 & echo $! > pid; wait; wait"]


def test_a_child_that_takes_too_long_ends_with_its_own_children(tmp_path):
    """At the time-out the whole process group goes, also what ignores SIGTERM."""
    for seconds in LONGER_AND_LONGER:
        with pytest.raises(CommandTimedOut, match=f"sh took longer than {seconds:g} s"):
            run(STUBBORN, cwd=tmp_path, timeout=seconds)
        if has_begun(tmp_path):
            break
    assert_gone(tmp_path)


async def test_the_same_without_blocking(tmp_path):
    """The asynchronous form ends the group as well, at the time-out and when it is cancelled."""
    for seconds in LONGER_AND_LONGER:
        with pytest.raises(CommandTimedOut):
            await run_async(STUBBORN, cwd=tmp_path, timeout=seconds)
        if has_begun(tmp_path):
            break
    assert_gone(tmp_path)
    (tmp_path / "pid").unlink()
    os.mkfifo(tmp_path / "told")
    command = ["sh", "-c", STUBBORN[2].replace("wait; wait", "echo > told; wait; wait")]
    task = asyncio.create_task(run_async(command, cwd=tmp_path))
    await asyncio.to_thread((tmp_path / "told").read_bytes)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_gone(tmp_path)


def has_begun(folder) -> bool:
    """Return whether the child came as far as to start its own, which a busy machine may not let it."""
    return (folder / "pid").exists() and (folder / "pid").read_text().endswith("\n")


def assert_gone(folder) -> None:
    pid = int((folder / "pid").read_text())
    deadline = time.monotonic() + 90
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_output_and_exit_code_are_told():
    """Both streams and the code come back, with input given."""
    finished = run(["sh", "-c", "cat; echo bad >&2; exit 3"], stdin=b"in")
    assert finished == Finished(3, b"in", b"bad\n")


def test_a_child_gets_nothing_of_ours(monkeypatch):
    """No variable of the platform's own reaches a child, and git reads no settings of the machine."""
    monkeypatch.setenv("HERDSMAN_TOKEN", "secret")
    monkeypatch.setenv("NOMAD_TOKEN", "secret")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    environment = git_environment()
    assert "secret" not in environment.values()
    assert "GIT_DIR" not in environment
    assert environment["GIT_CONFIG_GLOBAL"] == os.devnull
    assert environment["GIT_TERMINAL_PROMPT"] == "0"


def test_passwords_in_urls_are_not_shown():
    """What stands before the @ of a URL is taken out of messages."""
    assert scrub("fatal: https://me:pa55@host/x.git failed") == "fatal: https://***@host/x.git failed"


def test_a_failing_git_is_an_unavailable_source(tmp_path):
    """Git's own words are in the error, with the command and the folder."""
    with pytest.raises(SourceUnavailable, match="git log failed in"):
        git(tmp_path, "log")


def test_interpreters_are_those_that_run():
    """The interpreter of this very process is among them, and each answers with its version."""
    found = interpreters()
    assert found
    for name, interpreter in found.items():
        asked = run([interpreter.path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        assert name == interpreter.name == f"python{asked.stdout.decode().strip()}"
