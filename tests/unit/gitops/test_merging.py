from gitops.desired import DesiredState
from gitops.merging import Owner, merge, stamp
from gitops.revision import Revision
from schemas.errors import ManifestError
from schemas.fleet import FleetSettings
from tests.unit.controller.examples import spec

NAMES = ("desk", "research")


def part(name: str, *bots: str, number: int = 1, **fields: object) -> DesiredState:
    revision = Revision(f"{number:040x}", origin=name)
    return stamp(DesiredState(revision, bots={one: spec(one) for one in bots}, **fields), name, None, None)


def merged(*parts: DesiredState, owners=None, unread=None) -> DesiredState:
    by_name = {one.revision.origin: one for one in parts}
    return merge(NAMES, by_name, unread or {}, parts[-1].revision, owners or {})


def test_the_bots_of_all_sources_are_the_fleet():
    """Each bot knows its source, and the revision that says what it is."""
    state = merged(part("desk", "a"), part("research", "b", number=2))
    assert {name: one.source for name, one in state.bots.items()} == {"a": "desk", "b": "research"}
    assert (state.revision_of("a").id[-1], state.revision_of("b").id[-1]) == ("1", "2")
    assert state.errors == ()


def test_a_name_in_two_sources_is_an_error_of_the_later_one():
    """The first source keeps the bot; the other has an error at its own file, and its other bots go on."""
    state = merged(part("desk", "a"), part("research", "a", "b"))
    assert {name: one.source for name, one in state.bots.items()} == {"a": "desk", "b": "research"}
    (error,) = state.errors_of("research")
    assert (error.file, error.bots) == ("bots/a.yaml", ("a",))
    assert "belongs to a bot of the source desk" in error.message
    assert state.errors_of("desk") == ()
    assert [one.file for one in state.errors] == ["research:bots/a.yaml"]


def test_who_has_a_bot_keeps_it_whatever_the_order():
    """A bot that runs from the later source is not taken over by the earlier one that comes to declare it."""
    owners = {"a": Owner("research", "bots/a.yaml")}
    state = merged(part("desk", "a"), part("research", "a"), owners=owners)
    assert state.bots["a"].source == "research"
    assert len(state.errors_of("desk")) == 1


def test_a_bot_moves_once_its_source_lets_go_of_it():
    """Removed from one source, it is the other's."""
    owners = {"a": Owner("desk", "bots/a.yaml")}
    assert merged(part("desk"), part("research", "a"), owners=owners).bots["a"].source == "research"


def test_a_bot_does_not_move_from_a_source_that_cannot_say():
    """While its source is unread, incomplete, or fails to load its file, nobody else gets it."""
    owners = {"a": Owner("desk", "bots/a.yaml")}
    other = part("research", "a")
    assert merged(other, owners=owners, unread={"desk": "no answer"}).bots == {}
    assert merged(part("desk", complete=False), other, owners=owners).bots == {}
    assert merged(part("desk", failed_paths=frozenset({"bots/a.yaml"})), other, owners=owners).bots == {}
    assert merged(part("desk", failed_bots=frozenset({"a"})), other, owners=owners).bots == {}


def test_what_may_be_pruned_is_each_sources_own_affair():
    """An unread or broken source keeps its own bots; of a source that is gone, all others must be read."""
    state = merged(part("desk"), unread={"research": "no answer"})
    assert state.keeps("desk") == ""
    assert "research" in state.keeps("gone")
    assert state.unread_text("research").endswith("no answer")
    assert "read whole" in merged(part("desk", complete=False), part("research")).keeps("desk")
    assert merged(part("desk"), part("research")).keeps("gone") == ""


def test_failures_are_looked_up_in_the_bots_own_source():
    """The same path in two sources is two files."""
    broken = part("desk", failed_paths=frozenset({"bots/a.yaml"}))
    state = merged(broken, part("research", "a"))
    assert state.fails("desk", "bots/a.yaml", "x")
    assert not state.fails("research", "bots/a.yaml", "x")


def test_what_did_not_change_is_the_same_object():
    """A source's next revision stamps only the bots that are new, so that comparing stays cheap."""
    before = DesiredState(Revision("1"), bots={"a": spec("a"), "b": spec("b")})
    stamped = stamp(before, "desk", None, None)
    after = DesiredState(Revision("2"), bots={"a": before.bots["a"], "b": spec("b", version="2.0.0")})
    again = stamp(after, "desk", before, stamped)
    assert again.bots["a"] is stamped.bots["a"]
    assert again.bots["b"].source == "desk"


def test_one_source_is_as_ever():
    """Without parts, a state answers for whatever source an earlier life may have noted."""
    error = ManifestError("bots/a.yaml", 1, 1, "", "no")
    state = DesiredState(
        Revision("1"), FleetSettings(), errors=(error,), failed_paths=frozenset({"bots/a.yaml"})
    )
    assert state.fails("desk", "bots/a.yaml", "a")
    assert (state.keeps("desk"), state.unread_text("desk")) == ("", "")
    assert state.errors_of("") == (error,)
