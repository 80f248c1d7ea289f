import asyncio
import os
import shutil

import pytest

from gitops.bundles import BundleStore
from gitops.folder_source import FolderSource, is_work_folder
from gitops.hosted import HostedRepository
from gitops.reading import CommitReader
from gitops.states import FleetStates
from schemas.errors import SourceUnavailable
from tests.unit.gitops.fleets import Clone, bot_file, program_files

FILES = {**program_files(), "bots/one.yaml": bot_file("one")}


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


@pytest.fixture
def source(clone, tmp_path):
    return FolderSource(clone.path, mirror=tmp_path / "mirror.git", settled=0.0)


def paths(source: FolderSource, commit: str) -> set[str]:
    with CommitReader(source.repository, commit) as reader:
        return {entry.path for entry in reader.entries() if entry.is_file}


async def test_what_is_checked_out_is_its_commit(clone, source):
    """A folder without changes is the commit that it was checked out from, with all its facts."""
    commit = clone.commit(FILES, message="First")
    revision = await source.fetch()
    assert (revision.id, revision.message, revision.branch) == (commit, "First", "main")
    assert "bots/one.yaml" in paths(source, revision.id)


async def test_what_is_not_committed_is_a_revision_too(clone, source):
    """A change in the folder is deployed as it is, marked as uncommitted; equal content is equal."""
    commit = clone.commit(FILES)
    clone.write({"bots/two.yaml": bot_file("two")})
    dirty = await source.fetch()
    assert dirty.id != commit
    assert dirty.branch == "main-dirty"
    assert "uncommitted changes" in dirty.message
    assert "bots/two.yaml" in paths(source, dirty.id)
    assert (await source.fetch()).id == dirty.id
    clone.write({"bots/two.yaml": None})
    assert (await source.fetch()).id == commit


async def test_a_folder_that_git_does_not_know(tmp_path):
    """A plain folder is read as well, without what is ignored, and nothing is written into it."""
    folder = tmp_path / "plain"
    for path, text in {**FILES, ".gitignore": "*.log\n", "noise.log": "x"}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    before = set(folder.rglob("*"))
    source = FolderSource(folder, mirror=tmp_path / "mirror.git", settled=0.0)
    revision = await source.fetch()
    assert revision.branch == "working-tree"
    assert "noise.log" not in paths(source, revision.id)
    assert set(folder.rglob("*")) == before


async def test_the_folders_own_repository_is_left_alone(clone, source):
    """Its index, branch and status are the worker's own."""
    clone.commit(FILES)
    clone.write({"bots/two.yaml": bot_file("two")})
    before = clone.git("status", "--porcelain").stdout
    index = (clone.path / ".git" / "index").read_bytes()
    await source.fetch()
    assert clone.git("status", "--porcelain").stdout == before == "?? bots/two.yaml\n"
    assert (clone.path / ".git" / "index").read_bytes() == index


async def test_a_link_out_of_the_folder_is_refused(clone, source, tmp_path):
    """A symbolic link that leads out is never followed, and told as an error of its file."""
    clone.write(FILES)
    (tmp_path / "secret.yaml").write_text(bot_file("secret"))
    clone.link("bots/secret.yaml", str(tmp_path / "secret.yaml"))
    state = await FleetStates(source).build(await source.fetch(), None)
    assert any(error.file == "bots/secret.yaml" for error in state.errors)
    assert "secret" not in state.bots


async def test_content_may_change_under_a_version_in_development(clone, source, tmp_path):
    """A program edited in place is built anew, which elsewhere is an error."""
    clone.write(FILES)
    ran: dict[tuple[str, str], str] = {}
    states = FleetStates(source, ran=lambda: ran, development=True)
    state = await states.build(await source.fetch(), None)
    first = state.bots["one"].program
    ran[first.name, first.version] = first.tree
    clone.write({"programs/maker/main.py": "def main(*_): print(1)\n"})
    state = await states.build(await source.fetch(), state)
    second = state.bots["one"].program
    assert second.tree != first.tree
    bundle = await BundleStore(tmp_path / "bundles").code(source.repository, second)
    assert bundle.size > 0


async def test_nothing_is_read_while_git_works_in_it(clone, tmp_path):
    """While an index is locked (a checkout, a rebase) the folder is waited for."""
    clone.commit(FILES)
    source = FolderSource(clone.path, mirror=tmp_path / "mirror.git", settled=0.05)
    lock = clone.path / ".git" / "index.lock"
    lock.write_text("")
    fetching = asyncio.ensure_future(source.fetch())
    done, _ = await asyncio.wait({fetching}, timeout=0.3)
    assert not done
    lock.unlink()
    assert (await fetching).id == clone.head


async def test_a_folder_that_is_gone_is_unavailable(clone, source):
    """Where the folder was moved away, it is said so, and what runs goes on."""
    clone.commit(FILES)
    await source.fetch()
    shutil.move(clone.path, clone.path.with_name("elsewhere"))
    with pytest.raises(SourceUnavailable, match="is gone; what runs goes on"):
        await source.fetch()


async def test_a_change_is_told_at_once(clone, source):
    """A saved file, and a commit, are news; what git does inside its own folder is not."""
    clone.commit(FILES)
    news: asyncio.Queue[str] = asyncio.Queue()
    watching = asyncio.create_task(source.watch(news.put_nowait))
    told = asyncio.create_task(news.get())
    while not told.done():  # until the watch has begun, a change may go unseen
        os.utime(clone.path / "bots" / "one.yaml")
        await asyncio.wait({told}, timeout=0.2)
    assert told.result() == "watch"
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_which_paths_matter(source, clone):
    """Files of the folder do, and of git's own only what says what is checked out."""
    places = {
        "bots/one.yaml": True,
        ".git/HEAD": True,
        ".git/refs/heads/main": True,
        ".git/index": False,
        ".git/objects/ab/cd": False,
    }
    assert {path: source._matters(None, str(clone.path / path)) for path in places} == places


def test_what_is_a_work_folder(clone, tmp_path):
    """A clone and a plain folder are; a bare repository, a URL and nothing at all are not."""
    repository = HostedRepository(tmp_path / "bare.git")
    repository.create()
    assert is_work_folder(str(clone.path))
    assert is_work_folder(str(tmp_path))
    assert not is_work_folder(str(repository.path))
    assert not is_work_folder(f"file://{clone.path}")
    assert not is_work_folder(str(tmp_path / "nowhere"))
