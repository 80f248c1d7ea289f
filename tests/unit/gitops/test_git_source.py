import shutil

import pytest

from gitops.git_source import GitSource
from gitops.hosted import HostedRepository
from gitops.reading import CommitReader
from gitops.references import make_reference
from gitops.remote import GitRemote
from gitops.states import FleetStates
from gitops.transport import Credentials, Transport
from schemas.errors import SourceUnavailable
from tests.unit.gitops.fleets import Clone, bot_file, program_files
from tests.unit.gitops.serving import serving


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


@pytest.fixture
def follow(clone, tmp_path):
    """Make a source of the clone; every one begins anew with what is on disk, as after a restart."""

    def make(moved_tags: bool = False, **reference: str) -> GitSource:
        return GitSource(
            Transport(f"file://{clone.path}"),
            make_reference(**reference),
            mirror=tmp_path / "mirror.git",
            timeout=90,
            moved_tags=moved_tags,
        )

    return make


def tag(clone: Clone, name: str, content: str) -> str:
    commit = clone.commit({"a": content})
    clone.git("tag", "-f", "-a", "-m", name, name)
    return commit


async def test_the_highest_version_is_followed(clone, follow):
    """A new tag in the range is the next revision, one outside of it is not."""
    first = tag(clone, "v1.2.0", "1")
    source = follow(semver="^1.2")
    revision = await source.fetch()
    assert (revision.id, revision.branch, revision.rewritten) == (first, "v1.2.0", "")
    tag(clone, "v2.0.0", "2")
    assert (await source.fetch()).id == first
    third = tag(clone, "v1.10.0", "3")
    assert (await source.fetch()).id == third


async def test_a_tag_that_was_moved_is_refused(clone, follow):
    """A tag at another commit is told with both commits, also after a restart, until a new tag is made."""
    first = tag(clone, "v1", "1")
    await follow(tag="v1").fetch()
    second = tag(clone, "v1", "2")
    with pytest.raises(SourceUnavailable, match=f"v1 .* moved from {first[:7]} to {second[:7]}.*goes on"):
        await follow(tag="v1").fetch()
    assert (await follow(tag="v1", moved_tags=True).fetch()).id == second


async def test_a_deleted_tag_rolls_nothing_back(clone, follow):
    """Where the followed tag is gone, an older one does not take its place by itself."""
    first = tag(clone, "v1.0.0", "1")
    tag(clone, "v1.1.0", "2")
    await follow(semver="1.x").fetch()
    clone.git("tag", "-d", "v1.1.0")
    with pytest.raises(SourceUnavailable, match=r"no tag v1\.1\.0 any more.*nothing is rolled back"):
        await follow(semver="1.x").fetch()
    newer = tag(clone, "v1.1.1", "3")
    assert (await follow(semver="1.x").fetch()).id == newer
    clone.git("tag", "-d", "v1.1.1")
    assert (await follow(semver="1.x", moved_tags=True).fetch()).id == first


async def test_another_range_may_go_back(clone, follow):
    """Who asks for an older range means it."""
    first = tag(clone, "v1.0.0", "1")
    tag(clone, "v2.0.0", "2")
    assert (await follow(semver=">=1").fetch()).branch == "v2.0.0"
    assert (await follow(semver="<2").fetch()).id == first


async def test_a_commit_stays(clone, follow):
    """A source that is held at a commit reads it, whatever the branches do, and says where there is none."""
    first = clone.commit({"a": "1"})
    clone.commit({"a": "2"})
    source = follow(commit=first)
    assert (await source.fetch()).id == first
    clone.git("branch", "-m", "main", "other")
    assert (await source.fetch()).id == first
    assert (await follow(commit=first).fetch()).id == first
    with pytest.raises(SourceUnavailable):
        await follow(commit="1" * 40).fetch()


async def test_a_rewritten_history_is_seen_after_a_restart(clone, follow):
    """A force-push while herdsman was down is followed, and marked with what it replaced."""
    first = clone.commit({"a": "1"})
    second = clone.commit({"a": "2"})
    await follow(branch="main").fetch()
    clone.git("reset", "-q", "--hard", first)
    third = clone.commit({"a": "3"})
    revision = await follow(branch="main").fetch()
    assert (revision.id, revision.rewritten) == (third, second)
    fourth = clone.commit({"a": "4"})
    revision = await follow(branch="main").fetch()
    assert (revision.id, revision.rewritten) == (fourth, "")


