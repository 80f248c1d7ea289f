"""Another major version of a program wants a word in the manifest, since the bot's state stays."""

import pytest

from gitops.build import build_desired_state
from gitops.majors import crosses_major
from gitops.reading import CommitReader
from gitops.sources import HostedSource
from gitops.states import FleetStates
from tests.unit.gitops.fleets import Clone, bot_file, program_files

RUNS = {"alpha": ("maker", "1.4.0")}


@pytest.fixture
def clone(tmp_path):
    made = Clone(tmp_path / "clone")
    made.commit({**program_files(version="2.0.0"), "bots/a.yaml": bot_file("alpha", version="2.0.0")})
    return made


def build(clone, applied=RUNS, previous=None):
    with CommitReader(clone.store, "HEAD") as reader:
        return build_desired_state(reader, previous, applied=applied)


def test_a_major_move_is_an_error_at_the_version(clone):
    """The manifest is refused at its line, in words that say how to consent; the bot counts as failed."""
    state = build(clone)
    (error,) = state.errors
    assert (error.file, error.line, error.pointer, error.bots) == ("bots/a.yaml", 3, "/version", ("alpha",))
    assert error.message.startswith("maker 1.4.0 -> 2.0.0 is another major version")
    assert "herdsman: {allow_major: true}" in error.message
    assert (state.failed_bots, dict(state.bots)) == ({"alpha"}, {})


def test_consent_in_the_manifest_lets_it_move(clone):
    """With `allow_major` the new version is asked for, also where the file was built without it before."""
    before = build(clone)
    text = bot_file("alpha", version="2.0.0", herdsman={"allow_major": True})
    clone.commit({"bots/a.yaml": text})
    state = build(clone, previous=before)
    assert (state.errors, state.bots["alpha"].program.version) == ((), "2.0.0")


def test_what_runs_decides_and_not_what_was_built_before(clone):
    """Once the bot runs the new major version, its manifest needs no consent any more; a way back does."""
    state = build(clone)
    assert build(clone, {"alpha": ("maker", "2.0.0")}, state).errors == ()
    (back,) = build(clone, {"alpha": ("maker", "3.0.0")}, state).errors
    assert back.message.startswith("maker 3.0.0 -> 2.0.0")


@pytest.mark.parametrize(
    ("before", "after", "crosses"),
    [("1.0.0", "1.9.3", False), ("1.0.0", "10.0.0", True), ("0.1.0", "0.9.0", False)],
)
def test_only_the_first_number_counts(before, after, crosses):
    """Minor and patch versions move freely; another program is another bot's life altogether."""
    assert crosses_major(("maker", before), ("maker", after)) is crosses
    assert not crosses_major(("other", before), ("maker", after))


def test_a_new_or_renamed_bot_is_judged_by_the_state_that_it_takes(clone):
    """A bot that runs nothing yet may be of any version; one that takes another's state may not."""
    assert build(clone, {"beta": ("maker", "1.0.0")}).errors == ()
    clone.commit({"bots/a.yaml": bot_file("alpha", version="2.0.0", herdsman={"renamed_from": "beta"})})
    (error,) = build(clone, {"beta": ("maker", "1.0.0")}).errors
    assert "the state that alpha has" in error.message


async def test_a_sources_states_ask_what_runs_but_for_going_back(clone):
    """What is deployed is checked against what the bots run then; an earlier revision is read as it was."""
    source = HostedSource(clone.store)
    states = FleetStates(source, applied=lambda: RUNS)
    revision = await source.fetch()
    assert (await states.build(revision, None)).failed_bots == {"alpha"}
    assert set((await states.rebuild(revision, None)).bots) == {"alpha"}
