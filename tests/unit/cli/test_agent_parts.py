"""An agent whose token does not hold is told of, though nobody knows its name."""

import time
from pathlib import Path

from cli.service.agent_parts import refused_lately
from telemetry.names import Health
from tests.fakes.web import running

STRANGER = {"Authorization": "Bearer of-another-service"}


async def test_an_agent_that_is_refused_is_told_of_for_some_minutes(tmp_path: Path) -> None:
    """Its output waits on its node: the service says so, by what it answered, until that was long ago."""
    async with running(tmp_path) as web:
        health = Health(web.services.registry)
        began = time.time()
        assert refused_lately(health, began) == ""
        async with web.client() as client:
            answer = await client.post("/api/v1/ingest", content=b"", headers=STRANGER)
            assert answer.status_code == 401
        assert refused_lately(health, began) == "an agent's output is refused for its token (HTTP 401)"


async def test_what_others_are_refused_is_no_agents_trouble(tmp_path: Path) -> None:
    """A page that needs a sign-in, and whoever shows no token at all, say nothing of agents."""
    async with running(tmp_path) as web:
        async with web.client(None) as client:
            assert (await client.get("/api/v1/bots", headers=STRANGER)).status_code == 401
            assert (await client.post("/api/v1/ingest", content=b"")).status_code == 401
        assert refused_lately(Health(web.services.registry), time.time()) == ""


def test_refusal_of_long_ago_is_not_told_by_who_looks_first_now() -> None:
    """What counts is when it was, not when somebody looked."""
    health = Health()
    health.gauge("herdsman_ingest_denied_timestamp_seconds").set(1000.0, status="403")
    assert refused_lately(health, 1299.0) == "an agent's output is refused for its token (HTTP 403)"
    assert refused_lately(health, 1301.0) == ""
