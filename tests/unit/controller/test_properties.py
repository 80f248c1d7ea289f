"""Properties of comparing and planning that hold for every fleet."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.compare import Kind, Known, compare, compare_bot
from controller.plan import ActionKind, make_plan
from controller.records import Halt, Suspension
from controller.schedulers.protocol import Phase
from tests.unit.controller.examples import FLEET, NOW, desired, entry, seen, spec

NAMES = [f"bot-{number}" for number in range(6)]


@st.composite
def worlds(draw):
    """Return a desired state and what is known, in any combination."""
    wanted, observed, inventory, suspensions = [], {}, {}, {}
    for name in NAMES:
        old, new = spec(name), spec(name, parameters={"fast": draw(st.integers(10, 12))})
        if draw(st.booleans()):
            wanted.append(replace(new, enabled=draw(st.booleans())))
        if draw(st.booleans()):
            fleet = draw(st.sampled_from([FLEET, FLEET, FLEET, "other", ""]))
            phase = draw(st.sampled_from(list(Phase)))
            token = draw(st.sampled_from(["1", "1", "2"]))
            observed[name] = seen(draw(st.sampled_from([old, new])), phase, fleet=fleet, token=token)
        if draw(st.booleans()):
            halted = draw(st.sampled_from(list(Halt)))
            inventory[name] = entry(old, halted=halted, spec=draw(st.sampled_from([old, None])))
        if draw(st.integers(0, 4)) == 0:
            suspensions[name] = Suspension(name, "ops", "why", NOW)
    failed = frozenset(draw(st.sets(st.sampled_from([f"bots/{name}.yaml" for name in NAMES]), max_size=2)))
    state = desired(
        [one for one in wanted if one.path not in failed],
        failed_paths=failed,
        complete=draw(st.booleans()),
    )
    return state, Known(FLEET, observed, inventory, suspensions)


def acted_on(state, known, **options):
    plan = make_plan(state, compare(state, known), known.inventory, **options)
    return [action for action in plan.actions if not action.held and not action.blocked]


@given(worlds())
def test_what_is_not_ours_is_never_touched(world):
    """No action is ever about a job with another mark, or one that we never owned and nobody asked for."""
    state, known = world
    for action in acted_on(state, known, confirmed=True):
        observed = known.observed.get(action.bot)
        if observed is not None:
            assert observed.fleet == FLEET or (observed.fleet == "" and action.bot in known.inventory)
        if action.kind is ActionKind.REMOVE:
            assert action.bot in known.inventory


@given(worlds())
def test_nothing_is_pruned_by_mistake(world):
    """An incomplete tree removes nothing, and a failed file never removes the bot loaded from it."""
    state, known = world
    for action in acted_on(state, known, confirmed=True):
        if action.kind is ActionKind.REMOVE:
            assert state.complete
            assert known.inventory[action.bot].path not in state.failed_paths


@given(worlds())
def test_silent_nodes_are_left_alone(world):
    """No action is ever about a bot whose node does not answer."""
    state, known = world
    for action in acted_on(state, known, confirmed=True):
        observed = known.observed.get(action.bot)
        assert observed is None or observed.phase is not Phase.LOST


@given(worlds())
def test_nothing_starts_over_a_copy_that_is_ending(world):
    """Nothing is created or updated while its last copy is still stopping."""
    state, known = world
    for action in acted_on(state, known, confirmed=True):
        observed = known.observed.get(action.bot)
        if action.kind in (ActionKind.CREATE, ActionKind.UPDATE) and observed is not None:
            assert observed.phase is not Phase.STOPPING


@given(worlds())
def test_held_prune_starts_nothing_new(world):
    """While a prune is held, no bot is created and none is removed that was not being removed already."""
    state, known = world
    plan = make_plan(state, compare(state, known), known.inventory)
    for action in plan.actions:
        if plan.held and not action.held:
            assert action.kind is not ActionKind.CREATE
            begun = known.inventory.get(action.bot)
            assert action.kind is not ActionKind.REMOVE or (begun and begun.halted is Halt.REMOVED)


@settings(max_examples=200)
@given(worlds())
def test_carrying_out_the_plan_converges(world):
    """Doing what the plan says, in its order, leads to a state without any further action in a few rounds."""
    state, known = world
    known = Known(FLEET, dict(known.observed), dict(known.inventory), dict(known.suspensions))
    for _ in range(4):
        actions = acted_on(state, known, confirmed=True)
        if not actions:
            break
        for action in actions:
            carry_out(action, state, known)
    assert acted_on(state, known, confirmed=True) == []
    for name, wanted in state.bots.items():
        if compare_bot(name, state, known).kind is Kind.NONE and name not in known.suspensions:
            observed = known.observed.get(name)
            if wanted.enabled and observed and observed.phase is not Phase.LOST:
                assert observed.spec == wanted.digest


def carry_out(action, state, known):
    """Change what is known as a scheduler and the inventory would."""
    name, observed, owned = action.bot, known.observed, known.inventory
    difference = compare_bot(name, state, known)
    if action.kind is ActionKind.REMOVE:
        observed.pop(name, None)
        owned.pop(name, None)
    elif action.kind is ActionKind.STOP:
        observed[name] = replace(observed[name], phase=Phase.STOPPED, token="9")
        if name in owned:
            owned[name] = replace(owned[name], halted=Halt.SUSPENDED)
    elif difference.spec is not None:
        observed[name] = seen(difference.spec, token="9")
        owned[name] = entry(difference.spec, token="9")
