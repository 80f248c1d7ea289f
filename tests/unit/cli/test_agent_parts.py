"""An agent whose token does not hold is told of, though nobody knows its name."""

from pathlib import Path

from cli.service.agent_parts import Refusals
from telemetry.names import Health
from tests.fakes.web import running


async def test_an_agent_that_is_refused_is_told_of_for_some_minutes(tmp_path: Path) -> None:
    """Its output waits on its node: the service says so, by what it answered, until that was long ago."""
    async with running(tmp_path) as web:
        refusals = Refusals(web.services.registry)
        assert refusals.lately(0.0) == ""
        async with web.client() as client:
            answer = await client.post(
                "/api/v1/ingest", content=b"", headers={"Authorization": "Bearer of-another-service"}
            )
            assert answer.status_code == 401
            await client.get("/api/v1/bots", headers={"Authorization": "Bearer of-another-service"})
        assert refusals.lately(1.0) == "an agent's output is refused for its token (HTTP 401)"
        assert refusals.lately(200.0) != ""
        assert refusals.lately(400.0) == ""


def test_what_others_are_refused_is_no_agents_trouble() -> None:
    """A page that needs a sign-in, and a batch that was taken, say nothing of agents."""
    health = Health()
    for route, status in (("/api/v1/bots", "401"), ("/api/v1/ingest", "204"), ("none", "401")):
        health.count("herdsman_http_requests_total", method="POST", route=route, status=status)
    assert Refusals(health.registry).lately(0.0) == ""
