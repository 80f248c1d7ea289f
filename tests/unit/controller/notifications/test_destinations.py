"""The file of destinations: read strictly, and its addresses never repeated."""

from pathlib import Path

import pytest

from controller.notifications.destinations import Destination, read_destinations
from schemas.errors import UsageError


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "notify"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_names_and_addresses_are_read(tmp_path: Path) -> None:
    """A line for each; comments and quotes are left out; what is shown of one holds no address."""
    file = written(tmp_path, "# desk\ndesk: slack://a/b/c\n\nmail-ops: 'mailtos://u:p@h?to=x@y'\n")
    read = read_destinations(file)
    assert read == (Destination("desk", "slack://a/b/c"), Destination("mail-ops", "mailtos://u:p@h?to=x@y"))
    assert [one.service for one in read] == ["slack", "mailtos"]
    assert "a/b/c" not in repr(read)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("desk: slack://secret/b/c", 0o644, "can be read by others .*chmod 600"),
        ("desk slack secret", 0o600, "line 1: a line is NAME: URL"),
        ("desk: secret", 0o600, "line 1: desk has no address"),
        ("desk: json://secret\ndesk: json://secret", 0o600, "line 2: desk is there twice"),
        ("# nothing", 0o600, "names no destination"),
    ],
)
def test_a_wrong_file_is_refused_without_its_secrets(tmp_path: Path, text: str, mode: int, said: str) -> None:
    """What is wrong is said with the line, and nothing of an address."""
    with pytest.raises(UsageError, match=said) as refused:
        read_destinations(written(tmp_path, text, mode))
    assert "secret" not in str(refused.value)
