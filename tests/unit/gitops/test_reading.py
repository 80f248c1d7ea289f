import os
import shutil

import psutil
import pytest

from gitops.folder import WORKING_FOLDER
from gitops.reading import CommitReader, FolderReader
from gitops.tree import TreeEntry
from schemas.errors import NotFound, SourceUnavailable
from tests.unit.gitops.fleets import Clone, bot_file, program_files


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def paths(entries) -> set[str]:
    return {entry.path for entry in entries}


def test_a_commit_is_read_without_a_work_tree(clone):
    """All files are listed with their sizes, and read, although the work tree holds something else."""
    commit = clone.commit({"bots/a.yaml": "name: a\n", "README": "hello"})
    clone.write({"bots/a.yaml": "changed", "README": None})
    with CommitReader(clone.store, commit) as reader:
        entries = {entry.path: entry for entry in reader.entries()}
        assert set(entries) == {"bots", "bots/a.yaml", "README"}
        assert entries["bots/a.yaml"].size == 8
        assert reader.read(entries["bots/a.yaml"].oid) == b"name: a\n"
        assert entries["bots"].is_tree


def test_the_revision_tells_who_committed_what_and_when(clone):
    """The author, the first line of the message and the time come with the commit."""
    commit = clone.commit({"a": "1"}, message="Tighter stops\n\nLonger text")
    with CommitReader(clone.store, commit, branch="main", source="here") as reader:
        revision = reader.revision
    assert (revision.id, revision.author, revision.message) == (
        commit,
        "Ada <ada@example.org>",
        "Tighter stops",
    )
    assert revision.committed_at > 1_500_000_000
    assert (revision.branch, revision.source) == ("main", "here")


def test_an_unknown_commit_is_not_found(clone):
    """A commit that the repository lacks, or a text that is none, is said so."""
    clone.commit({"a": "1"})
    for name in ("0" * 39 + "1", "--help", "no-such-branch"):
        with pytest.raises(NotFound):
            CommitReader(clone.store, name)


def test_changes_between_two_commits_name_files_and_folders(clone):
    """A changed, an added and a removed file are reported, with the folders around them."""
    first = clone.commit({"bots/a.yaml": "1", "bots/b.yaml": "2", "x/y": "3"})
    second = clone.commit({"bots/a.yaml": "1!", "bots/b.yaml": None, "x/z": "4"})
    with CommitReader(clone.store, second) as reader:
        changes = {change.path: change.entry for change in reader.changes(first)}
        assert set(changes) == {"bots", "bots/a.yaml", "bots/b.yaml", "x", "x/z"}
        assert changes["bots/b.yaml"] is None
        assert changes["bots/a.yaml"].size == 2
        assert changes["x"].is_tree
        assert reader.changes("f" * 40) is None


def test_only_the_subfolder_is_read(clone):
    """With a subfolder, only what lies below it is listed and reported; its absence is an error."""
    first = clone.commit({"fleet/bots/a.yaml": "1", "other/b.yaml": "2"})
    second = clone.commit({"fleet/bots/a.yaml": "3", "other/b.yaml": "4"})
    with CommitReader(clone.store, second, subfolder="fleet/") as reader:
        assert "other/b.yaml" not in paths(reader.entries())
        assert paths(reader.changes(first)) == {"fleet/bots", "fleet/bots/a.yaml"}
    with CommitReader(clone.store, second, subfolder="nowhere") as reader, pytest.raises(SourceUnavailable):
        reader.entries()


def test_a_missing_object_is_reported(clone):
    """An object that the repository lost raises, and does not hang."""
    commit = clone.commit({"a": "1"})
    with CommitReader(clone.store, commit) as reader, pytest.raises(SourceUnavailable, match="missing"):
        reader.read("e" * 40)


