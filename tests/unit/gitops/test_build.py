import pytest

from gitops.build import build_desired_state
from gitops.desired import DesiredState
from gitops.history import ProgramHistory
from gitops.reading import CommitReader, FolderReader
from gitops.states import state_of_folder
from schemas.errors import SourceUnavailable
from tests.unit.gitops.fleets import Clone, bot_file, program_files


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def build(clone: Clone, previous: DesiredState | None = None, subfolder: str = "", **how) -> DesiredState:
    with CommitReader(clone.store, clone.head, subfolder=subfolder) as reader:
        return build_desired_state(reader, previous, ProgramHistory().at(reader), **how)


def messages(state: DesiredState) -> list[str]:
    return [str(error) for error in state.errors]


def fleet(**bots: str) -> dict[str, str]:
    return {**program_files(), **{f"bots/{name}.yaml": text for name, text in bots.items()}}


def test_a_sound_fleet_gives_its_bots(clone):
    """Each instance becomes a bot of its program's tree, with the schema's defaults in its parameters."""
    clone.commit(fleet(a=bot_file("alpha"), b=bot_file("beta", size=2)))
    state = build(clone)
    assert state.errors == ()
    assert set(state.bots) == {"alpha", "beta"}
    alpha = state.bots["alpha"]
    assert alpha.program.tree == clone.git("rev-parse", "HEAD:programs/maker").stdout.strip()
    assert '"size":1' in alpha.config_json
    assert alpha.path == "bots/a.yaml"
    assert state.complete
    assert state.revision.id == clone.head


def test_an_empty_repository_asks_for_nothing(clone):
    """A fleet without any file of ours is sound and empty."""
    clone.commit({"README.md": "hello"})
    state = build(clone)
    assert (dict(state.bots), state.errors, state.complete) == ({}, (), True)


def test_json_instances_are_read_too(clone):
    """An instance may be a JSON file, and lie in any folder below bots/."""
    text = '{"name": "alpha", "type": "realtime/maker", "version": "1.0.0", "symbol": "X"}'
    clone.commit({**program_files(), "bots/deep/er/a.json": text})
    assert set(build(clone).bots) == {"alpha"}


def test_a_folder_on_disk_gives_the_same_bots(clone):
    """Validating a folder finds the same digests as deploying a commit of it."""
    clone.commit(fleet(a=bot_file("alpha")))
    assert state_of_folder(clone.path).bots == build(clone).bots
    assert build_desired_state(FolderReader(clone.path)).bots == build(clone).bots


def test_all_errors_of_a_revision_come_at_once(clone):
    """A misspelled key, broken YAML and a missing file in three places are all reported, with their lines."""
    files = fleet(a=bot_file("alpha", sise=2), b="name: [\n", c=bot_file("gamma"))
    del files["programs/maker/main.py"]
    clone.commit({**files, **program_files("other")})
    clone.commit({"bots/a.yaml": bot_file("alpha", "other", sise=2)})
    found = {(error.file, error.line) for error in build(clone).errors}
    assert {("bots/a.yaml", 5), ("programs/maker/bot-config.yaml", 6)} <= found
    assert any(file == "bots/b.yaml" for file, _ in found)


def test_a_bad_instance_does_not_touch_the_others(clone):
    """Only the file that is wrong fails; its bot is named so that it can be left alone."""
    clone.commit(fleet(a=bot_file("alpha", sise=2), b=bot_file("beta")))
    state = build(clone)
    assert set(state.bots) == {"beta"}
    assert state.failed_paths == {"bots/a.yaml"}
    assert state.failed_bots == {"alpha"}
    assert state.errors[0].suggestion == "size"
    assert state.errors[0].bots == ("alpha",)


def test_the_name_of_a_broken_file_is_still_known(clone):
    """A file that is no YAML any more still tells whose it is, where its name line can be read."""
    clone.commit(fleet(a="name: alpha\ntype: [\n"))
    state = build(clone)
    assert state.failed_bots == {"alpha"}


def test_two_files_of_one_name_are_both_refused(clone):
    """Neither of two files with the same bot name is deployed, and each names the other."""
    clone.commit(fleet(a=bot_file("alpha"), b=bot_file("alpha", size=3), c=bot_file("gamma")))
    state = build(clone)
    assert set(state.bots) == {"gamma"}
    assert [error.file for error in state.errors] == ["bots/a.yaml", "bots/b.yaml"]
    assert "bots/b.yaml" in state.errors[0].message
    assert state.errors[0].line == 1
    assert state.failed_paths == {"bots/a.yaml", "bots/b.yaml"}


