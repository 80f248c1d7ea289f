"""What `herdsman adopt` and `herdsman sync --confirm-prune` show, and what they refuse."""

import time

import pytest

from cli.adopt import job_lines
from cli.service.options import parse_options
from cli.service.parts import find_fleet
from cli.sync import ASK, confirmed
from controller.database import Database
from controller.database.inventory import load_inventory, save_entries
from schemas.errors import UsageError
from tests.unit.controller.examples import entry, spec
from web.documents.adoption import AdoptableJob
from web.documents.revisions import PlanDocument


def test_an_adoption_says_step_by_step_what_will_happen():
    """The job, whose it is, the order of its end and the bot's start, and what is not taken over."""
    lines = job_lines("a", AdoptableJob("momentum\x1b[2J", "service", "running", "7", 2, "", "", 0.0))
    text = "\n".join(lines)
    assert "service, running, 2 copies running" in text
    assert "\x1b" not in text
    order = [text.index(words) for words in ("until git has the bot a", "is stopped", "is dead, a starts")]
    assert order == sorted(order)
    assert "an empty state" in text


def test_only_removals_that_are_held_now_can_be_confirmed():
    """A code that is not of now is refused at once; without one, what is shown counts."""
    plan = PlanDocument("f" * 40, [], [], "held", prune=["0a1b2c3d"])
    assert confirmed(plan, None) == []
    assert confirmed(plan, ASK) == ["0a1b2c3d"]
    assert confirmed(plan, "0a1b2c3d") == ["0a1b2c3d"]
    with pytest.raises(UsageError, match="nothing was confirmed"):
        confirmed(plan, "99999999")
    with pytest.raises(UsageError, match="nothing is"):
        confirmed(PlanDocument("f" * 40, [], [], ""), "0a1b2c3d")


def options(folder, **given):
    values = {"data": folder, "listen": "127.0.0.1:0", "tls_cert": None, "tls_key": None, "allowed_host": ()}
    return parse_options(**values, **given)


async def test_an_installation_takes_over_the_id_of_one_that_was_lost(tmp_path):
    """It is that fleet from then on, without the option too; what it only meant to start is forgotten."""
    database = await Database.open(str(tmp_path / "herdsman.db"))
    fleet = await find_fleet(options(tmp_path, fleet="desk"), database)
    assert fleet.startswith("desk-")
    meant = entry(spec("a"), spec=None, token="")
    await database.run(lambda connection: save_entries(connection, [meant]))
    taken = options(tmp_path, fleet="desk", adopt_fleet="desk-7gk2qa")
    assert await find_fleet(taken, database) == "desk-7gk2qa"
    assert await find_fleet(options(tmp_path, fleet="other"), database) == "desk-7gk2qa"
    assert (tmp_path / "fleet-id").read_text() == "desk-7gk2qa\n"
    assert await database.run(load_inventory) == {}
    await database.close()


async def test_an_installation_with_bots_of_its_own_takes_over_no_other(tmp_path):
    """Its own bots would be forgotten, and run on unseen."""
    database = await Database.open(str(tmp_path / "herdsman.db"))
    fleet = await find_fleet(options(tmp_path, fleet="desk"), database)
    await database.run(lambda connection: save_entries(connection, [entry(spec("a"))]))
    with pytest.raises(UsageError, match="has started bots of its own"):
        await find_fleet(options(tmp_path, adopt_fleet="desk-7gk2qa"), database)
    assert await find_fleet(options(tmp_path, adopt_fleet=fleet), database) == fleet
    assert await find_fleet(options(tmp_path, fleet=f"x{time.time_ns()}"), database) == fleet
    await database.close()


def test_an_id_of_a_fleet_looks_like_one(tmp_path):
    """What cannot be an id is refused before anything is opened."""
    with pytest.raises(UsageError, match="no id of a fleet"):
        options(tmp_path, adopt_fleet="desk")
