"""The HTTP API on a real socket, over fakes."""

from tests.fakes.web import Running
from web.access.scopes import Scope


async def test_bots_are_listed_with_all_promised_fields(web: Running):
    """The list holds every field that programs outside rely on."""
    async with web.client(Scope.READ) as client:
        answer = await client.get("/api/v1/bots")
    assert answer.status_code == 200
    (bot,) = answer.json()
    promised = (
        "name program version type sync health reason message applied_revision attempted_revision "
        "restarts started_at"
    )
    assert set(promised.split()) <= set(bot)
    assert bot["name"] == "sma-btc"
    assert answer.headers["herdsman-stream-position"] == web.services.live.position()
