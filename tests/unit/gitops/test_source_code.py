"""Source lines as a bot runs them: at its program's version of the deployed commit, with who wrote them."""

import os
import subprocess
from pathlib import Path

import pytest

from gitops.forges.place import line_page, place_of
from gitops.source_code import Asked, CodePlace, SourceCodes
from schemas.errors import NotFound

MANIFEST = """name: trend
version: {version}
type: realtime
runtime: python3.11
entrypoints: {{bot: main.py}}
schema: {{bot: bot-schema.json}}
readme: README.md
"""


class Repository:
    """A repository with one program below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "programs" / "trend"
        (self.program / "desk").mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        names = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "ann"), ("EMAIL", "a@b"))
        }
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words],
            capture_output=True,
            text=True,
            check=True,
            env={**names, "PATH": os.environ["PATH"], "HOME": "/"},
        )
        return done.stdout.strip()

    def commit(self, version: str, main: str, message: str) -> str:
        (self.program / "bot-config.yaml").write_text(MANIFEST.format(version=version))
        (self.program / "main.py").write_text(main)
        (self.program / "desk" / "main.py").write_text("other = 1\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def codes(self, **parts: object) -> SourceCodes:
        return SourceCodes({"": CodePlace(self.folder / ".git", **parts)})  # type: ignore[arg-type]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_lines_are_those_of_the_version_that_ran(repository: Repository) -> None:
    """A bot that stays on an older version is shown that version's lines, with the commit that wrote each."""
    old = repository.commit("1.0.0", "one\ntwo\nthree\n", "Begin")
    second = repository.commit("1.0.1", "one\nTWO\nthree\n", "Shout")
    place = place_of("https://github.com/desk/fleet.git")
    codes = repository.codes(forge=place)
    found = codes.read(Asked("trend", "1.0.1", second, "main.py", 2))
    assert [(one.number, one.text, one.commit, one.summary) for one in found.lines] == [
        (1, "one", old, "Begin"),
        (2, "TWO", second, "Shout"),
        (3, "three", old, "Begin"),
    ]
    assert found.lines[0].author == "ann"
    assert (found.path, found.commit, found.blamed) == ("programs/trend/main.py", second, True)
    assert found.url == f"https://github.com/desk/fleet/blob/{second}/programs/trend/main.py#L2"
    before = codes.read(Asked("trend", "1.0.0", second, "main.py", 2))
    assert [one.text for one in before.lines] == ["one", "two", "three"]
    assert (before.commit, before.url) == (old, line_page(place, old, "programs/trend/main.py", 2))


def test_only_lines_around_are_shown(repository: Repository) -> None:
    """Of a long file a few lines before and after are shown."""
    commit = repository.commit("1.0.0", "".join(f"line {number}\n" for number in range(1, 101)), "Begin")
    found = repository.codes().read(Asked("trend", "1.0.0", commit, "main.py", 50))
    assert [one.number for one in found.lines] == list(range(44, 57))
    assert found.url == ""


def test_lines_are_counted_as_git_and_languages_count_them(repository: Repository) -> None:
    """A form feed, or another separator in a text, begins no line; CR LF ends one as LF does."""
    commit = repository.commit("1.0.0", "one\ftwo\u2028\x85 x\nthree\r\n\nfive", "Begin")
    found = repository.codes().read(Asked("trend", "1.0.0", commit, "main.py", 2))
    assert [(one.number, one.text, one.commit) for one in found.lines] == [
        (1, "one\ftwo\u2028\x85 x", commit),
        (2, "three", commit),
        (3, "", commit),
        (4, "five", commit),
    ]


def test_a_file_is_found_by_the_end_of_its_path(repository: Repository) -> None:
    """A compiler's own path, or a file's name alone, finds the file where only one can be meant."""
    commit = repository.commit("1.0.0", "one\n", "Begin")
    codes = repository.codes()
    built = codes.read(Asked("trend", "1.0.0", commit, "/tmp/build/trend/desk/main.py", 1))
    assert built.path == "programs/trend/desk/main.py"
    assert codes.read(Asked("trend", "1.0.0", commit, "main.py", 1)).path == "programs/trend/main.py"


@pytest.mark.parametrize(
    "changes",
    [
        {"program": "grid"},
        {"version": "9.0.0"},
        {"revision": "0" * 40},
        {"revision": "main"},
        {"file": "none.py"},
        {"line": 9},
    ],
)
def test_what_is_not_there_is_not_found(repository: Repository, changes: dict[str, object]) -> None:
    """Another program, version, commit, file or line is NotFound, and nothing else."""
    commit = repository.commit("1.0.0", "one\n", "Begin")
    asked = {
        "program": "trend",
        "version": "1.0.0",
        "revision": commit,
        "file": "main.py",
        "line": 1,
        **changes,
    }
    with pytest.raises(NotFound):
        repository.codes().read(Asked(**asked))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("git@gitlab.example:desk/fleet.git", "https://gitlab.example/desk/fleet/-/blob/abc/a%20b.py#L3"),
        (
            "https://user:secret@codeberg.org/desk/fleet",
            "https://codeberg.org/desk/fleet/src/commit/abc/a%20b.py#L3",
        ),
        (
            "https://github.desk.example/desk/fleet",
            "https://github.desk.example/desk/fleet/blob/abc/a%20b.py#L3",
        ),
    ],
)
def test_pages_of_lines_on_each_forge(url: str, page: str) -> None:
    """The address of a line is that of its forge, without the credentials of the git URL."""
    assert line_page(place_of(url), "abc", "a b.py", 3) == page
