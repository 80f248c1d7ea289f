"""What `herdsman validate` takes for a fleet, and how much it prints."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.validate import fleet_itself, validate
from schemas.errors import UsageError


@pytest.mark.parametrize("mark", ["bots", "programs", ".git"])
def test_a_folder_with_a_mark_is_a_fleet(tmp_path: Path, mark: str) -> None:
    """One of the marks is enough."""
    (tmp_path / mark).mkdir()
    assert fleet_itself(tmp_path) == tmp_path


def test_any_other_folder_is_refused_unread(tmp_path: Path) -> None:
    """A folder that is no fleet is a mistake in the command, and the fleet around it is named."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "x.yaml").write_text("name: [")
    with pytest.raises(UsageError, match="is no fleet"):
        fleet_itself(tmp_path / "cache")
    (tmp_path / "bots").mkdir()
    with pytest.raises(UsageError, match="the fleet around it is"):
        fleet_itself(tmp_path / "cache")


def test_many_errors_are_cut_with_their_number(tmp_path: Path) -> None:
    """Text shows the first 50; JSON has all."""
    (tmp_path / "bots").mkdir()
    for number in range(60):
        (tmp_path / "bots" / f"b{number}.yaml").write_text("name: [")
    shown = CliRunner().invoke(validate, [str(tmp_path)])
    every = json.loads(CliRunner().invoke(validate, [str(tmp_path), "--output", "json"]).output)
    assert shown.exit_code == 1
    assert f"and {len(every['errors']) - 50} more; --output json lists all" in shown.output
