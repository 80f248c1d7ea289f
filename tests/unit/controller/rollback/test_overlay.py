"""What bots should be, where something holds them elsewhere than git."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.compare import Kind, Known, compare
from controller.consent import consent_to
from controller.plan import make_plan
from controller.rollback.choosing import check_major
from controller.rollback.overlay import Overlays, overlaid
from controller.rollback.records import FLEET, Pin, Refusal
from gitops.desired import DesiredState
from schemas.bot import BotSpec
from schemas.errors import UsageError
from tests.unit.controller.examples import FLEET as OURS
from tests.unit.controller.examples import NOW, desired, entry, revision, seen, spec


def pin(*specs: BotSpec, subject: str = "", number: int = 1, **fields: object) -> Pin:
    bots = {one.name: one for one in specs}
    return Pin(subject or specs[0].name, revision(number), "desk", "why", NOW, None, bots, **fields)


def overlays(*pins: Pin) -> Overlays:
    return Overlays({one.subject: one for one in pins})


def refusal(bad: BotSpec, good: BotSpec) -> Refusal:
    return Refusal(bad.name, bad.digest, revision(2), "crashed", NOW, good, revision(1))


def known(*running: BotSpec) -> Known:
    return Known(OURS, {one.name: seen(one) for one in running}, {one.name: entry(one) for one in running})


OLD, NEW = spec("a"), spec("a", parameters={"fast": 12})


def test_nothing_held_is_the_very_same_state():
    """Where nothing holds a bot, what git asks for is handed on as it is."""
    state = desired([NEW], 2)
    assert overlaid(state, Overlays()) is state


def test_pinned_bot_is_what_it_was_and_comes_from_that_revision():
    """A pin replaces one bot's spec and leaves the others alone."""
    other = spec("b")
    state = overlaid(desired([NEW, other], 2), overlays(pin(OLD)))
    assert (state.bots["a"], state.bots["b"]) == (OLD, other)
    assert (state.revision_of("a"), state.revision_of("b")) == (revision(1), revision(2))


def test_pin_holds_though_the_manifest_is_broken_or_gone():
    """A pinned bot's manifest may break or go away in git: it neither protects another spec nor prunes."""
    broken = desired([], 2, failed_paths=frozenset({"bots/a.yaml"}), failed_bots=frozenset({"a"}))
    for git in (broken, desired([], 2)):
        (difference,) = compare(overlaid(git, overlays(pin(OLD))), known(NEW))
        assert (difference.kind, difference.spec) == (Kind.UPDATE, OLD)


def test_fleet_pin_makes_what_runs_equal_to_the_revision():
    """Bots added since go, bots removed since come back, changed ones change back."""
    was = [spec("kept"), OLD, spec("removed")]
    state = overlaid(
        desired([spec("kept"), NEW, spec("added")], 2), overlays(pin(*was, subject=FLEET, number=1))
    )
    kinds = {one.bot: one.kind for one in compare(state, known(spec("kept"), NEW, spec("added")))}
    assert kinds == {"a": Kind.UPDATE, "removed": Kind.CREATE, "added": Kind.REMOVE}


def test_large_prune_of_a_fleet_pin_is_held():
    """Going back to a revision that lacks most of the bots is held as any prune; confirmed, it goes on."""
    many = [spec(f"bot-{number}") for number in range(10)]
    state = overlaid(desired(many, 2), overlays(pin(many[0], subject=FLEET)))
    now = known(*many)
    differences = compare(state, now)
    every = dict.fromkeys((revision(1).key, revision(2).key), frozenset(one.name for one in many))
    plan = make_plan(state, differences, now.inventory, allowed=every)
    assert "9 of 10 bots would be removed" in plan.held
    assert all(action.held for action in plan.actions)
    assert not make_plan(state, differences, now.inventory, consent=consent_to(revision(1).id)).held


def test_renamed_bot_comes_back_with_its_state():
    """A bot that was renamed since takes its state back from its later name."""
    later = spec("later", renamed_from="a")
    state = overlaid(desired([later], 2), overlays(pin(OLD, subject=FLEET)))
    assert state.bots["a"].renamed_from == "later"


def test_refused_spec_gives_way_to_the_last_healthy_one():
    """A spec that did not get healthy is replaced; another spec of the same bot is not."""
    held = Overlays(refusals={"a": {NEW.digest: refusal(NEW, OLD)}})
    assert overlaid(desired([NEW], 3), held).bots["a"] == OLD
    fixed = spec("a", parameters={"fast": 13})
    assert overlaid(desired([fixed], 3), held).bots["a"] == fixed


def test_refused_bot_is_still_disabled_by_git():
    """Whether a bot runs at all stays git's word, though its newest spec is refused."""
    held = Overlays(refusals={"a": {NEW.digest: refusal(NEW, OLD)}})
    off = replace(NEW, enabled=False)
    (difference,) = compare(overlaid(desired([off], 3), held), known(OLD))
    assert difference.kind is Kind.STOP


def test_pin_of_one_source_leaves_the_other_alone():
    """Of several sources, a pin of all bots holds those of its own revision's source."""
    mine, theirs = spec("a", source="one", parameters={"fast": 12}), spec("b", source="two")
    parts = {"one": desired([mine], 2), "two": desired([theirs], 3)}
    state = DesiredState(revision(3), bots={"a": mine, "b": theirs}, parts=parts)
    old = replace(
        pin(replace(OLD, source="one")), subject="*one", revision=replace(revision(1), origin="one")
    )
    held = overlaid(state, overlays(old))
    assert (held.bots["a"].digest, held.bots["b"]) == (OLD.digest, theirs)
    assert held.parts["two"] is parts["two"]


def test_other_major_version_needs_consent():
    """Going to another major version is refused in words, unless the operator or the manifest allows it."""
    inventory = {"a": entry(spec("a", version="2.0.0"))}
    with pytest.raises(UsageError, match=r"a would go from sma 2\.0\.0 to 1\.0\.0.*--allow-major"):
        check_major([OLD], inventory, allowed=False)
    check_major([OLD], inventory, allowed=True)
    check_major([replace(OLD, allow_major=True)], inventory, allowed=False)


NAMES = ("a", "b", "c", "d", "e")
specs = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3)).map(
    lambda found: [spec(name, parameters={"fast": fast}) for name, fast in found.items()]
)
broken = st.frozensets(st.sampled_from(NAMES), max_size=2)


@given(git=specs, was=specs, single=specs, running=specs, bad=broken, failed=broken, whole=st.booleans())
def test_overlay_never_removes_a_bot_that_both_have(git, was, single, running, bad, failed, whole):
    """Whatever is pinned and whatever is broken: only a bot that git or the pinned revision lacks may go."""
    paths = frozenset(f"bots/{name}.yaml" for name in bad)
    state = desired([one for one in git if one.name not in bad], 2, failed_bots=bad, failed_paths=paths)
    then = [one for one in was if one.name not in failed]
    there = pin(
        *then,
        subject=FLEET,
        failed_bots=failed,
        failed_paths=frozenset(f"bots/{name}.yaml" for name in failed),
    )
    pins = [*(pin(one) for one in single), *([there] if whole and then else [])]
    held = overlays(*pins)
    removed = {one.bot for one in compare(overlaid(state, held), known(*running)) if one.kind is Kind.REMOVE}
    in_git = {one.name for one in git} | bad
    at_pin = {one.name for one in was} | failed if held.wholes else in_git
    assert not removed & in_git & at_pin
    assert not removed & {one.name for one in single}
