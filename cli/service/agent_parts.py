"""What the system page says of the agents: when each was heard last, and whether any is refused."""

import math
import time
from collections.abc import Mapping, Sequence

from telemetry.agent.sinks import INGEST_PATH
from telemetry.intake import Intake
from telemetry.intake_memory import AgentHeard
from telemetry.prometheus import Registry
from web.documents.system import SystemPart, SystemTable
from web.system.health import Probe

_SILENT = 90.0
"""Seconds after which an agent that said nothing is told of: each speaks every 30 s."""
_REFUSED_FOR = 300.0
"""Seconds for which it is told that an agent was refused."""
_ADVICE = (
    "give that agent a token of scope ingest (`herdsman token create`); until then its bots are stream_lost"
)


def agents_probe(intake: Intake) -> Probe:
    """Return what tells of the agents that read what bots print, and of those that are refused."""
    refusals = Refusals(intake.health.registry)

    async def probe() -> SystemPart:
        now, agents = time.time(), sorted(intake.agents.items())
        silent = [name for name, heard in agents if now - heard.at > _SILENT]
        message = "no agent has spoken yet"
        if agents:
            message = f"{len(agents)} {'agent' if len(agents) == 1 else 'agents'} heard"
        if silent:
            message = f"nothing heard of {', '.join(silent[:5])} for a while"
        if refused := refusals.lately(now):
            message += f"; {refused}"
        advice = "is `herdsman agent` running there, and does its token still hold?" if silent else ""
        return SystemPart(
            "agents",
            "warning" if silent or refused else "ok",
            message,
            _ADVICE if refused else advice,
            table=agent_table(agents) if agents else None,
        )

    return probe


class Refusals:
    """Tells of batches that were refused for their token, whose agent nobody knows by name."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._count, self._at = 0.0, -math.inf

    def lately(self, now: float) -> str:
        """Return what was refused lately, "" for nothing."""
        rows = self._registry.counter_rows("herdsman_http_requests_total")
        found = {status: number for labels, number in rows.items() if (status := _denied(dict(labels)))}
        if (count := sum(found.values())) > self._count:
            self._count, self._at = count, now
        if not now < self._at + _REFUSED_FOR:
            return ""
        return f"an agent's output is refused for its token (HTTP {', '.join(sorted(found))})"


def _denied(labels: Mapping[str, str]) -> str:
    """Return the status of requests that were agents' and were denied, "" of others."""
    status = labels.get("status", "")
    return status if labels.get("route") == INGEST_PATH and status in ("401", "403") else ""


def agent_table(agents: Sequence[tuple[str, AgentHeard]]) -> SystemTable:
    """Return a line for each agent."""
    return SystemTable(
        ["agent", "last heard", "lag", "lines", "not taken", "herdsman"],
        ["", "at", "s", "", "", ""],
        [
            [name, one.at, one.lag, float(one.lines), float(one.refused), one.release or None]
            for name, one in agents
        ],
    )