def test_objects_outside_of_the_repository_are_read_through_the_environment(clone, tmp_path):
    """A commit that lies only in another object folder is readable when git is told of that folder."""
    bare = tmp_path / "bare"
    clone.commit({"a": "1"})
    clone.git("clone", "-q", "--bare", ".", str(bare))
    commit = clone.commit({"a": "2", "bots/b.yaml": "3"})
    with pytest.raises(NotFound):
        CommitReader(bare, commit)
    environment = {
        "GIT_OBJECT_DIRECTORY": str(clone.store / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(bare / "objects"),
    }
    with CommitReader(bare, commit, environment=environment) as reader:
        assert "bots/b.yaml" in paths(reader.entries())


def test_a_folder_has_the_ids_that_git_gives_it(clone):
    """Files, executables, links and folders on disk get the same ids as in a commit of them."""
    clone.write(
        {**program_files(), "bots/a.yaml": bot_file("a"), "a-b/x": "1", "a/x": "2", "a.b": "3", "run": "#!"}
    )
    (clone.path / "run").chmod(0o755)
    clone.link("a/link", "x")
    commit = clone.commit()
    with CommitReader(clone.store, commit) as reader:
        committed = set(reader.entries())
    assert set(FolderReader(clone.path).entries()) == committed
    shutil.rmtree(clone.store)
    assert set(FolderReader(clone.path).entries()) == committed


def test_what_git_ignores_is_left_out_of_a_work_tree(clone):
    """Ignored files are not read; new files that were never added are; deleted ones are not."""
    clone.commit({".gitignore": "*.log\n", "gone": "1"})
    clone.write({"new.yaml": "1", "x.log": "2", "gone": None})
    reader = FolderReader(clone.path)
    assert paths(reader.entries()) == {".gitignore", "new.yaml"}
    assert reader.revision.id == WORKING_FOLDER


def test_a_folder_that_git_ignores_as_a_whole_is_read(clone):
    """A fleet inside an ignored folder of another repository is not taken for an empty one."""
    clone.commit({".gitignore": "build/\n"})
    clone.write({"build/fleet/bots/a.yaml": "1"})
    assert "bots/a.yaml" in paths(FolderReader(clone.path / "build/fleet").entries())


def test_links_and_queues_in_a_folder_are_never_followed(tmp_path):
    """A link is an entry of its own, also to a folder; a queue is left out and not waited for."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("s")
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    (fleet / "folder").symlink_to("../outside")
    (fleet / "file").symlink_to("/etc/hostname")
    os.mkfifo(fleet / "queue")
    reader = FolderReader(fleet)
    entries = {entry.path: entry for entry in reader.entries()}
    assert set(entries) == {"folder", "file"}
    assert all(entry.is_link for entry in entries.values())
    assert reader.read(entries["file"].oid) == b"/etc/hostname"


def test_a_tracked_folder_that_became_a_link_is_not_followed(clone, tmp_path):
    """Files that git still lists below a folder are not read through a link that took its place."""
    clone.commit({"bots/a.yaml": "1"})
    shutil.move(clone.path / "bots", tmp_path / "moved")
    clone.link("bots", str(tmp_path / "moved"))
    entries = FolderReader(clone.path).entries()
    assert [(entry.path, entry.is_link) for entry in entries] == [("bots", True)]


def test_part_of_a_folder_can_be_listed(clone):
    """Everything below one folder is found by the folder's id."""
    clone.write(program_files())
    reader = FolderReader(clone.path)
    tree = next(entry for entry in reader.entries() if entry.path == "programs/maker")
    assert TreeEntry("elsewhere/main.py", "100644", "", 0).path in paths(reader.folder(tree.oid, "elsewhere"))


def test_a_folder_that_is_not_there_is_not_found(tmp_path):
    """Reading a missing folder, or a file as a folder, is an error with its path."""
    with pytest.raises(NotFound, match="nowhere"):
        FolderReader(tmp_path / "nowhere")


def test_many_reads_leave_no_process(clone):
    """Whether a read goes well or fails in its midst, no child of it lives on, nor waits to be buried."""
    commit = clone.commit({"bots/a.yaml": "name: a\n"})
    lost = clone.git("rev-parse", "HEAD:bots/a.yaml").stdout.strip()
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    for _ in range(5):
        with CommitReader(clone.store, commit) as reader:
            for entry in reader.entries():
                assert entry.is_tree or reader.read(entry.oid)
    (clone.store / "objects" / lost[:2] / lost[2:]).unlink()
    for _ in range(5):
        with pytest.raises(SourceUnavailable), CommitReader(clone.store, commit) as reader:
            reader.read(lost)
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
