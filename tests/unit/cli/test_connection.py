"""How a command finds the service, and what it reads from it."""

import json
from pathlib import Path

import pytest

from cli.connection import parse_stream
from cli.known_service import current_file, find_service
from schemas.errors import UsageError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the command a home of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for name in ("HERDSMAN_URL", "HERDSMAN_TOKEN", "HERDSMAN_TOKEN_FILE", "HERDSMAN_DATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def start_service(folder: Path, url: str = "http://127.0.0.1:8420") -> None:
    """Leave what a running service leaves in its data folder."""
    folder.mkdir()
    (folder / "service.json").write_text(json.dumps({"url": url}))
    (folder / "admin-token").write_text("sesame\n")


def test_the_service_started_last_is_found_by_itself(home: Path) -> None:
    """Without any option the command speaks to the service this user started last."""
    start_service(home / "data")
    current_file().parent.mkdir(parents=True)
    current_file().write_text(str(home / "data"))
    found = find_service()
    assert (found.url, found.token) == ("http://127.0.0.1:8420", "sesame")
    assert "sesame" not in repr(found)


def test_a_known_token_goes_to_its_own_address_alone(home: Path) -> None:
    """The token of one service is never sent to another address."""
    start_service(home / "data")
    with pytest.raises(UsageError, match="no token for http://elsewhere"):
        find_service(url="http://elsewhere:1", data=home / "data")


def test_without_a_service_the_next_step_is_said(home: Path) -> None:
    """Nothing running is an error that tells what to type."""
    assert home.exists()
    with pytest.raises(UsageError, match="herdsman up"):
        find_service()


def test_a_stream_is_read_event_by_event() -> None:
    """Ids, names and data of server-sent events are read, comments are passed over."""
    lines = iter([": hello", "", "id: 7", "event: log", 'data: {"a":', "data: 1}", "", "data: x", ""])
    assert list(parse_stream(lines)) == [("7", "log", b'{"a":\n1}'), ("7", "message", b"x")]