def test_an_unknown_program_is_reported_with_the_nearest(clone):
    """A misspelled program is an error at the type, with the program that was meant."""
    clone.commit(fleet(a=bot_file("alpha", "makre")))
    (error,) = build(clone).errors
    assert (error.pointer, error.line, error.suggestion) == ("/type", 2, "maker")


def test_an_unknown_version_is_reported_with_those_there_are(clone):
    """A version that never was is an error at the version, naming the others."""
    clone.commit(fleet(a=bot_file("alpha", version="2.0.0")))
    (error,) = build(clone).errors
    assert (error.pointer, error.suggestion) == ("/version", "1.0.0")


def test_a_bot_may_stay_on_an_earlier_version(clone):
    """While one bot moves to a new version, its sibling keeps the tree of the old one."""
    clone.commit(fleet(a=bot_file("alpha"), b=bot_file("beta")))
    before = build(clone)
    clone.commit(
        {**program_files(version="1.1.0", code="x = 1\n"), "bots/a.yaml": bot_file("alpha", version="1.1.0")}
    )
    state = build(clone, before)
    assert state.errors == ()
    assert state.bots["alpha"].program.version == "1.1.0"
    assert state.bots["beta"] == before.bots["beta"]
    assert build(clone).bots == state.bots


def test_a_broken_program_leaves_its_bots_on_what_they_run(clone):
    """With a program's manifest broken, its version is taken from history; the error is reported once."""
    clone.commit(fleet(a=bot_file("alpha")))
    before = build(clone)
    clone.commit({"programs/maker/bot-config.yaml": "name: [\n"})
    state = build(clone, before)
    assert state.bots == before.bots
    assert {error.file for error in state.errors} == {"programs/maker/bot-config.yaml"}


def test_a_new_bot_of_a_broken_program_is_named_at_the_program(clone):
    """Where no history helps, the program's error names the bots that it holds back."""
    clone.commit(
        {**fleet(a=bot_file("alpha")), "programs/maker/bot-config.yaml": "name: maker\nversion: x\n"}
    )
    state = build(clone)
    assert {error.file for error in state.errors} == {"programs/maker/bot-config.yaml"}
    assert all(error.bots == ("alpha",) for error in state.errors)
    assert "bots/a.yaml" in state.failed_paths


def test_other_content_under_a_version_that_ran_is_refused(clone):
    """Code that changed without its version asks for a new version, and says which."""
    clone.commit(fleet(a=bot_file("alpha"), b=bot_file("beta")))
    before = build(clone)
    ran = {("maker", "1.0.0"): before.bots["alpha"].program.tree}
    clone.commit({"programs/maker/main.py": "changed = 1\n"})
    state = build(clone, before, ran=ran)
    (error,) = state.errors
    assert (error.file, error.line, error.suggestion) == ("programs/maker/bot-config.yaml", 2, "1.0.1")
    assert "bump the version" in error.message
    assert set(error.bots) == {"alpha", "beta"}
    assert dict(state.bots) == {}
    assert {"bots/a.yaml", "bots/b.yaml"} <= state.failed_paths


def test_in_development_content_may_change_under_its_version(clone):
    """In development mode the new tree is deployed as it is."""
    clone.commit(fleet(a=bot_file("alpha")))
    before = build(clone)
    ran = {("maker", "1.0.0"): before.bots["alpha"].program.tree}
    clone.commit({"programs/maker/main.py": "changed = 1\n"})
    state = build(clone, before, ran=ran, development=True)
    assert state.errors == ()
    assert state.bots["alpha"].program.tree != before.bots["alpha"].program.tree


def test_a_version_that_ran_is_taken_as_it_ran(clone):
    """A past version is the tree that ran under it, not what the branch last had under that number."""
    clone.commit(fleet(a=bot_file("alpha")))
    ran_tree = build(clone).bots["alpha"].program.tree
    clone.commit({"programs/maker/main.py": "edited = 1\n"})
    clone.commit(program_files(version="1.1.0"))
    state = build(clone, ran={("maker", "1.0.0"): ran_tree})
    assert state.errors == ()
    assert state.bots["alpha"].program.tree == ran_tree
    assert build(clone).bots["alpha"].program.tree != ran_tree


