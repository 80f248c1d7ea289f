"""Going back over HTTP: who asked, why, what follows, and what a bot can be rolled back to."""

from controller.rollback.records import Deployment
from controller.status import HeldBy, Hold
from tests.fakes.controller import REVISION, bot_status
from tests.fakes.web import Running
from tests.unit.controller.examples import revision, spec
from web.access.scopes import Scope

HOLD = Hold(HeldBy.BOT, "a" * 40, "b" * 40, "desk", "why", 1.0, None, "pinned to aaaaaaa by desk")


async def test_going_back_is_passed_on_with_who_and_why(web: Running):
    """Each operation carries the token's name, the reason and its own options, and says what follows."""
    until = 9_999_999_999.0
    async with web.client(Scope.OPERATE) as client:
        body = {"to": "3f9", "reason": "loses", "until": until, "allow_major": True}
        one = await client.post("/api/v1/bots/sma-btc/rollback", json=body)
        bare = await client.post("/api/v1/bots/sma-btc/rollback")
        await client.post("/api/v1/bots/sma-btc/unpin", json={"reason": "fixed"})
        await client.post("/api/v1/bots/sma-btc/retry", json={"reason": "again"})
        every = await client.post("/api/v1/rollback", json={"to": "3f9", "confirm_prune": True})
        await client.post("/api/v1/unpin", json={"source": "desk"})
        past = await client.post("/api/v1/bots/sma-btc/rollback", json={"until": 1.0})
        nowhere = await client.post("/api/v1/rollback", json={})
    assert (one.status_code, bare.status_code, every.status_code) == (202, 202, 202)
    assert (one.json()["revision"], one.json()["by"], one.json()["changing"]) == (REVISION.id, "operate", 1)
    assert every.json()["held"] == "3 of 5 bots would be removed"
    assert (past.status_code, nowhere.status_code) == (400, 400)
    assert web.controller.asked == [
        ("roll_back", "sma-btc", "3f9", "operate", "loses", until, True),
        ("roll_back", "sma-btc", "", "operate", "", None, False),
        ("unpin", "sma-btc", "operate", "fixed", False),
        ("retry", "sma-btc", "operate", "again"),
        ("roll_back_all", "3f9", "operate", "", None, False, True),
        ("unpin", "*desk", "operate", "", False),
    ]


async def test_deployments_say_what_differs_from_now(web: Running):
    """What a bot can be rolled back to stands with its message and what differs, field by field."""
    now, then = spec("sma-btc", parameters={"fast": 12}), spec("sma-btc")
    web.controller.deployed = [
        Deployment("sma-btc", now.digest, revision(2), now, 20.0, None, current=True, refused="crashed"),
        Deployment("sma-btc", then.digest, revision(1), then, 10.0, 11.0),
    ]
    async with web.client(Scope.READ) as client:
        newest, older = (await client.get("/api/v1/bots/sma-btc/deployments")).json()
    assert (newest["current"], newest["fields"], newest["refused"]) == (True, [], "crashed")
    assert (older["revision"]["message"], older["healthy_at"]) == ("change 1", 11.0)
    assert older["fields"] == [{"name": "fast", "before": "12", "after": "10"}]


async def test_rows_and_header_say_what_is_held(web: Running):
    """A held bot's row and the header of every page carry by whom it is held, why and at what."""
    web.controller.bots["sma-btc"] = bot_status(hold=HOLD)
    web.controller.holds = [HOLD]
    async with web.client(Scope.READ) as client:
        (row,) = [one for one in (await client.get("/api/v1/bots")).json() if one["name"] == "sma-btc"]
        header = (await client.get("/api/v1/fleet")).json()
    assert (row["held"]["by"], row["held"]["text"]) == ("bot", HOLD.text)
    assert header["held"][0]["who"] == "desk"
