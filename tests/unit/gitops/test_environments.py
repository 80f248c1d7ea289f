"""One repository, several services: each runs the bots of its own environments."""

import pytest

from gitops.environments import only
from tests.unit.gitops.fleets import Clone, bot_file, program_files
from tests.unit.gitops.test_build import build

SETTINGS = """environments:
  staging:
  prod:
    namespace: trading
    region: eu
    node_pool: fast
    defaults: {memory_limit: 64Mi, herdsman: {priority: 80}}
defaults: {memory_limit: 32Mi}
"""


@pytest.fixture
def clone(tmp_path):
    made = Clone(tmp_path / "clone")
    files = {"bots/staging/a.yaml": bot_file("alpha"), "bots/prod/b.yaml": bot_file("beta")}
    made.commit({**program_files(), "herdsman.yaml": SETTINGS, **files})
    return made


def test_service_runs_its_environments_alone(clone):
    """Of all sound bots those of the named environments are asked for; without a name all are."""
    state = build(clone)
    assert only(state, ()) is state
    assert set(only(state, ["prod"]).bots) == {"beta"}
    assert set(only(state, ["prod", "staging"]).bots) == {"alpha", "beta"}
    assert only(state, ["prod"]).complete


def test_misspelled_environment_removes_nobody(clone):
    """An environment that the revision does not have prunes nothing, and the likely one is named."""
    state = only(build(clone), ["prdo"])
    assert (dict(state.bots), state.complete) == ({}, False)
    assert (
        "runs the environment prdo, which the revision does not have (prod, staging)"
        in state.errors[0].message
    )
    assert state.errors[0].suggestion == "prod"


def test_environment_has_defaults_and_a_place_of_its_own(clone):
    """Its defaults go before the fleet's, and namespace and node pool reach its bots."""
    bots = build(clone).bots
    assert [bots[name].resources.memory_limit for name in ("alpha", "beta")] == [32 << 20, 64 << 20]
    assert (bots["beta"].priority, bots["beta"].namespace, bots["beta"].node_pool) == (80, "trading", "fast")
    assert (bots["beta"].region, bots["alpha"].region) == ("eu", "")
    assert (bots["alpha"].namespace, bots["alpha"].node_pool) == ("", "")


@pytest.mark.parametrize(("was", "becomes"), [("pool: fast", "pool: slow"), ("region: eu", "region: us")])
def test_another_node_pool_or_region_is_a_change_of_its_bots(clone, was, becomes):
    """A bot that is to run elsewhere is updated; one of another environment is not."""
    before = build(clone).bots
    clone.commit({"herdsman.yaml": SETTINGS.replace(was, becomes)})
    after = build(clone).bots
    assert before["beta"].digest != after["beta"].digest
    assert before["alpha"].digest == after["alpha"].digest
