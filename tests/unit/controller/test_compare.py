"""Comparing one bot: what git asks for, what the scheduler shows, what we own."""

from dataclasses import replace

import pytest

from controller.compare import Kind, Known, compare, compare_bot, moved_manifests
from controller.records import Halt, Suspension
from controller.schedulers.protocol import Phase
from tests.unit.controller.examples import FLEET, NOW, desired, entry, seen, spec

BOT = spec()
NEW = spec(parameters={"fast": 12})
SUSPENSION = Suspension(BOT.name, "ops", "maintenance", NOW)


def difference(wanted, observed=None, owned=None, suspension=None, **fields):
    known = Known(
        FLEET,
        {BOT.name: observed} if observed else {},
        {BOT.name: owned} if owned else {},
        {BOT.name: suspension} if suspension else {},
    )
    return compare_bot(BOT.name, desired([wanted] if wanted else [], **fields), known)


@pytest.mark.parametrize(
    ("wanted", "observed", "owned", "kind"),
    [
        (BOT, None, None, Kind.CREATE),
        (BOT, seen(BOT), entry(BOT), Kind.NONE),
        (BOT, seen(BOT, Phase.PENDING), entry(BOT), Kind.NONE),
        (BOT, seen(BOT, Phase.IDLE), entry(BOT), Kind.NONE),
        (NEW, seen(BOT), entry(BOT), Kind.UPDATE),
        (NEW, seen(BOT, Phase.STOPPED), entry(BOT), Kind.UPDATE),
        (BOT, seen(BOT, Phase.STOPPED, token="2"), entry(BOT), Kind.DRIFTED),
        (BOT, seen(BOT, token="2"), entry(BOT), Kind.DRIFTED),
        (BOT, seen(NEW, token="2"), entry(BOT), Kind.DRIFTED),
        (BOT, None, entry(BOT), Kind.DRIFTED),
        (None, seen(BOT), entry(BOT), Kind.REMOVE),
        (None, None, entry(BOT), Kind.REMOVE),
        (None, seen(BOT), None, Kind.FOREIGN),
        (BOT, seen(BOT, fleet="other"), None, Kind.FOREIGN),
        (BOT, seen(BOT, fleet="other"), entry(BOT), Kind.FOREIGN),
        (BOT, seen(BOT), None, Kind.ADOPT),
        (BOT, seen(BOT), entry(BOT, spec=None, token="", intent=BOT.digest), Kind.ADOPT),
        (NEW, seen(NEW, token="2"), entry(BOT, intent=NEW.digest), Kind.ADOPT),
        (replace(BOT, enabled=False), seen(BOT), entry(BOT), Kind.STOP),
        (replace(BOT, enabled=False), seen(BOT, Phase.STOPPED), entry(BOT), Kind.NONE),
        (replace(BOT, enabled=False), None, None, Kind.NONE),
        (BOT, seen(BOT, Phase.STOPPED), entry(BOT, halted=Halt.DISABLED), Kind.UPDATE),
    ],
)
def test_kind_of_difference(wanted, observed, owned, kind):
    """Each combination of wanted, observed and owned is one named kind."""
    assert difference(wanted, observed, owned).kind is kind


def test_update_says_what_changed():
    """The summary of an update names the parameter with both values."""
    assert difference(NEW, seen(BOT), entry(BOT)).summary == "fast 10 -> 12"


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (seen(BOT, Phase.STOPPED, token="2"), "stopped behind our back"),
        (seen(BOT, token="2"), "changed behind our back"),
        (None, "removed behind our back"),
    ],
)
def test_drift_says_what_happened(observed, words):
    """Drift is told in words: stopped, changed or removed behind our back."""
    assert words in difference(BOT, observed, entry(BOT)).reason


@pytest.mark.parametrize("wanted", [BOT, NEW, None])
def test_bot_on_a_lost_node_is_left_alone(wanted):
    """Nothing is done to a bot whose node does not answer: it may still run there."""
    found = difference(wanted, seen(BOT, Phase.LOST), entry(BOT))
    assert not found.acts
    assert "does not answer" in found.blocked


@pytest.mark.parametrize("wanted", [BOT, NEW])
def test_bot_whose_node_was_silent_for_long_is_placed_elsewhere(wanted):
    """Where its scheduler says that it may be: the copy there waits for the lease."""
    found = difference(wanted, replace(seen(BOT, Phase.LOST), replaceable=True), entry(BOT))
    assert found.acts
    assert found.spec == wanted


