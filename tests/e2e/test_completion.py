"""Completion in the real shells: what a person gets at the Tab key."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.service import COMMAND, ENGINES, PATIENCE, Service, wait_for

pytestmark = pytest.mark.e2e

BASH = """
eval "$(herdsman completion bash)"
complete_words() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _herdsman_completion herdsman "${COMP_WORDS[COMP_CWORD]}" ""
    printf '%s\\n' "${COMPREPLY[@]}"
}
"""


@pytest.fixture
def person(service: Service) -> dict[str, str]:
    """A person with one running bot, and one service by name."""
    service.run("init", "fleet")
    environment = service.environment() | {
        "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}",
        "TERM": "dumb",
    }
    push = ["git", "push", "-q", "herdsman", "main"]
    subprocess.run(push, cwd=service.home / "fleet", env=environment, check=True, capture_output=True)
    service.run("env", "add", "desk", "--url", service.url, "--token-file", str(service.data / "admin-token"))
    return environment


def shell(name: str) -> str:
    """Return a shell of make engines, or the machine's."""
    found = shutil.which(name, path=f"{ENGINES}:{os.environ['PATH']}")
    assert found, f"the tests of completion need {name}: make engines"
    return found


def in_bash(person: dict[str, str], *words: str) -> set[str]:
    script = f"{BASH}complete_words {' '.join(repr(word) for word in words)}"
    done = subprocess.run(
        [shell("bash"), "-c", script],
        env=person,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def in_fish(person: dict[str, str], line: str) -> set[str]:
    script = f"herdsman completion fish | source; complete -C '{line}'"
    done = subprocess.run(
        [shell("fish"), "-c", script],
        env=person,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stderr == ""
    return {found.split("\t")[0] for found in done.stdout.splitlines()}


def in_zsh(person: dict[str, str], line: str, wanted: str) -> str:
    """Type a line and Tab in an interactive zsh, and return what it shows until `wanted` is there."""
    main, terminal = pty.openpty()
    running = subprocess.Popen(
        [shell("zsh"), "-f", "-i"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=person,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        setup = 'autoload -Uz compinit; compinit -u; eval "$(herdsman completion zsh)"; echo "ready"-"now"\n'
        os.write(main, setup.encode())
        read_until(main, "ready-now")
        os.write(main, f"{line}\t".encode())
        return read_until(main, wanted, again="\t")
    finally:
        running.kill()
        running.wait()
        os.close(main)


def read_until(terminal: int, wanted: str, again: str = "") -> str:
    """Return what is shown until `wanted` is there; `again` is typed whenever nothing comes for a while."""
    seen, until = "", time.monotonic() + PATIENCE
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], 5.0)
        if ready:
            seen += os.read(terminal, 4096).decode(errors="replace")
        else:
            assert time.monotonic() < until, f"waited for {wanted!r}, saw {seen!r}"
            os.write(terminal, again.encode())
    return seen


def test_each_shell_completes_commands_bots_and_environments(
    service: Service, person: dict[str, str]
) -> None:
    """Names are completed while the service runs; without it there are none, and nothing is said."""

    def bots(*words: str) -> set[str]:
        """Return what completes to some bot: it waits for half a second at most, and is asked again."""
        return wait_for(lambda: in_bash(person, "herdsman", *words), "bots' names")

    assert {"status", "suspend"} <= in_bash(person, "herdsman", "s")
    assert bots("status", "h") == {"hello"}
    assert in_bash(person, "herdsman", "env", "use", "") == {"desk", "local"}
    assert in_bash(person, "herdsman", "status", "--env", "d") == {"desk"}
    assert bots("logs", "--env", "desk", "h") == {"hello"}
    wait_for(lambda: "hello" in in_fish(person, "herdsman restart h"), "the bot's name in fish")
    assert {"desk", "local"} <= in_fish(person, "herdsman env use ")
    assert "hello" in in_zsh(person, "herdsman suspend h", "hello")
    assert service.stop() == 0
    assert in_bash(person, "herdsman", "status", "h") == set()
    assert "hello" not in in_fish(person, "herdsman status h")