def test_an_incremental_build_reads_only_what_changed(clone):
    """After one file of many changed, one instance is parsed and no program is read again."""
    clone.commit(fleet(**{f"b{n}": bot_file(f"bot-{n}") for n in range(50)}))
    before = build(clone)
    clone.commit({"bots/b7.yaml": bot_file("bot-7", size=9), "bots/b8.yaml": None})
    state = build(clone, before)
    known, found = before.index, state.index
    assert known is not None
    assert found is not None
    read = {path for path, one in found.instances.items() if one is not known.instances[path]}
    assert read == {"bots/b7.yaml"}
    assert all(one is known.programs[path] for path, one in found.programs.items())
    assert '"size":9' in state.bots["bot-7"].config_json
    assert "bot-8" not in state.bots
    assert len(state.bots) == 49


EDITS = {
    "instance": {"bots/a.yaml": bot_file("alpha", size=5)},
    "broken instance": {"bots/a.yaml": "name: alpha\n  x: [\n"},
    "renamed bot": {"bots/a.yaml": bot_file("omega")},
    "removed file": {"bots/a.yaml": None},
    "new name twice": {"bots/c.yaml": bot_file("alpha")},
    "program code": {"programs/maker/main.py": "y = 2\n"},
    "program schema": {"programs/maker/bot-schema.json": '{"type": "object"}'},
    "program version": program_files(version="1.2.0"),
    "program gone": dict.fromkeys(program_files()),
    "second program": {**program_files("taker"), "bots/a.yaml": bot_file("alpha", "taker")},
    "same program twice": {
        path.replace("programs/maker", "programs/copy"): text for path, text in program_files().items()
    },
    "fleet defaults": {"herdsman.yaml": "defaults:\n  memory_limit: 64Mi\n"},
    "file becomes a folder": {"bots/a.yaml": None, "bots/a.yaml/b.yaml": bot_file("alpha")},
    "manifest becomes a folder": {
        "programs/maker/bot-config.yaml": None,
        "programs/maker/bot-config.yaml/x": "1",
    },
    "program below bots": {"bots/bot-config.yaml": "name: below\n"},
    "environments": {"herdsman.yaml": "environments:\n  live:\n    folders: [bots]\n"},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_incremental_build_equals_a_full_one(clone, edit):
    """Whatever changes, there and back, building on the state before gives what building anew gives."""
    clone.commit({**fleet(a=bot_file("alpha"), b=bot_file("beta")), "herdsman.yaml": "name: demo\n"})
    state = build(clone)
    clone.commit(edit)
    state = build(clone, state)
    assert state == build(clone)
    clone.git("revert", "--no-edit", "HEAD")
    assert build(clone, state) == build(clone)
    assert build(clone).errors == ()


def test_broken_fleet_settings_keep_the_last_good_ones(clone):
    """A mistake in herdsman.yaml is reported; bots go on with the settings before it."""
    clone.commit({**fleet(a=bot_file("alpha")), "herdsman.yaml": "defaults:\n  memory_limit: 64Mi\n"})
    before = build(clone)
    clone.commit({"herdsman.yaml": "defualts:\n  memory_limit: 64Mi\n"})
    state = build(clone, before)
    assert state.bots == before.bots
    assert [error.file for error in state.errors] == ["herdsman.yaml"]
    anew = build(clone)
    assert dict(anew.bots) == {}
    assert "bots/a.yaml" in anew.failed_paths


def test_environments_come_from_folders(clone):
    """Without settings, the folder below bots/ is the environment."""
    clone.commit({**program_files(), "bots/live/a.yaml": bot_file("alpha"), "bots/b.yaml": bot_file("beta")})
    bots = build(clone).bots
    assert (bots["alpha"].environment, bots["beta"].environment) == ("live", "")


def test_environments_of_the_settings_win_over_folders(clone):
    """With settings, the environment with the longest folder around a file is its own."""
    settings = "environments:\n  prod:\n    folders: [bots/live]\n  canary:\n    folders: [bots/live/one]\n"
    files = {"bots/live/a.yaml": "alpha", "bots/live/one/b.yaml": "beta", "bots/other/c.yaml": "gamma"}
    clone.commit({**program_files(), "herdsman.yaml": settings, **{p: bot_file(n) for p, n in files.items()}})
    bots = build(clone).bots
    assert [bots[name].environment for name in ("alpha", "beta", "gamma")] == ["prod", "canary", ""]


def test_a_subfolder_is_a_fleet_of_its_own(clone):
    """With a subfolder, only what lies in it counts, and paths are those of the repository."""
    inner = {f"teams/x/{path}": text for path, text in fleet(a=bot_file("alpha")).items()}
    clone.commit({**inner, **fleet(b=bot_file("beta"))})
    state = build(clone, subfolder="teams/x")
    assert set(state.bots) == {"alpha"}
    assert state.bots["alpha"].path == "teams/x/bots/a.yaml"
    clone.commit({"teams/x/bots/c.yaml": bot_file("gamma"), "bots/d.yaml": bot_file("delta")})
    assert set(build(clone, state, subfolder="teams/x").bots) == {"alpha", "gamma"}


def test_a_subfolder_that_is_gone_prunes_nothing(clone):
    """Where the fleet's folder is not there, the state is not complete and protects what was loaded."""
    clone.commit({f"x/{path}": text for path, text in fleet(a=bot_file("alpha")).items()})
    before = build(clone, subfolder="x")
    clone.git("mv", "x", "y")
    clone.commit()
    state = build(clone, before, subfolder="x")
    assert not state.complete
    assert 'no folder "x"' in messages(state)[0]
    assert state.failed_paths == {"x/bots/a.yaml"}


def test_a_repository_that_cannot_be_read_prunes_nothing(clone):
    """Where git fails in the middle, nothing is asked for and the state is not complete."""
    clone.commit(fleet(a=bot_file("alpha")))

    class Failing(CommitReader):
        def read(self, oid):
            raise SourceUnavailable("the disk is on fire")

    with Failing(clone.store, clone.head) as reader:
        state = build_desired_state(reader)
    assert not state.complete
    assert "the disk is on fire" in messages(state)[0]


def test_a_program_of_10000_files_is_refused(clone):
    """A folder with an installed environment in it is refused by its number of files."""
    clone.commit({**fleet(a=bot_file("alpha")), **{f"programs/maker/lib/{n}": "" for n in range(10_000)}})
    (error,) = build(clone).errors
    assert "10,004 files" in error.message
    assert error.bots == ("alpha",)


def test_a_large_file_is_not_even_read(clone):
    """A manifest of 10 MB is refused by its size."""
    large = b"x: " + b"y" * 10 * 1024 * 1024
    clone.commit({**fleet(a=bot_file("alpha")), "bots/b.yaml": large, "herdsman.yaml": large})
    state = build(clone)
    assert len(state.errors) == 2
    assert all("10.0 MB" in error.message for error in state.errors)


@pytest.mark.parametrize(
    ("path", "target", "text"),
    [
        ("programs/maker/data", "/etc", "out of the repository"),
        ("programs/maker/data", "../../../outside", "out of the repository"),
        ("programs/maker/data", "../../bots", "out of the program's folder"),
        ("bots/b.yaml", "/etc/passwd", "out of the repository"),
        ("bots/b.yaml", "a.yaml", "not followed here"),
        ("docs/link", "../../..", "out of the repository"),
    ],
)
def test_a_link_that_leads_out_is_refused(clone, path, target, text):
    """A symbolic link must stay inside its program, or the repository, and is no manifest."""
    clone.write(fleet(a=bot_file("alpha")))
    clone.link(path, target)
    clone.commit()
    (error,) = build(clone).errors
    assert error.file == path
    assert text in error.message
    (on_disk,) = build_desired_state(FolderReader(clone.path)).errors
    assert on_disk == error


def test_a_link_in_place_of_a_folder_of_bots_prunes_nothing(clone):
    """Bots whose folder became a link are not taken for deleted."""
    clone.commit({**fleet(a=bot_file("alpha")), "bots/live/b.yaml": bot_file("beta")})
    before = build(clone)
    clone.git("mv", "bots/live", "moved")
    clone.link("bots/live", "../moved")
    clone.commit()
    for state in (build(clone, before), build(clone)):
        assert not state.complete
        assert [error.file for error in state.errors] == ["bots/live"]
        assert set(state.bots) == {"alpha"}


def test_a_submodule_in_place_of_a_folder_of_bots_prunes_nothing(clone):
    """Bots that moved into another repository are not taken for deleted."""
    head = clone.commit(fleet(a=bot_file("alpha")))
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{head},bots/live")
    clone.git("commit", "-q", "-m", "Add a submodule")
    state = build(clone)
    assert not state.complete
    assert [error.file for error in state.errors] == ["bots/live"]


def test_a_link_inside_a_program_is_fine(clone):
    """A program's files may be links to each other."""
    files = fleet(a=bot_file("alpha"))
    clone.write({**files, "programs/maker/real.py": files.pop("programs/maker/main.py")})
    (clone.path / "programs/maker/main.py").unlink(missing_ok=True)
    clone.link("programs/maker/main.py", "real.py")
    clone.commit()
    assert build(clone).errors == ()


@pytest.mark.parametrize(
    ("path", "text"), [("README.md", "too short"), ("README.md", "x" * 10_001), ("README.md", "x" * 50_000)]
)
def test_a_readme_has_50_to_10000_characters(clone, path, text):
    """A readme that is too short or too long is an error at its file."""
    clone.commit({**fleet(), f"programs/maker/{path}": text})
    (error,) = build(clone).errors
    assert error.file == "programs/maker/README.md"


def test_a_missing_file_is_suggested(clone):
    """An entrypoint that is not there is an error at its line, with the file that was meant."""
    files = fleet()
    files["programs/maker/man.py"] = files.pop("programs/maker/main.py")
    clone.commit(files)
    (error,) = build(clone).errors
    assert (error.pointer, error.suggestion) == ("/entrypoints/bot", "man.py")


def test_a_program_at_the_root_is_refused(clone):
    """A manifest beside bots/ would make the whole repository the program."""
    clone.commit({path.removeprefix("programs/maker/"): text for path, text in program_files().items()})
    (error,) = build(clone).errors
    assert error.file == "bot-config.yaml"
    assert "programs/<name>" in error.message


def test_a_submodule_in_place_of_a_program_is_said(clone):
    """A program that is a submodule is not there; that is told beside the bot that lacks it."""
    clone.commit({"bots/a.yaml": bot_file("a")})
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},programs/maker")
    clone.git("commit", "-q", "-m", "Add a submodule")
    state = build(clone)
    told = {error.file: error.message for error in state.errors}
    assert told["programs/maker"] == "A submodule is not fetched; put its files here instead"
    assert "bots/a.yaml" in told


