"""Sync windows as values: open or not, and when."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.windows import concerned, opening
from schemas.rollout import SyncWindow

NIGHT = SyncWindow("allow", "0 22 * * *", 7200.0, "Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_no_window_means_always():
    """A bot that no window concerns may be changed at any time."""
    assert opening([], at("2026-11-24T12:00"), {}).open


def test_allow_window_says_when_it_opens():
    """Outside of its window a change waits, and its words name the time where the window is declared."""
    now = at("2026-11-24T18:00")
    found = opening([NIGHT], now, {})
    assert (found.open, found.at) == (False, at("2026-11-24T21:00"))
    assert found.text(now) == "waits for the window at 22:00 Europe/Berlin, in 3 h"


@pytest.mark.parametrize(
    ("moment", "open_"), [("20:59:59", False), ("21:00", True), ("22:59:59", True), ("23:00", False)]
)
def test_window_is_open_from_its_slot_for_its_duration(moment, open_):
    """The first second belongs to it, the last does not."""
    assert opening([NIGHT], at(f"2026-11-24T{moment}"), {}).open is open_


def test_deny_window_holds_until_it_ends():
    """Inside a deny window a change waits for its end."""
    deny = SyncWindow("deny", "0 8 * * mon-fri", 7200.0, "UTC")
    now = at("2026-11-24T09:00")
    assert opening([deny], now, {}).at == at("2026-11-24T10:00")
    assert opening([deny], at("2026-11-24T10:00"), {}).open
    assert opening([deny], at("2026-11-22T09:00"), {}).open  # a Sunday


def test_deny_beats_allow():
    """A change waits for a moment that an allow window has and no deny window."""
    deny = SyncWindow("deny", "0 21 24 11 *", 3600.0, "UTC")
    assert opening([NIGHT, deny], at("2026-11-24T18:00"), {}).at == at("2026-11-24T22:00")


def test_clock_change_keeps_the_local_time():
    """A window at 22:00 in Berlin is an hour later in UTC once summer time has ended."""
    assert opening([NIGHT], at("2026-10-24T18:00"), {}).at == at("2026-10-24T20:00")
    assert opening([NIGHT], at("2026-10-25T18:00"), {}).at == at("2026-10-25T21:00")


def test_market_that_is_open_denies():
    """`calendar` with deny: no change while the market is open, with a margin before and after."""
    window = SyncWindow("deny", calendar="XNYS", margin=900.0)
    sessions = {"XNYS": ((at("2026-11-24T14:30"), at("2026-11-24T21:00")),)}
    assert opening([window], at("2026-11-24T14:00"), sessions).open
    now = at("2026-11-24T14:15")
    found = opening([window], now, sessions)
    assert found.at == at("2026-11-24T21:15")
    assert found.text(now) == "the market XNYS is open; waits for the window at 21:15 UTC, in 7 h"


def test_unknown_market_holds():
    """While it is not known whether the market is open, nothing is changed."""
    found = opening([SyncWindow("deny", calendar="XNYS")], at("2026-11-24T14:00"), {})
    assert not found.open
    assert "when the market XNYS is open is not known" in found.text(0.0)


def test_window_that_never_opens_is_said():
    """Deny windows without a gap leave no moment, and the words say so."""
    always = SyncWindow("deny", "* * * * *", 3600.0)
    assert opening([always], at("2026-11-24T14:00"), {}).at is None


def test_windows_concern_environments_and_labels():
    """A window holds for the bots of its environments with all of its labels."""
    window = SyncWindow(environments=("prod",), labels={"tier": "live"})
    assert concerned([window], "prod", {"tier": "live", "desk": "a"}) == (window,)
    assert concerned([window], "staging", {"tier": "live"}) == ()
    assert concerned([window], "prod", {}) == ()


windows = st.lists(
    st.builds(
        SyncWindow,
        kind=st.sampled_from(["allow", "deny"]),
        schedule=st.sampled_from(["0 22 * * *", "*/15 * * * *", "0 8 * * mon-fri", "30 2 1 * *"]),
        duration=st.sampled_from([60.0, 900.0, 7200.0, 90000.0]),
        timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    ),
    max_size=3,
)


@settings(deadline=None, max_examples=60)
@given(windows, st.integers(1_760_000_000, 1_800_000_000))
def test_a_change_may_be_made_at_the_moment_that_is_named(some, now):
    """The moment that a change waits for is one at which it may be made, and lies ahead."""
    found = opening(some, float(now), {})
    if found.open:
        assert found.at == now
    elif found.at is not None:
        assert found.at > now
        assert opening(some, found.at, {}).open
