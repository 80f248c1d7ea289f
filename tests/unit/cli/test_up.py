"""What `herdsman up` makes of its options and its data folder."""

import stat
from pathlib import Path

import pytest

from cli.service.folder import take_folder
from cli.service.options import UpOptions, parse_options
from schemas.errors import UsageError


def options(data: Path, listen: str = "127.0.0.1:0") -> UpOptions:
    return parse_options(data=data, listen=listen, tls_cert=None, tls_key=None, allowed_host=())


def test_a_relative_data_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children work in other folders, and are told of paths in the data folder."""
    monkeypatch.chdir(tmp_path)
    assert options(Path("data")).data == tmp_path / "data"


def test_a_data_folder_has_one_herdsman(tmp_path: Path) -> None:
    """The second one is refused and told who holds it."""
    with take_folder(tmp_path / "data"), pytest.raises(UsageError, match="is in use by another herdsman"):
        take_folder(tmp_path / "data")


def test_what_is_secret_is_private_in_a_folder_that_was_there(tmp_path: Path) -> None:
    """A folder that others may read keeps its mode; databases, repositories and state in it are private."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    with take_folder(data):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}
    assert modes["herdsman.db"] == modes["telemetry.db"] == 0o600
    assert {modes[name] for name in ("git", "bundles", "local", "cache")} == {0o700}
    assert stat.S_IMODE(data.stat().st_mode) == 0o755
