import pytest

from gitops.history import ProgramHistory
from gitops.reading import CommitReader
from tests.unit.gitops.fleets import Clone, program_files


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def find(clone: Clone, version: str, known: ProgramHistory | None = None, program: str = "maker"):
    with CommitReader(clone.store, clone.head) as reader:
        return (known or ProgramHistory()).at(reader).find(program, version)


def tree(clone: Clone, commit: str, folder: str = "programs/maker") -> str:
    return clone.git("rev-parse", f"{commit}:{folder}").stdout.strip()


def test_a_past_version_is_its_last_state(clone):
    """A version that was edited before it was bumped is found as it was last."""
    clone.commit(program_files(version="1.0.0"))
    last = clone.commit({"programs/maker/main.py": "fixed = 1\n"})
    clone.commit(program_files(version="1.1.0"))
    clone.commit({"other": "1"})
    found = find(clone, "1.0.0")
    assert (found.folder, found.tree) == ("programs/maker", tree(clone, last))


def test_a_version_of_a_removed_or_moved_program_is_found(clone):
    """Neither removing the folder nor moving it hides the versions that it had."""
    first = clone.commit(program_files(version="1.0.0"))
    clone.git("mv", "programs/maker", "programs/renamed")
    second = clone.commit(
        {"programs/renamed/bot-config.yaml": program_files(version="1.1.0")["programs/maker/bot-config.yaml"]}
    )
    clone.git("rm", "-rq", "programs")
    clone.commit()
    assert find(clone, "1.0.0").tree == tree(clone, first)
    assert find(clone, "1.1.0").tree == tree(clone, second, "programs/renamed")


def test_a_version_of_a_merged_branch_is_found(clone):
    """A version that only a merged branch held is found, and does not hide the branch's own."""
    clone.commit(program_files(version="1.0.0"))
    clone.git("checkout", "-q", "-b", "side")
    side = clone.commit(program_files(version="1.1.0"))
    clone.commit(program_files(version="1.2.0"))
    clone.git("checkout", "-q", "main")
    clone.commit({"other": "1"})
    clone.git("merge", "-q", "--no-ff", "-m", "Merge", "side")
    clone.commit(program_files(version="1.3.0"))
    assert find(clone, "1.1.0").tree == tree(clone, side)
    assert find(clone, "1.2.0") is not None
    assert find(clone, "9.9.9") is None


def test_later_revisions_walk_only_new_commits(clone):
    """What was walked is kept; the new commits add to it."""
    known = ProgramHistory()
    clone.commit(program_files(version="1.0.0"))
    clone.commit(program_files(version="1.1.0"))
    assert find(clone, "1.0.0", known)
    first = find(clone, "1.0.0", known)
    clone.commit(program_files(version="1.2.0"))
    assert find(clone, "1.1.0", known)
    assert find(clone, "1.0.0", known) == first
    with CommitReader(clone.store, clone.head) as reader:
        assert set(known.at(reader).versions("maker")) == {"1.0.0", "1.1.0", "1.2.0"}


def test_a_rewritten_branch_forgets_what_is_not_its_history(clone):
    """After a force-push, versions that the branch never had are gone."""
    known = ProgramHistory()
    base = clone.commit({"other": "1"})
    clone.commit(program_files(version="1.0.0"))
    clone.commit(program_files(version="1.1.0"))
    assert find(clone, "1.0.0", known)
    clone.git("reset", "-q", "--hard", base)
    clone.commit(program_files(version="2.0.0"))
    assert find(clone, "1.0.0", known) is None
    assert find(clone, "2.0.0", known)


def test_odd_file_names_do_not_confuse_the_walk(clone):
    """Folders with blanks, quotes and line breaks in their names are read right."""
    text = program_files(version="1.0.0")
    odd = {path.replace("maker", 'o d"d\nü', 1): content for path, content in text.items()}
    commit = clone.commit(odd)
    clone.git("rm", "-rq", "programs")
    clone.commit({"other": "1"})
    del commit
    assert find(clone, "1.0.0", program="maker") is None or find(clone, "1.0.0").folder == 'programs/o d"d\nü'
