"""Documentation cannot rot: what there is, is described."""

from pathlib import Path

import click
import pytest

from cli.main import COMMANDS, SUMMARIES, herdsman
from controller.status import Reason

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_described(reason: Reason) -> None:
    """Each reason of a status stands in docs/status.md with what to do."""
    assert f"| `{reason.value}` |" in (DOCS / "status.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """Each command has a summary in the list, a help text, and a help for each option."""
    command = herdsman.get_command(click.Context(herdsman), name)
    assert command is not None
    assert SUMMARIES[name]
    assert command.help
    if isinstance(command, click.Group):
        return
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help or parameter.name == "scope", f"{name} {parameter.name}"