def test_removed_bot_on_a_lost_node_waits_for_it():
    """To stop a bot, its node must hear of it, however long it was silent."""
    found = difference(None, replace(seen(BOT, Phase.LOST), replaceable=True), entry(BOT))
    assert found.kind is Kind.REMOVE
    assert not found.acts


@pytest.mark.parametrize("wanted", [BOT, NEW])
def test_stopping_bot_is_waited_for(wanted):
    """A bot is registered again only once its last copy is terminal."""
    found = difference(wanted, seen(BOT, Phase.STOPPING, token="2"), entry(BOT))
    assert found.wants
    assert not found.acts


def test_failed_manifest_protects_its_bot():
    """A bot last loaded from a file that fails to load is neither changed nor pruned."""
    found = difference(None, seen(BOT), entry(BOT), failed_paths=frozenset({BOT.path}))
    assert found.kind is Kind.PROTECTED
    found = difference(NEW, seen(BOT), entry(BOT), failed_paths=frozenset({BOT.path}))
    assert found.kind is Kind.PROTECTED


def test_bot_named_by_a_failed_file_is_protected():
    """A file that moved and broke in one commit still protects the bot that it names."""
    found = difference(None, seen(BOT), entry(BOT), failed_bots=frozenset({BOT.name}))
    assert found.kind is Kind.PROTECTED


def test_protected_bot_is_started_again_as_it_was():
    """A bot with a bad manifest keeps running its last applied version, also when it is stopped."""
    observed = seen(BOT, Phase.STOPPED, token="2")
    found = difference(None, observed, entry(BOT), failed_paths=frozenset({BOT.path}))
    assert found.kind is Kind.DRIFTED
    assert found.spec == BOT


def test_protected_bot_that_git_disabled_stays_stopped():
    """A bad manifest does not start a bot that was disabled before."""
    owned = entry(BOT, halted=Halt.DISABLED)
    found = difference(None, seen(BOT, Phase.STOPPED), owned, failed_paths=frozenset({BOT.path}))
    assert found.kind is Kind.PROTECTED


@pytest.mark.parametrize("fields", [{}, {"failed_paths": frozenset({BOT.path})}, {"complete": False}])
def test_suspension_stops_whatever_git_says(fields):
    """An operator's suspension holds also for a bot whose manifest is bad or gone."""
    for wanted in (BOT, None):
        found = difference(wanted, seen(BOT), entry(BOT), SUSPENSION, **fields)
        assert found.kind is Kind.STOP
        assert found.reason == 'suspended by ops: "maintenance"'


def test_incomplete_tree_prunes_nothing():
    """Where the tree could not be read whole, no bot is taken for removed."""
    assert difference(None, seen(BOT), entry(BOT), complete=False).kind is Kind.PROTECTED


def test_lost_mark_is_made_good_by_the_inventory():
    """A job that lost its mark in Nomad's own UI is still ours by the inventory, and corrected."""
    found = difference(BOT, seen(BOT, fleet="", spec="", token="7"), entry(BOT))
    assert found.kind is Kind.DRIFTED


def test_unmarked_job_that_we_never_owned_is_foreign():
    """A job without a mark and without an entry is never touched."""
    assert difference(BOT, seen(BOT, fleet="")).kind is Kind.FOREIGN


def test_compare_lists_only_what_differs():
    """Bots as they should be do not appear, whatever the fleet's size."""
    same = [spec(f"bot-{number}") for number in range(20)]
    known = Known(
        FLEET,
        {one.name: seen(one) for one in same},
        {one.name: entry(one) for one in same},
    )
    found = compare(desired([*same, spec("new-bot")]), known)
    assert [one.bot for one in found] == ["new-bot"]


def test_protection_follows_a_moved_file():
    """A manifest that moves takes its bot's entry with it, unless the old path is what fails."""
    moved = replace(BOT, path="bots/prod/sma-btc.yaml")
    inventory = {BOT.name: entry(BOT)}
    assert [one.path for one in moved_manifests(desired([moved]), inventory)] == [moved.path]
    failing = desired([moved], failed_paths=frozenset({BOT.path}))
    assert moved_manifests(failing, inventory) == []
