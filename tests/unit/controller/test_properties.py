"""Properties of comparing and planning that hold for every fleet."""

from dataclasses import replace
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.compare import Kind, Known, compare, compare_bot
from controller.consent import consent_to
from controller.plan import ActionKind, make_plan
from controller.pruning import begun, ran
from controller.records import Halt, Suspension
from controller.schedulers.protocol import Phase
from schemas.fleet import FleetSettings
from tests.unit.controller.examples import FLEET, NOW, desired, entry, revision, seen, spec

# No time is asserted, on whatever machine.
patient = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
CONFIRMED = consent_to(revision().id)
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


@patient
@given(worlds())
def test_what_is_not_ours_is_never_touched(world):
    """No action is ever about a job with another mark, or one that we never owned and nobody asked for."""
    state, known = world
    for action in acted_on(state, known, consent=CONFIRMED):
        observed = known.observed.get(action.bot)
        if observed is not None:
            assert observed.fleet == FLEET or (observed.fleet == "" and action.bot in known.inventory)
        if action.kind is ActionKind.REMOVE:
            assert action.bot in known.inventory


@patient
@given(worlds())
def test_nothing_is_pruned_by_mistake(world):
    """An incomplete tree removes nothing, and a failed file never removes the bot loaded from it."""
    state, known = world
    for action in acted_on(state, known, consent=CONFIRMED):
        if action.kind is ActionKind.REMOVE:
            assert state.complete
            assert known.inventory[action.bot].path not in state.failed_paths


@patient
@given(worlds())
def test_silent_nodes_are_left_alone(world):
    """No action is ever about a bot whose node does not answer."""
    state, known = world
    for action in acted_on(state, known, consent=CONFIRMED):
        observed = known.observed.get(action.bot)
        assert observed is None or observed.phase is not Phase.LOST


@patient
@given(worlds())
def test_nothing_starts_over_a_copy_that_is_ending(world):
    """Nothing is created or updated while its last copy is still stopping."""
    state, known = world
    for action in acted_on(state, known, consent=CONFIRMED):
        observed = known.observed.get(action.bot)
        if action.kind in (ActionKind.CREATE, ActionKind.UPDATE) and observed is not None:
            assert observed.phase is not Phase.STOPPING


@patient
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


@patient
@given(worlds())
def test_carrying_out_the_plan_converges(world):
    """Doing what the plan says, in its order, leads to a state without any further action in a few rounds."""
    state, known = world
    known = Known(FLEET, dict(known.observed), dict(known.inventory), dict(known.suspensions))
    for _ in range(4):
        actions = acted_on(state, known, consent=CONFIRMED)
        if not actions:
            break
        for action in actions:
            carry_out(action, state, known)
    assert acted_on(state, known, consent=CONFIRMED) == []
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


@patient
@given(worlds())
def test_a_suspension_wins_over_everything(world):
    """Nothing is created, updated or repaired that an operator suspended, whatever git asks for."""
    state, known = world
    for action in acted_on(state, known, consent=CONFIRMED):
        if action.bot in known.suspensions:
            assert action.kind in (ActionKind.STOP, ActionKind.REMOVE)


@patient
@given(worlds())
def test_a_bot_that_is_as_it_should_be_is_left_alone(world):
    """No action is about a bot of ours that runs its spec, is wanted, and that nobody stopped or changed."""
    state, known = world
    for action in make_plan(state, compare(state, known), known.inventory, consent=CONFIRMED).actions:
        observed, owned = known.observed.get(action.bot), known.inventory.get(action.bot)
        wanted = state.bots.get(action.bot)
        assert not (
            observed
            and owned
            and wanted
            and wanted.enabled
            and action.bot not in known.suspensions
            and observed.phase in (Phase.RUNNING, Phase.PENDING, Phase.IDLE)
            and (observed.spec, observed.token) == (wanted.digest, owned.token)
            and (owned.digest, owned.halted) == (wanted.digest, Halt.NONE)
        )


@patient
@given(worlds(), st.integers(0, 3), st.sampled_from([0.0, 0.1, 0.3, 1.0]))
def test_no_more_than_the_share_is_pruned_unasked(world, least, share):
    """Without a word of a person, one pass begins the removal of no more bots than the fleet allows."""
    state, known = world
    state = replace(state, settings=FleetSettings(prune_share=share, prune_least=least))
    begun = {name for name, owned in known.inventory.items() if owned.halted is Halt.REMOVED}
    plan = make_plan(state, compare(state, known), known.inventory)
    # What is blocked by a silent node counts: it goes once the node answers.
    pruned = {
        action.bot
        for action in plan.actions
        if action.kind is ActionKind.REMOVE and not action.held and action.bot not in begun
    }
    assert len(pruned) <= max(least, share * len(known.inventory))


