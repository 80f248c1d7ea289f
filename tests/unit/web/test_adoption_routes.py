"""Adoption and consent over HTTP: what is shown, and that exactly this is passed on."""

from controller.consent import Consent, consent_to
from controller.plan import Action, ActionKind, Plan
from controller.records import Adoptable, Adoption, OtherJob
from tests.fakes.controller import REVISION
from tests.fakes.web import Running
from web.access.scopes import Scope
from web.presentation import plan_document


async def test_jobs_of_others_are_for_administrators_alone(web: Running):
    """Nobody else reads with herdsman's token what runs on the cluster, or has it end something there."""
    web.controller.adoptable = Adoptable(
        (OtherJob("momentum", "service", "running", "7", 1, submitted_at=5.0),),
        (Adoption("a", "old", "3", "ada", "why", 1.0),),
    )
    body = {"job": "momentum", "token": "7", "reason": "to herdsman"}
    async with web.client(Scope.OPERATE) as client:
        assert (await client.get("/api/v1/adoptable")).status_code == 403
        assert (await client.post("/api/v1/bots/a/adopt", json=body)).status_code == 403
        assert (await client.delete("/api/v1/bots/a/adopt")).status_code == 403
    assert web.controller.asked == []
    async with web.client(Scope.ADMIN) as client:
        shown = (await client.get("/api/v1/adoptable")).json()
        assert shown["jobs"] == [
            {
                "id": "momentum",
                "kind": "service",
                "status": "running",
                "token": "7",
                "copies": 1,
                "fleet": "",
                "component": "",
                "submitted_at": 5.0,
                "whose": "nobody's we know",
                "next": '`herdsman adopt BOT --job momentum --reason "..."`, then push BOT',
            }
        ]
        assert [(one["bot"], one["job"], one["apart"]) for one in shown["waiting"]] == [("a", "old", False)]
        assert (await client.post("/api/v1/bots/a/adopt", json=body)).status_code == 202
        assert (await client.post("/api/v1/bots/a/adopt", json={**body, "reason": " "})).status_code == 400
        assert (await client.delete("/api/v1/bots/a/adopt")).status_code == 200
        assert (await client.delete("/api/v1/bots/a/adopt?beside=true")).status_code == 200
    assert web.controller.asked == [
        ("adopt", "a", "momentum", "7", "admin", "to herdsman"),
        ("adopt_cancel", "a", "admin", False),
        ("adopt_cancel", "a", "admin", True),
    ]


async def test_a_sync_confirms_what_was_shown(web: Running):
    """Codes name sets of removals, a revision its own; the answer has the codes of what is still held."""
    actions = (Action("a", ActionKind.REMOVE, "removed", held=True),)
    plan = Plan(REVISION, actions, held="1 of 1 bot", codes={"": "0a1b2c3d"})
    web.controller.plan_at_once = (plan, [])
    async with web.client(Scope.OPERATE) as client:
        shown = plan_document(plan, None).prune
        assert shown == ["0a1b2c3d"]
        answer = await client.post("/api/v1/sync", json={"wait": True, "prune": shown})
        web.controller.plan_at_once = (plan, [])
        of = {"confirm_prune": True, "revision": REVISION.id}
        await client.post("/api/v1/sync", json={"wait": True, **of})
        await client.post("/api/v1/sync", json={"wait": True})
    assert answer.json()["prune"] == ["0a1b2c3d"]
    assert [one.consent for one in web.controller.passes] == [
        Consent(codes=frozenset({"0a1b2c3d"})),
        consent_to(REVISION.id),
        Consent(),
    ]
