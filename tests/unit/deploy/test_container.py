"""The container image's definition, held to the checkout: no container engine is needed to keep it true."""

import json
import re
import shlex
import subprocess

import pytest

from tests.unit.deploy.containerfile import CHECKOUT, copied, instructions
from tests.unit.documentation.test_examples import check


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_is_there(source: str) -> None:
    """Each source of a COPY is a file or folder that git knows."""
    known = subprocess.run(
        ["git", "ls-files", source], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert known.stdout


def test_the_base_image_is_named_and_not_where_it_comes_from() -> None:
    """The base is a short name that can be set, so that each site takes it from where it has it."""
    (image,) = [rest for word, rest in instructions() if word == "ARG"]
    assert re.fullmatch(r"PYTHON_IMAGE=[a-z]+:[\w.-]+", image)
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert set(bases) == {"${PYTHON_IMAGE}"}


def test_everything_installed_has_a_hash() -> None:
    """Each installation but that of our own wheel asks for hashes."""
    runs = [rest for word, rest in instructions() if word == "RUN"]
    installs = [step for run in runs for step in run.split("&&") if re.search(r"pip (install|sync)", step)]
    assert len(installs) == 4
    assert [
        step for step in installs if "--require-hashes" not in step and "--no-deps /wheel/" not in step
    ] == []


def test_it_does_not_run_as_root() -> None:
    """The last stage ends with another user, and with commands that are ours."""
    last = instructions()[max(n for n, (word, _) in enumerate(instructions()) if word == "FROM") :]
    words = dict(last)
    assert words["USER"] == "herdsman"
    assert words["VOLUME"] in words["ENV"]
    assert json.loads(words["ENTRYPOINT"]) == ["herdsman"]
    check(json.loads(words["CMD"]), "deploy/container/Containerfile")


def test_its_health_check_is_a_program() -> None:
    """What looks after it is Python that compiles, and asks the address that the service wrote."""
    (check_,) = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    command = json.loads(check_.partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "health", "exec")
    assert "service.json" in command[2]


def test_the_unit_starts_what_there_is() -> None:
    """The command of the systemd unit, with the options of its environment file, is one of ours."""
    folder = CHECKOUT / "deploy" / "systemd"
    (start,) = re.findall(r"^ExecStart=(.*)$", (folder / "herdsman.service").read_text(), re.MULTILINE)
    lines = re.findall(r"^#?HERDSMAN_OPTIONS=(.*)$", (folder / "herdsman.env").read_text(), re.MULTILINE)
    assert len(lines) == 2
    for options in lines:
        words = shlex.split(start.replace("$HERDSMAN_OPTIONS", options))
        assert words[0] == "/opt/herdsman/bin/herdsman"
        check(words[1:], "deploy/systemd/herdsman.service")
