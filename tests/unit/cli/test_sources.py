"""Where the fleet comes from, as the command line says it."""

from pathlib import Path

import pytest

from cli.service.options import UpOptions
from cli.service.sources import Origin, open_origin, read_sources
from gitops.folder_source import FolderSource
from gitops.git_source import GitSource
from gitops.hosted import HostedRepository
from gitops.source_set import SourceSet
from gitops.sources import HostedSource
from schemas.errors import InvalidManifests, UsageError
from web.access.listen import Listen


def options(folder: Path, **given: object) -> UpOptions:
    return UpOptions(data=folder / "data", listen=Listen("127.0.0.1", 0), **given)  # type: ignore[arg-type]


def opened(folder: Path, **given: object) -> Origin:
    def controller() -> None:
        raise AssertionError("nothing is asked before the controller lives")

    return open_origin(options(folder, **given), controller)  # type: ignore[arg-type]


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "webhook"
    file.write_text("0123456789abcdef0123456789abcdef\n")
    file.chmod(0o600)
    return file


def test_without_a_source_our_own_remote_is_one(tmp_path):
    """The default needs nothing, has no webhook, and its repository is looked after."""
    origin = opened(tmp_path)
    assert isinstance(origin.source, HostedSource)
    assert origin.hosted is not None
    assert origin.repositories == (tmp_path / "data" / "git" / "fleet.git",)
    assert dict(origin.webhooks) == {}


def test_a_url_is_followed_by_what_was_asked_for(tmp_path, secret):
    """A URL with a range of versions is a mirrored source, whose webhook takes tags alone."""
    origin = opened(tmp_path, source="https://example.org/x.git", semver="1.x", webhook_secret_file=secret)
    assert isinstance(origin.source, GitSource)
    assert origin.follows == ('https://example.org/x.git, tag in the range "1.x"',)
    hook = origin.webhooks["fleet"]
    assert hook.concerns("refs/tags/v1.2.0")
    assert not hook.concerns("refs/heads/main")


def test_a_folder_is_watched_and_a_bare_repository_is_not(tmp_path):
    """A path that people work in is read as it is; a bare repository, or a path with a branch, by commits."""
    HostedRepository(tmp_path / "bare.git").create()
    (tmp_path / "work").mkdir()
    assert isinstance(opened(tmp_path, source=str(tmp_path / "work")).source, FolderSource)
    assert isinstance(opened(tmp_path, source=str(tmp_path / "bare.git")).source, GitSource)
    assert isinstance(opened(tmp_path, source=str(tmp_path / "work"), branch="main").source, GitSource)


def test_a_folder_that_holds_the_data_folder_is_refused(tmp_path):
    """herdsman's own files would be changes of the fleet for ever."""
    with pytest.raises(UsageError, match="choose another --data"):
        opened(tmp_path, source=str(tmp_path))


def test_several_sources_have_mirrors_of_their_own(tmp_path, secret):
    """Each source of the file is a member with its own mirror, interval and webhook."""
    file = tmp_path / "sources.yaml"
    file.write_text(
        "sources:\n"
        "  - {name: desk, url: https://example.org/d.git, branch: main, webhook_secret_file: webhook}\n"
        "  - {name: research, url: https://example.org/r.git, poll_interval: 5}\n"
    )
    origin = opened(tmp_path, sources=file)
    assert isinstance(origin.source, SourceSet)
    assert [member.name for member in origin.source.members] == ["desk", "research"]
    assert [member.source.interval for member in origin.source.members] == [30.0, 5.0]
    assert [path.name for path in origin.repositories] == ["desk.git", "research.git"]
    assert list(origin.webhooks) == ["desk"]
    alternates = tmp_path / "data" / "git" / "sources.git" / "objects" / "info" / "alternates"
    assert len(alternates.read_text().splitlines()) == 2


def test_mistakes_in_the_file_have_their_line(tmp_path):
    """The file is checked as manifests are."""
    file = tmp_path / "sources.yaml"
    file.write_text("sources:\n  - {name: desk, url: x, brnch: main}\n")
    with pytest.raises(InvalidManifests, match=r"sources.yaml:2:\d+ .*brnch.*did you mean \"branch\""):
        read_sources(file)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sources": Path("s.yaml"), "source": "https://example.org/x"}, "leave out --source"),
        ({"sources": Path("s.yaml"), "branch": "main"}, "leave out"),
        ({"sources": Path("s.yaml"), "tag": "v1"}, "leave out"),
        ({"sources": Path("s.yaml"), "seed": Path("fleet")}, "--seed"),
        ({"webhook_secret_file": Path("w")}, "needs no webhook"),
        ({"semver": "1.x"}, "follow a --source"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path, given, words):
    """What belongs to another kind of source is an error of use."""
    with pytest.raises(UsageError, match=words):
        options(tmp_path, **given)
