"""`depends_on` across files: names that are no bot's, circles."""

import pytest

from tests.unit.gitops.fleets import Clone, bot_file, program_files
from tests.unit.gitops.test_build import build


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


def leaning(name, *others):
    return f"{bot_file(name)}herdsman:\n  depends_on: [{', '.join(others)}]\n"


def commit(clone, **files):
    clone.commit({**program_files(), **{f"bots/{name}.yaml": text for name, text in files.items()}})


def test_bot_may_depend_on_another(clone):
    """The names of other bots are taken as they are."""
    commit(clone, feed=bot_file("feed"), trader=leaning("trader", "feed"))
    state = build(clone)
    assert state.errors == ()
    assert state.bots["trader"].depends_on == ("feed",)


def test_unknown_name_is_an_error_with_its_place_and_a_suggestion(clone):
    """A misspelled name is refused with file, line and the nearest bot; the others are sound."""
    commit(clone, feed=bot_file("feed-btc"), trader=leaning("trader", "feed-bct"))
    state = build(clone)
    error = state.errors[0]
    assert (error.file, error.pointer) == ("bots/trader.yaml", "/herdsman/depends_on/0")
    assert error.line == bot_file("trader").count("\n") + 2
    assert error.message == 'depends_on: there is no bot "feed-bct" in this fleet'
    assert (error.suggestion, error.bots) == ("feed-btc", ("trader",))
    assert set(state.bots) == {"feed-btc"}
    assert state.failed_bots == {"trader"}


def test_circle_is_an_error_of_each_bot_in_it(clone):
    """Bots that wait for each other would never start: each is told the way round, not who waits for them."""
    commit(clone, a=leaning("alpha", "beta"), b=leaning("beta", "gamma"), c=leaning("gamma", "alpha"))
    clone.commit({"bots/d.yaml": leaning("delta", "alpha"), "bots/e.yaml": leaning("self", "self")})
    state = build(clone)
    assert {error.file: error.message for error in state.errors} == {
        "bots/a.yaml": "depends_on: alpha waits for itself: alpha -> beta -> gamma -> alpha",
        "bots/b.yaml": "depends_on: beta waits for itself: beta -> gamma -> alpha -> beta",
        "bots/c.yaml": "depends_on: gamma waits for itself: gamma -> alpha -> beta -> gamma",
        "bots/e.yaml": "depends_on: self waits for itself: self -> self",
    }
    assert set(state.bots) == {"delta"}


def test_error_goes_once_the_bot_is_there(clone):
    """An incremental build takes a name for known as soon as another file declares it."""
    commit(clone, trader=leaning("trader", "feed"))
    before = build(clone)
    assert before.bots == {}
    clone.commit({"bots/feed.yaml": bot_file("feed")})
    state = build(clone, before)
    assert state == build(clone)
    assert set(state.bots) == {"trader", "feed"}


def test_endless_chain_is_an_error(clone):
    """More bots in a row than anybody would wait for are refused."""
    names = [f"bot-{number}" for number in range(103)]
    files = {f"f{n}": leaning(names[n], names[n + 1]) for n in range(102)}
    commit(clone, last=bot_file(names[-1]), **files)
    state = build(clone)
    assert [error.message for error in state.errors] == [
        "depends_on: more than 100 bots wait for each other in a row"
    ] * 2
