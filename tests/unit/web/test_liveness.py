"""How bots stand, and how they live over HTTP."""

from dataclasses import replace

import pytest

from controller.status import BotStatus, Health, Reason
from schemas.liveness import LivenessSettings
from telemetry.liveness.standing import Life
from telemetry.records import Event, Sample
from tests.fakes.controller import bot_status
from tests.fakes.web import Running
from web.access.scopes import Scope
from web.liveness import Market, market_at, standing_of, standings

RUNNING = bot_status(started_at=1.0)
DOWN = replace(RUNNING, started_at=None)


@pytest.mark.parametrize(
    ("status", "life"),
    [
        (RUNNING, Life.RUNNING),
        (replace(RUNNING, health=Health.DEGRADED, reason=Reason.CRASH_LOOP), Life.RUNNING),
        (replace(DOWN, health=Health.DEGRADED, reason=Reason.CRASH_LOOP), Life.CRASHED),
        (replace(DOWN, health=Health.PROGRESSING, reason=Reason.RESTARTING), Life.CRASHED),
        (replace(DOWN, health=Health.PROGRESSING, reason=Reason.STARTING), Life.STARTING),
        (replace(DOWN, health=Health.SUSPENDED, reason=Reason.KILL_SWITCH), Life.SUSPENDED),
        (replace(RUNNING, health=Health.UNKNOWN, reason=Reason.NODE_LOST), Life.LOST),
        (replace(DOWN, health=Health.UNKNOWN, reason=Reason.AWAITING_REPORT), Life.UNHEARD),
        (replace(DOWN, health=Health.PROGRESSING, reason=Reason.AWAITING_REPORT), Life.STARTING),
        (replace(DOWN, health=Health.MISSING, reason=Reason.NOT_APPLIED), Life.ENDED),
        (replace(RUNNING, reason=Reason.SCHEDULER_UNAVAILABLE), Life.RUNNING),
        (replace(DOWN, type="scheduled", reason=Reason.WAITING_FOR_SLOT, next_run=9.0), Life.WAITING),
        (replace(DOWN, health=Health.DEGRADED, reason=Reason.LAST_RUN_FAILED, next_run=9.0), Life.CRASHED),
    ],
)
def test_a_status_says_how_a_bot_stands(status: BotStatus, life: Life):
    """Running, crashed, suspended, lost, ended and waiting are told apart by health, reason and start."""
    assert standing_of(status).life is life


def test_a_market_is_open_by_its_sessions():
    """Open between a session's ends; of a calendar that is not read nothing is known."""
    sessions = {"XNYS": ((100.0, 200.0), (300.0, 400.0))}
    assert market_at("XNYS", lambda _: sessions, 150.0) == Market(True, 100.0, 300.0)
    assert market_at("XNYS", lambda _: sessions, 250.0) == Market(False, None, 300.0)
    assert market_at("CME", lambda _: sessions, 250.0) == market_at("", lambda _: sessions, 250.0) == Market()


async def test_how_bots_live_is_told_over_http(web: Running):
    """One bot with its signs, all of them, only those to see to; and in the row and detail of the bot."""
    desk = web.services.liveness
    desk.standing = standings(web.controller, lambda _: {}, web.services.clock)
    web.controller.bots["sma-btc"] = replace(RUNNING, reason=Reason.NODE_LOST, message="node n1 is silent")
    desk.samples("sma-btc", [Sample("bot_up", {"bot": "sma-btc"}, 1.0, 1.0)])
    desk.events("sma-btc", [Event("a/stdout/0/0", "sma-btc", 1.0, "price", "info", "price")])
    async with web.client(Scope.READ) as client:
        unseen = (await client.get("/api/v1/bots/sma-btc/liveness")).json()
        assert (unseen["verdict"], unseen["signs"]) == ("starting", {})
        await desk.look()
        one = (await client.get("/api/v1/bots/sma-btc/liveness")).json()
        every = (await client.get("/api/v1/liveness?bad=true")).json()
        row = (await client.get("/api/v1/bots")).json()[0]
        detail = (await client.get("/api/v1/bots/sma-btc")).json()
        missing = await client.get("/api/v1/bots/nobody/liveness")
    assert (one["verdict"], one["bad"], one["text"]) == ("stream_lost", True, "node n1 is silent")
    assert one["signs"]["market_data"]["at"] == pytest.approx(web.services.clock(), abs=60)
    assert one["signs"]["loop"] == {"at": None, "usual": None, "limit": None}
    assert every == [one] == [detail["liveness"]]
    assert row["liveness"] == {"verdict": "stream_lost", "text": "node n1 is silent", "since": one["since"]}
    assert missing.status_code == 404


async def test_the_manifest_of_a_bot_says_what_is_watched(web: Running):
    """The settings of its `herdsman:` block go with how it stands."""
    standing = standings(web.controller, lambda _: {}, lambda: 1.0)
    found = standing("sma-btc")
    assert found is not None
    assert found.settings == LivenessSettings()
    assert standing("nobody") is None


async def test_what_bots_use_is_told_over_http(web: Running):
    """The newest values with their forecasts, of one bot and of all; a bot that is not measured has none."""
    desk = web.services.resources
    async with web.client(Scope.READ) as client:
        nothing = (await client.get("/api/v1/bots/sma-btc/resources")).json()
        now = web.services.clock()
        leak = [("bot_up", 1.0), ("bot_memory_bytes", 5e6), ("bot_memory_limit_bytes", 1e7)]
        desk.samples("sma-btc", [Sample(name, {"bot": "sma-btc"}, now, value) for name, value in leak])
        one = (await client.get("/api/v1/bots/sma-btc/resources")).json()
        every = (await client.get("/api/v1/resources")).json()
    assert nothing == {"bot": "sma-btc", "at": None, "values": {}, "forecasts": []}
    assert one["values"] == dict(leak)
    assert every == [one]