def test_a_submodule_in_a_program_is_refused(clone):
    """Content that git does not hold cannot be deployed."""
    head = clone.commit(fleet())
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{head},programs/maker/vendored")
    clone.git("commit", "-q", "-m", "Add a submodule")
    (error,) = build(clone).errors
    assert "submodule" in error.message


def test_the_lock_file_is_the_dependencies(clone):
    """The requirements file and its blob id are found, and a lock file wins over it."""
    clone.commit({**fleet(a=bot_file("alpha")), "programs/maker/requirements.txt": "x==1\n"})
    program = build(clone).bots["alpha"].program
    assert program.dependencies == "requirements.txt"
    assert (
        program.dependencies_id
        == clone.git("rev-parse", "HEAD:programs/maker/requirements.txt").stdout.strip()
    )
    clone.commit({"programs/maker/uv.lock": "version = 1\n", "programs/maker/pyproject.toml": ""})
    assert build(clone).bots["alpha"].program.dependencies == "uv.lock"


def test_dependencies_without_a_lock_are_warned_of(clone):
    """A pyproject.toml whose dependencies nobody installs is a warning, and stops nothing."""
    project = '[project]\nname = "x"\ndependencies = ["numpy"]\n'
    clone.commit({**fleet(a=bot_file("alpha")), "programs/maker/pyproject.toml": project})
    state = build(clone)
    assert [(error.warning, error.suggestion) for error in state.errors] == [(True, "uv lock")]
    assert set(state.bots) == {"alpha"}


def test_a_folder_knows_the_versions_of_its_git_history(clone):
    """Validating a work tree resolves an older version from the commits before it."""
    clone.commit(fleet(a=bot_file("alpha")))
    clone.write(program_files(version="1.1.0"))
    state = state_of_folder(clone.path)
    assert state.errors == ()
    assert state.bots["alpha"].program.version == "1.0.0"
