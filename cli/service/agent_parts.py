"""What the system page says of the agents: when each was heard last, and whether any is refused."""

import time
from collections.abc import Sequence

from telemetry.intake import Intake
from telemetry.intake_memory import AgentHeard
from telemetry.names import Health
from web.documents.system import SystemPart, SystemTable
from web.system.health import Probe

_SILENT = 90.0
"""Seconds after which an agent that said nothing is told of: each speaks every 30 s."""
_REFUSED_FOR = 300.0
"""Seconds for which it is told that an agent was refused."""
_DENIED = "herdsman_ingest_denied_timestamp_seconds"
_ADVICE = (
    "give that agent a token of scope ingest (`herdsman token create`); until then its bots are stream_lost"
)


def agents_probe(intake: Intake) -> Probe:
    """Return what tells of the agents that read what bots print, and of those that are refused."""

    async def probe() -> SystemPart:
        now, agents = time.time(), sorted(intake.agents.items())
        silent = [name for name, heard in agents if now - heard.at > _SILENT]
        message = "no agent has spoken yet"
        if agents:
            message = f"{len(agents)} {'agent' if len(agents) == 1 else 'agents'} heard"
        if silent:
            message = f"nothing heard of {', '.join(silent[:5])} for a while"
        if refused := refused_lately(intake.health, now):
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


def refused_lately(health: Health, now: float) -> str:
    """Return which batches were refused lately for their token, whose agent nobody knows by name; or ""."""
    moments = {status: health.value(_DENIED, status=status) for status in ("401", "403")}
    found = [status for status, at in moments.items() if at and now < at + _REFUSED_FOR]
    return f"an agent's output is refused for its token (HTTP {', '.join(found)})" if found else ""


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