def lose_objects(source: GitSource) -> None:
    """Delete every pack and loose object of a mirror."""
    for kept in (source.repository / "objects").iterdir():
        shutil.rmtree(kept)
    for name in ("info", "pack"):
        (source.repository / "objects" / name).mkdir()


async def test_a_mirror_that_lost_its_objects_is_made_anew(clone, follow, caplog):
    """After a restart on a mirror that lacks a file, it is cloned again, and the old one is kept aside."""
    commit = clone.commit({"a": "1"})
    source = follow()
    await source.fetch()
    blob = clone.git("rev-parse", "HEAD:a").stdout.strip()
    (source.repository / "objects" / blob[:2] / blob[2:]).unlink()
    source = follow()
    assert (await source.fetch()).id == commit
    with CommitReader(source.repository, commit) as reader:
        assert reader.read(reader.entries()[0].oid) == b"1"
    assert source.repository.with_name("mirror.git.broken").is_dir()
    assert "is made anew" in caplog.text


async def test_a_mirror_without_its_packs_is_filled_again(clone, follow):
    """Where every pack was deleted, a restart fetches all of it."""
    commit = clone.commit({f"file-{number}": str(number) for number in range(120)})
    source = follow()
    await source.fetch()
    assert list((source.repository / "objects" / "pack").glob("*.pack"))
    lose_objects(source)
    assert (await follow().fetch()).id == commit
    with CommitReader(source.repository, commit) as reader:
        assert len(reader.entries()) == 120


async def test_a_mirror_that_is_no_repository_any_more_is_made_anew(clone, follow):
    """A mirror whose files were overwritten does not keep a source from being read."""
    commit = clone.commit({"a": "1"})
    source = follow()
    await source.fetch()
    (source.repository / "HEAD").write_text("nothing\n")
    (source.repository / "config").write_text("[[\n")
    assert (await follow().fetch()).id == commit


async def test_objects_lost_while_running_are_fetched_again(clone, follow):
    """A build that misses an object has the mirror checked and made anew: the next one succeeds."""
    clone.commit({**program_files(), "bots/one.yaml": bot_file("one")})
    source = follow()
    states = FleetStates(source)
    revision = await source.fetch()
    lose_objects(source)
    with pytest.raises(SourceUnavailable):
        await states.build(revision, None)
    state = await states.build(await source.fetch(), None)
    assert list(state.bots) == ["one"]


class Moved:
    """A server that sends everybody elsewhere, and notes what it is told; `elsewhere` notes it as well."""

    def __init__(self, status: int = 301) -> None:
        self.status = status
        self.target = ""
        self.credentials: list[bytes] = []

    async def __call__(self, scope, receive, send) -> None:
        self.credentials += [value for name, value in scope["headers"] if name == b"authorization"]
        headers = [(b"location", f"{self.target}{scope['path']}".encode())] if self.target else []
        status = self.status if self.target else 401
        headers += [] if self.target else [(b"www-authenticate", b'Basic realm="git"')]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def test_a_repository_that_moved_is_said_with_its_new_place(tmp_path):
    """A redirect is not followed: the new URL is named, and no credential reaches the other server."""
    first, other = Moved(), Moved()
    async with serving(first) as port, serving(other) as elsewhere:
        first.target = f"http://127.0.0.1:{elsewhere}"
        transport = Transport(f"http://127.0.0.1:{port}/x.git", Credentials(token="s3cret"))
        source = GitSource(transport, mirror=tmp_path / "mirror.git")
        with pytest.raises(SourceUnavailable, match=rf"has moved to http://127\.0\.0\.1:{elsewhere}/x\.git"):
            await source.fetch()
        assert other.credentials == []


async def test_a_repository_that_is_gone_says_what_to_check(tmp_path):
    """404 is told with the two things that it may mean."""
    repository = HostedRepository(tmp_path / "upstream.git")
    repository.create()
    async with serving(GitRemote(repository, gate=None, prefix="/team/fleet.git")) as port:
        source = GitSource(Transport(f"http://127.0.0.1:{port}/other.git"), mirror=tmp_path / "mirror.git")
        with pytest.raises(SourceUnavailable, match=r"may have moved"):
            await source.fetch()
