from pathlib import Path

import pytest

from schemas.source_list import parse_sources

FOLDER = Path("/etc/herdsman")


def parse(text: str):
    return parse_sources("sources.yaml", text.encode(), FOLDER)


def test_sources_are_read_in_their_order():
    """Each source has what it was given; relative paths begin at the file's folder."""
    declared, errors = parse(
        "sources:\n"
        "  - {name: desk, url: 'git@example.org:desk.git', semver: '>=1.2 <2', key_file: keys/desk}\n"
        "  - {name: research, url: https://example.org/r.git, branch: main, token_file: /run/token}\n"
    )
    assert errors == []
    desk, research = declared
    assert (desk.name, desk.semver, desk.key_file) == ("desk", ">=1.2 <2", FOLDER / "keys/desk")
    assert (research.branch, research.token_file, research.ca_file) == ("main", Path("/run/token"), None)


def test_a_folder_beside_the_file_is_a_source(tmp_path):
    """A relative path that is there begins at the file's folder too."""
    (tmp_path / "fleet").mkdir()
    declared, _ = parse_sources("s.yaml", b"sources: [{name: a, url: fleet}]", tmp_path)
    assert declared[0].url == str(tmp_path / "fleet")


@pytest.mark.parametrize(
    ("text", "line", "message", "suggestion"),
    [
        ("sources:\n  - name: desk\n    url: x\n    brnch: main\n", 4, "brnch", "branch"),
        ("sources:\n  - name: desk\n", 2, "url", None),
        ("sources:\n  - {name: a, url: x}\n  - {name: a, url: y}\n", 3, "used twice", None),
        ("sources:\n  - {name: a, url: x, tag: v1, branch: main}\n", 2, "branch and tag", None),
        ("sources:\n  - {name: a, url: x, commit: '3f9a2c1'}\n", 2, "40 digits", None),
        ("sources: []\n", 1, "sources", None),
        ("sources:\n  - {name: Desk, url: x}\n", 2, "lower-case", None),
        ("", 1, "", None),
    ],
)
def test_a_mistake_is_told_with_its_place(text, line, message, suggestion):
    """Unknown keys, missing ones, names used twice and two references at once have a line and a hint."""
    declared, errors = parse(text)
    assert declared == ()
    assert errors[0].line == line
    assert message in str(errors[0])
    assert errors[0].suggestion == suggestion
