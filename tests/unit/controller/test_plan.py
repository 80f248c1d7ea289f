"""The plan: order, held prunes, renames."""

from dataclasses import replace

from controller.compare import Known, compare
from controller.consent import NO_CONSENT, Consent, consent_to
from controller.plan import ActionKind, make_plan
from controller.records import Halt
from controller.schedulers.protocol import Phase
from schemas.fleet import FleetSettings
from tests.unit.controller.examples import FLEET, desired, entry, revision, seen, spec


def plan_for(wanted, running, *, consent=NO_CONSENT, undecided=(), inventory=None, **fields):
    """Plan from bots that run as in `running` to bots as in `wanted`."""
    owned = {one.name: entry(one) for one in running} | (inventory or {})
    known = Known(FLEET, {one.name: seen(one) for one in running}, owned)
    state = replace(desired(wanted), **fields)
    return make_plan(state, compare(state, known), owned, consent=consent, undecided=frozenset(undecided))


def bots(count, start=0):
    return [spec(f"bot-{number:03}") for number in range(start, start + count)]


def test_removals_come_first_and_additions_wait_for_them():
    """A new bot is ordered after the bots that the same revision removes or stops."""
    plan = plan_for([spec("kept"), spec("fresh")], [spec("kept"), spec("gone")])
    assert [(action.bot, action.kind) for action in plan.actions] == [
        ("gone", ActionKind.REMOVE),
        ("fresh", ActionKind.CREATE),
    ]
    assert plan.actions[1].after == ("gone",)
    assert plan.summary() == "2 of 3 bots change"


def test_updates_wait_for_nobody():
    """An update of one bot does not wait for another's removal."""
    plan = plan_for([spec("kept", parameters={"fast": 1})], [spec("kept"), spec("gone")])
    assert [action.after for action in plan.actions] == [(), ()]


def test_large_prune_is_held_and_starts_no_new_bot():
    """More removals than the share and the least at once are held, and so are new bots."""
    plan = plan_for([*bots(6), spec("fresh")], bots(10))
    assert "4 of 10 bots would be removed, more than 30%" in plan.held
    assert "confirm-prune" in plan.held
    assert {action.bot for action in plan.actions if action.held} == {
        *(f"bot-{n:03}" for n in range(6, 10)),
        "fresh",
    }


def test_held_prune_still_updates():
    """What is neither removed nor new goes on while a prune is held."""
    changed = spec("bot-000", parameters={"fast": 99})
    plan = plan_for([changed, *bots(5, 1)], bots(10))
    assert [action.bot for action in plan.actions if not action.held] == ["bot-000"]


def test_confirmed_prune_goes_on():
    """A confirmation releases the prune and the new bots."""
    plan = plan_for([*bots(6), spec("fresh")], bots(10), consent=consent_to(revision().id))
    assert not plan.held
    assert not any(action.held for action in plan.actions)


def test_few_removals_are_not_held():
    """Up to the least number is removed whatever its share is, as long as something is left."""
    assert not plan_for(bots(1), bots(4)).held
    assert plan_for(bots(1), bots(5)).held


def test_nothing_left_is_held_however_small_the_fleet_is():
    """A revision without any bot, or without any that runs, is more likely an accident than a wish."""
    assert "the revision has no bot at all" in plan_for([], bots(1)).held
    assert "the revision has no bot at all" in plan_for([], bots(3)).held
    assert "none that runs would be left" in plan_for(bots(2, 5), bots(2)).held
    assert not plan_for([spec("new")], bots(1)).held
    assert not plan_for([], bots(3), settings=FleetSettings(prune_share=1.0)).held


def test_a_rewritten_history_removes_nobody_without_consent():
    """Where a revision does not follow what was deployed, even one removal is held, and says of what."""
    leap = replace(revision(), rewritten="f" * 40)
    plan = plan_for(bots(9), bots(10), revision=leap)
    assert "does not follow fffffff" in plan.held
    assert "1 of 10 bots would be removed: bot-009. Held, and no new bot starts" in plan.held
    assert not plan_for(bots(10), bots(10), revision=leap).held


def test_a_held_removal_stays_held_whatever_is_pushed_on_top():
    """What nobody has decided about is not let go because the next revision would not be held by itself."""
    plan = plan_for(bots(9), bots(10), undecided={"bot-009"})
    assert "removals that were held wait for a decision" in plan.held
    assert not plan_for(bots(9), bots(10), undecided={"bot-001"}).held