@patient
@given(worlds())
def test_what_goes_is_dead_before_anything_new_starts(world):
    """Removals and stops stand first, and every new bot waits for all of them that can be done."""
    state, known = world
    actions = make_plan(state, compare(state, known), known.inventory, consent=CONFIRMED).actions
    ending = [one for one in actions if one.kind in (ActionKind.REMOVE, ActionKind.STOP)]
    assert actions[: len(ending)] == tuple(ending)
    going = {one.bot for one in ending if not one.blocked}
    for action in actions:
        if action.kind is ActionKind.CREATE:
            assert going <= set(action.after)


@patient
@given(worlds(), st.booleans())
def test_an_unread_source_changes_nothing(world, partly):
    """While nothing is known of a fleet's source, its bots stay as they were last applied."""
    state, known = world
    unread = replace(state, bots={}, failed_paths=frozenset(), unread={"": "it does not answer"})
    unread = replace(unread, complete=not partly)
    for action in acted_on(unread, known, consent=CONFIRMED):
        owned = known.inventory[action.bot]
        assert action.kind in (ActionKind.STOP, ActionKind.UPDATE)
        if action.kind is ActionKind.STOP:
            assert action.bot in known.suspensions
        else:
            difference = compare_bot(action.bot, unread, known)
            assert difference.spec is not None
            assert difference.spec.digest == owned.digest


@patient
@given(worlds(), st.randoms(use_true_random=False))
def test_any_order_of_completions_converges(world, order):
    """Whichever action is done next, and whenever a stop ends, the fleet becomes what git asks for."""
    state, known = world
    known = Known(FLEET, dict(known.observed), dict(known.inventory), dict(known.suspensions))
    foreign = {name: seen for name, seen in known.observed.items() if seen.fleet not in (FLEET, "")}
    for _ in range(60):
        steps = [partial(begin, one, state, known) for one in acted_on(state, known, consent=CONFIRMED)]
        stopping = [
            name
            for name, seen in known.observed.items()
            if seen.phase is Phase.STOPPING and name not in foreign
        ]
        steps += [partial(finish, name, known) for name in stopping]
        if not steps:
            break
        order.choice(steps)()
    assert acted_on(state, known, consent=CONFIRMED) == []
    assert {name: known.observed.get(name) for name in foreign} == foreign
    for name, wanted in state.bots.items():
        observed = known.observed.get(name)
        if name in foreign or (observed and (observed.phase is Phase.LOST or not observed.fleet)):
            continue
        if settled(name, state, known):
            runs = observed is not None and observed.phase in (Phase.RUNNING, Phase.PENDING, Phase.IDLE)
            assert runs == (wanted.enabled and name not in known.suspensions)
            assert not runs or observed.spec == wanted.digest


def settled(name, state, known):
    """Say whether nothing protects a bot from what git asks for."""
    return compare_bot(name, state, known).kind in (Kind.NONE, Kind.ADOPT)


def begin(action, state, known):
    """Do an action as a scheduler does: a stop and a removal leave a copy that is ending."""
    name, observed = action.bot, known.observed
    running = name in observed and observed[name].phase not in (Phase.STOPPED, Phase.STOPPING)
    if action.kind in (ActionKind.REMOVE, ActionKind.STOP) and running:
        halted = Halt.REMOVED if action.kind is ActionKind.REMOVE else Halt.SUSPENDED
        observed[name] = replace(observed[name], phase=Phase.STOPPING, token="8")
        if name in known.inventory:
            known.inventory[name] = replace(known.inventory[name], halted=halted)
    elif not (action.kind is ActionKind.REMOVE and name in observed and _ends(observed[name])):
        carry_out(action, state, known)


def _ends(seen):
    return seen.phase is Phase.STOPPING


def finish(name, known):
    """Let a copy that is stopping be dead."""
    known.observed[name] = replace(known.observed[name], phase=Phase.STOPPED, token="9")


@patient
@given(worlds())
def test_without_a_word_no_revision_ends_every_bot(world):
    """Whatever git and the scheduler show, several bots that ran are never all removed unasked."""
    state, known = world
    lived = {name for name, one in known.inventory.items() if ran(one) and not begun(name, known.inventory)}
    removed = {action.bot for action in acted_on(state, known) if action.kind is ActionKind.REMOVE}
    assert len(lived) < 2 or not lived <= removed
