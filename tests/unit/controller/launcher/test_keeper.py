"""A lease is renewed in time, or given up in time: by the clock, with a lease store that fails."""

from pathlib import Path
from typing import Any

import pytest

from controller.launcher.keeper import Keeper

TIMES = {"ttl": 30.0, "renew_every": 5.0, "terminate_after": 15.0, "kill_after": 27.0}


class FakeLease:
    """A lease whose store answers as the test says, after as long as it is given."""

    reason = ""
    inherited = ()

    def __init__(self, place: str = "", *, deadline_free: bool = False) -> None:
        self.place = place
        self.deadline_free = deadline_free
        self.revoked = False
        self.answers = True
        self.clock = 1000.0
        self.calls: list[tuple[str, float, float]] = []

    def now(self) -> float:
        return self.clock

    def _answer(self, what: str, timeout: float) -> bool:
        self.calls.append((what, self.clock, timeout))
        if not self.answers:
            self.clock += timeout
        return self.answers

    def acquire(self, timeout: float) -> bool:
        return self._answer("acquire", timeout)

    def renew(self, timeout: float) -> bool:
        return self._answer("renew", timeout)

    def settle(self, place: str, timeout: float) -> bool:
        self.place = place
        return self._answer("settle", timeout)

    def release(self, timeout: float) -> bool:
        return self._answer("release", timeout)


@pytest.fixture
def order(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "state").mkdir()
    paths = {"work": str(tmp_path), "state": str(tmp_path / "state")}
    who = {"fleet": "demo-abc234", "bot": "maker", "allocation": "a1"}
    return {"lease": TIMES, "node": "here", "paths": paths, **who}


def live(keeper: Keeper, lease: FakeLease, until: float) -> None:
    """Do as the loop does: wait for the next event, renew where it is due."""
    while lease.clock < until:
        lease.clock = min(max(keeper.next_event(), lease.clock + 0.001), until)
        keeper.renew_if_due()


def test_a_lease_that_answers_is_renewed_for_ever(order: dict[str, Any]) -> None:
    """Every renew_every seconds, and the bot is never asked to end."""
    lease = FakeLease()
    keeper = Keeper(order, lease, lease.now)
    assert keeper.take()
    live(keeper, lease, 1100)
    renewals = [moment for what, moment, _ in lease.calls if what == "renew"]
    assert renewals[0] == pytest.approx(1005)
    assert len(renewals) in (19, 20)
    assert not keeper.lost()


def test_a_store_that_hangs_cannot_delay_the_signals(order: dict[str, Any]) -> None:
    """Every attempt ends before the next signal is due; SIGTERM and SIGKILL are due in time."""
    lease = FakeLease()
    keeper = Keeper(order, lease, lease.now)
    keeper.take()
    lease.answers = False
    live(keeper, lease, 1014.999)
    assert not keeper.lost()
    live(keeper, lease, 1015.001)
    assert keeper.lost()
    assert not keeper.over()
    live(keeper, lease, 1027.001)
    assert keeper.over()
    attempts = [(moment, timeout) for what, moment, timeout in lease.calls if what == "renew"]
    assert len(attempts) > 4
    for moment, timeout in attempts:
        limit = 1015.0 if moment < 1015.0 else 1027.0
        assert moment + timeout <= limit
    assert lease.clock < 1000 + TIMES["ttl"]


def test_a_renewal_counts_from_its_sending(order: dict[str, Any]) -> None:
    """An answer that took long does not move the deadlines by that time."""
    lease = FakeLease()
    keeper = Keeper(order, lease, lease.now)
    sent = lease.clock
    original = lease._answer

    def slow(what: str, timeout: float) -> bool:
        answer = original(what, timeout)
        lease.clock += 2.5
        return answer

    lease._answer = slow  # type: ignore[method-assign]
    assert keeper.take()
    assert keeper.fence.kill_at == sent + 27.0


def test_a_lock_outlives_any_pause_of_its_launcher(order: dict[str, Any]) -> None:
    """Where nothing but death ends the lease, a launcher that was frozen for an hour goes on."""
    lease = FakeLease(deadline_free=True)
    keeper = Keeper(order, lease, lease.now)
    keeper.take()
    lease.clock += 3600
    keeper.renew_if_due()
    assert not keeper.lost()


def test_a_frozen_launcher_kills_before_it_renews(order: dict[str, Any]) -> None:
    """Where the lease runs out by itself, a renewal that comes too late is not even sent."""
    lease = FakeLease()
    keeper = Keeper(order, lease, lease.now)
    keeper.take()
    lease.clock += 28
    keeper.renew_if_due()
    assert keeper.over()
    assert [what for what, _, _ in lease.calls] == ["acquire"]


def test_where_the_state_is_is_told_once_there_is_any(order: dict[str, Any]) -> None:
    """An empty state folder binds a bot to no node; the first file does, and is told until it is stored."""
    lease = FakeLease()
    keeper = Keeper(order, lease, lease.now)
    keeper.take()
    keeper.entrusted = True
    keeper.settle()
    assert lease.place == ""
    Path(order["paths"]["state"], "x.json").touch()
    live(keeper, lease, 1011)
    assert lease.place == "here"
    assert [what for what, _, _ in lease.calls].count("settle") == 1


def test_recording_where_the_state_is_cannot_delay_the_signals(order: dict[str, Any]) -> None:
    """A store that hangs is given no longer than until the bot must be asked to end, and then nothing."""
    lease = FakeLease()
    keeper = Keeper(order, lease, lease.now)
    keeper.take()
    assert not keeper.awaits_state
    keeper.entrusted = True
    assert keeper.awaits_state
    Path(order["paths"]["state"], "x.json").touch()
    lease.answers = False
    lease.clock = 1014.0
    assert not keeper.settle_in_time()
    assert lease.clock < 1015.0
    lease.clock = 1028.0
    assert not keeper.settle_in_time()
    assert [what for what, _, _ in lease.calls].count("settle") == 1
    assert keeper.awaits_state


def test_nothing_is_told_of_a_state_that_is_not_known_to_be_here(order: dict[str, Any]) -> None:
    """While the newest state is still looked for, renewals do not claim that this node has it."""
    lease = FakeLease(place="another-node")
    keeper = Keeper(order, lease, lease.now)
    keeper.take()
    Path(order["paths"]["state"], "old.json").touch()
    live(keeper, lease, 1011)
    assert lease.place == "another-node"
    keeper.entrusted = True
    keeper.settle()
    assert lease.place == "here"


def test_the_bots_deadline_is_the_moment_of_its_kill(order: dict[str, Any]) -> None:
    """The file holds a Unix time, kill_after from the sending, always in as many characters."""
    lease = FakeLease()
    keeper = Keeper(order, lease, lease.now)
    file = Path(order["paths"]["work"], "lease-deadline")
    keeper.take()
    first = file.read_text()
    lease.clock += 5
    keeper.renew_if_due()
    second = file.read_text()
    assert float(second) >= float(first)
    assert len(second) == len(first) == len("1700000000.000\n")


def test_a_lease_that_is_known_to_be_lost_ends_the_bot_at_once(order: dict[str, Any]) -> None:
    """Where the store says that it is another's, no deadline is waited for: the other copy may live."""
    lease = FakeLease()
    keeper = Keeper(order, lease, lease.now)
    assert keeper.take()
    lease.answers, lease.revoked = False, True
    live(keeper, lease, 1005.001)
    assert keeper.lost()
    assert keeper.over()
    assert keeper.let_go()
    lease.answers, lease.revoked = True, False
    assert keeper.take()
    assert not keeper.lost()
