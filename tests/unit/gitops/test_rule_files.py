"""Log rules of a revision: those of its settings and of its files, each read when it changed."""

import pytest

from gitops.build import build_desired_state
from gitops.desired import DesiredState
from gitops.reading import CommitReader
from gitops.states import state_of_folder
from tests.unit.gitops.fleets import Clone, bot_file, program_files

FILLS = "rules:\n  - {name: fills, pattern: filled}\n"


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def build(clone: Clone, previous: DesiredState | None = None) -> DesiredState:
    with CommitReader(clone.store, clone.head) as reader:
        return build_desired_state(reader, previous)


def names(state: DesiredState) -> list[str]:
    return [rule.name for rule in state.log_rules]


def told(state: DesiredState) -> list[tuple[str, int, bool]]:
    return [(error.file, error.line, error.warning) for error in state.errors]


def test_rules_come_from_settings_and_files(clone):
    """In any folder below rules/; a folder on disk gives the same, and no bot is any different for them."""
    files = {**program_files(), "bots/a.yaml": bot_file("alpha")}
    clone.commit(files)
    before = build(clone)
    clone.commit(
        {
            "herdsman.yaml": "rules:\n  - {name: own, pattern: mine}\n",
            "rules/fills.yaml": FILLS,
            "rules/deep/x.yml": FILLS.replace("fills", "deep"),
            "rules/README.md": "no rules",
        }
    )
    state = build(clone, before)
    assert (names(state), state.errors) == (["own", "deep", "fills"], ())
    assert names(state_of_folder(clone.path)) == names(state)
    assert state.bots["alpha"] is before.bots["alpha"]


def test_a_mistake_has_its_place_and_leaves_the_last_good_rules(clone):
    """Of the one file; the other ones change."""
    clone.commit({"rules/fills.yaml": FILLS, "rules/b.yaml": FILLS.replace("fills", "b")})
    before = build(clone)
    broken = FILLS.replace("filled", "'(?=x)'")
    clone.commit({"rules/fills.yaml": broken, "rules/b.yaml": FILLS.replace("fills", "c")})
    state = build(clone, before)
    assert names(state) == ["c", "fills"]
    assert told(state) == [("rules/fills.yaml", 2, False)]
    clone.commit({"rules/fills.yaml": None})
    assert names(build(clone, state)) == ["c"]


def test_rules_of_two_files_cannot_clash(clone):
    """The first stays; the other one is told where that is."""
    clone.commit({"rules/a.yaml": FILLS, "rules/b.yaml": "# mine\n" + FILLS})
    state = build(clone)
    assert [(rule.name, rule.file) for rule in state.log_rules] == [("fills", "rules/a.yaml")]
    (error,) = state.errors
    assert (error.file, error.line) == ("rules/b.yaml", 3)
    assert error.message == 'a rule "fills" is there already in rules/a.yaml:2'


def test_rules_of_several_files_can_be_too_large_together(clone):
    """The one that is too much is told, with what is smaller; the others stay."""
    large = "rules:\n  - {name: %s, pattern: '(?i)\\\\pL{1,100}x'}\n"
    clone.commit({f"rules/{name}.yaml": large.replace("\\\\", "\\") % name for name in "ab"})
    state = build(clone)
    assert (names(state), told(state)) == (["a"], [("rules/b.yaml", 2, False)])
    assert "counted repetition" in (state.errors[0].suggestion or "")


def test_a_warning_takes_no_rule_away(clone):
    """A pattern that matches everything counts everything."""
    clone.commit({"rules/a.yaml": FILLS.replace("filled", "'.*'")})
    state = build(clone)
    assert (names(state), told(state)) == (["fills"], [("rules/a.yaml", 2, True)])


def test_an_unchanged_file_is_not_read_again(clone):
    """The next revision costs what it changed."""
    clone.commit({"rules/a.yaml": FILLS, "herdsman.yaml": "rules:\n  - {name: own, pattern: mine}\n"})
    before = build(clone)
    clone.commit({"rules/b.yaml": FILLS.replace("fills", "b")})
    state = build(clone, before)
    assert names(state) == ["own", "fills", "b"]
    assert before.index is not None
    assert state.index is not None
    assert state.index.rule_files["rules/a.yaml"] is before.index.rule_files["rules/a.yaml"]


def test_a_program_may_be_called_rules(clone):
    """What lies in a program is its own."""
    clone.commit({path.replace("programs/maker", "rules"): text for path, text in program_files().items()})
    assert (names(build(clone)), told(build(clone))) == ([], [])


def test_there_are_at_most_200_rules(clone):
    """Over all files; the one too many has its place."""
    rules = "".join(f"  - {{name: r{number}, pattern: x}}\n" for number in range(150))
    clone.commit({"rules/a.yaml": f"rules:\n{rules}", "rules/b.yaml": f"rules:\n{rules}".replace("r", "q")})
    clone.write({"rules/b.yaml": f"rules:\n{rules.replace('name: r', 'name: q')}"})
    clone.commit()
    state = build(clone)
    assert len(state.log_rules) == 200
    assert told(state) == [("rules/b.yaml", 52, False)]


def test_rules_of_several_sources_know_theirs(clone):
    """Each is for the bots of its own source."""
    clone.commit({"rules/a.yaml": FILLS})
    one = build(clone)
    both = DesiredState(one.revision, parts={"desk": one, "lab": one})
    assert [(rule.name, rule.source) for rule in both.log_rules] == [("fills", "desk"), ("fills", "lab")]