def test_consent_is_for_the_removals_that_were_shown():
    """The code names exactly the bots: one more, or one other, and it confirms nothing."""
    (code,) = plan_for(bots(5), bots(10)).codes.values()
    shown = Consent(codes=frozenset({code}))
    assert not plan_for(bots(5), bots(10), consent=shown).held
    assert plan_for(bots(4), bots(10), consent=shown).held
    assert plan_for(bots(5, 5), bots(10), consent=shown).held
    assert code in plan_for(bots(5), bots(10)).held


def test_consent_to_a_revision_is_for_no_other():
    """What was said of one commit does not hold for the next."""
    assert plan_for(bots(5), bots(10), consent=consent_to(revision(2).id)).held


def test_settings_move_the_cap():
    """The fleet's own settings decide what is too much at once."""
    settings = FleetSettings(prune_share=0.9, prune_least=1)
    assert not plan_for(bots(2), bots(10), settings=settings).held
    assert plan_for([], bots(10), settings=settings).held


def test_removals_under_way_are_not_counted_again():
    """A prune that has begun is not held in its midst because fewer bots are left."""
    begun = {f"bot-{n:03}": entry(spec(f"bot-{n:03}"), halted=Halt.REMOVED) for n in range(5, 9)}
    plan = plan_for(bots(5), bots(9), inventory=begun)
    assert not plan.held


def test_what_is_ending_does_not_count_as_left():
    """An emptied revision is held also while the removals of the one before are still under way."""
    begun = {f"bot-{n:03}": entry(spec(f"bot-{n:03}"), halted=Halt.REMOVED) for n in range(3)}
    plan = plan_for([], bots(6), inventory=begun)
    assert "3 of 3 bots would be removed" in plan.held
    assert [one.bot for one in plan.actions if not one.held] == [*begun]


def test_what_other_sources_declared_before_is_held_where_one_is_left():
    """A dropped source's bots stay, and none starts beside them under another name."""
    dropped = {"old": entry(spec("old"), source="research"), "own": entry(spec("own"))}
    plan = plan_for([spec("kept"), spec("new")], [spec("kept"), spec("old")], inventory=dropped)
    assert "the source research is no longer configured" in plan.held_for("research")
    assert {one.bot for one in plan.actions if one.held} == {"old", "new"}
    assert plan.held_for("") == plan.held
    agreed = Consent(codes=frozenset(plan.codes.values()))
    assert not plan_for([spec("kept")], [spec("kept"), spec("old")], inventory=dropped, consent=agreed).held


def test_incomplete_tree_removes_nothing():
    """A tree that could not be read whole makes no removal at all, not even a held one."""
    plan = plan_for([], bots(10), complete=False)
    assert plan.actions == ()


def test_failed_file_keeps_its_bot_out_of_the_plan():
    """A typo in a file neither purges nor changes the bot that runs from it."""
    plan = plan_for([], [spec("a"), spec("b")], failed_paths=frozenset({"bots/a.yaml"}))
    assert [action.bot for action in plan.actions] == ["b"]


def test_renamed_bot_starts_after_its_old_self():
    """With `renamed_from`, the new bot waits for exactly that one, and says so."""
    plan = plan_for([spec("new-name", renamed_from="old-name")], [spec("old-name")])
    create = plan.actions[1]
    assert create.renamed_from == "old-name"
    assert create.after == ("old-name",)
    assert create.summary == "renamed from old-name, realtime"


def test_renames_do_not_count_as_pruned():
    """Renaming the whole fleet is no prune."""
    wanted = [spec(f"new-{one.name}", renamed_from=one.name) for one in bots(10)]
    assert not plan_for(wanted, bots(10)).held


def test_rename_of_a_bot_on_a_lost_node_still_waits_for_it():
    """The renamed bot is ordered after the old one even where that one cannot be stopped now."""
    old, new = spec("old-name"), spec("new-name", renamed_from="old-name")
    owned = {old.name: entry(old)}
    known = Known(FLEET, {old.name: seen(old, Phase.LOST)}, owned)
    state = desired([new])
    plan = make_plan(state, compare(state, known), owned)
    assert plan.actions[1].after == ("old-name",)
    assert "does not answer" in plan.actions[0].blocked


def test_drift_is_marked():
    """An action that repairs drift is told apart from one that git asked for."""
    one = spec("a")
    owned = {one.name: entry(one)}
    known = Known(FLEET, {one.name: seen(one, Phase.STOPPED)}, owned)
    plan = make_plan(desired([one]), compare(desired([one]), known), owned)
    assert plan.actions[0].drift
