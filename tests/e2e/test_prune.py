"""A removal of most of a fleet: held, and confirmed in either way."""

from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, bot_text
from tests.e2e.lives import assert_never_two, by_bot, read_lives, wait_lives
from tests.e2e.service import Service, wait_for

pytestmark = pytest.mark.e2e

NAMES = ("one", "two", "three", "four", "five")


def hold(service: Service, fleet: Fleet, record: Path) -> None:
    """Run five bots, then push a revision without four of them and with a new one."""
    for name in NAMES:
        fleet.write(f"bots/{name}.yaml", bot_text(name, record))
    fleet.commit("five")
    fleet.push()
    for name in NAMES:
        service.wait_health(name, "Healthy")
        wait_lives(record, name)
    for name in NAMES[1:]:
        fleet.remove(f"bots/{name}.yaml")
    fleet.write("bots/new.yaml", bot_text("new", record))
    fleet.commit("one and a new one")
    printed = fleet.push()
    assert "0 of 6 bots change, 5 are held" in printed
    assert "herdsman sync --confirm-prune" in printed
    assert "5 changes wait to be confirmed" in printed
    assert "applied in" not in printed


def confirmed(service: Service, record: Path) -> None:
    """Check that the removals went through before the new bot began."""
    wait_for(lambda: set(service.bots()) == {"one", "new"}, "the confirmed removals")
    service.wait_health("new", "Healthy")
    lives = by_bot(read_lives(record))
    assert all(lives[name][-1].ended for name in NAMES[1:])
    assert len(lives["one"]) == 1
    assert_never_two(record)


def test_a_held_prune_is_confirmed_by_sync(service: Service, fleet: Fleet, record: Path) -> None:
    """While it is held nothing ends and nothing new begins, also after another pass; then all of it does."""
    hold(service, fleet, record)
    assert "held: 4 of 5 bots would be removed" in service.run("sync").stdout
    lives = by_bot(read_lives(record))
    assert set(lives) == set(NAMES)
    assert not any(life[-1].ended for life in lives.values())
    refused = service.run("sync", "--confirm-prune", check=False)
    assert "there is no terminal to ask on" in refused.stderr
    (code,) = service.get("/api/v1/plan")["prune"]
    other = service.run("sync", "--confirm-prune", "0a1b2c3d", check=False)
    assert "nothing was confirmed" in other.stderr
    assert not any(life[-1].ended for life in by_bot(read_lives(record)).values())
    service.run("sync", "--confirm-prune", code)
    confirmed(service, record)


def test_a_held_prune_is_confirmed_by_a_push(service: Service, fleet: Fleet, record: Path) -> None:
    """A push with the option confirms what its revision would remove."""
    hold(service, fleet, record)
    fleet.git("commit", "-q", "--allow-empty", "-m", "yes, remove them")
    assert "removed" in fleet.push("-o", "confirm-prune")
    confirmed(service, record)
