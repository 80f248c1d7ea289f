"""The row of a bot: its status, and the newest of what it printed and used."""

from typing import Any

from controller.status import BotStatus
from telemetry.latest import BotLatest, Latest
from telemetry.liveness_desk import LivenessDesk
from telemetry.records import Sample
from web.documents.bots import Bot, LastLine, Resources
from web.liveness import short_document
from web.presentation import drift_document, hold_document

_SHOWN = 500
"""Characters of the newest line that a row carries; a longer one ends with an ellipsis."""


class Rows:
    """Makes rows from a status and what telemetry saw last: both in memory, so that a row costs no query."""

    def __init__(self, latest: Latest, liveness: LivenessDesk) -> None:
        self._latest = latest
        self._liveness = liveness

    def of(self, status: BotStatus) -> Bot:
        """Return the row as of now."""
        known = self._latest.of(status.name)
        equity = known.equity
        return Bot(
            name=status.name,
            program=status.program,
            version=status.version,
            type=status.type,
            mode=status.mode,
            environment=status.environment,
            sync=status.sync.value,
            health=status.health.value,
            reason=status.reason.value,
            message=status.message,
            applied_revision=status.applied_revision,
            attempted_revision=status.attempted_revision,
            restarts=status.restarts,
            started_at=status.started_at,
            since=status.since,
            node=status.node,
            allocation=status.allocation,
            schedule=status.schedule,
            timezone=status.timezone,
            next_run=status.next_run,
            account=status.account,
            currency=known.currency or status.currency,
            resources=_resources(status, known),
            equity=equity,
            pnl_today=known.pnl_today,
            last_metric=_metric(known.newest) if equity is None and known.newest else None,
            last_log=_last_line(known),
            last_data_at=known.last_data_at,
            source=status.source,
            held=hold_document(status.hold),
            operation=status.operation.value,
            generation=status.generation,
            observed_generation=status.observed_generation,
            drift=drift_document(status.drift),
            liveness=short_document(self._liveness.found(status.name)),
        )


def _resources(status: BotStatus, known: BotLatest) -> Resources:
    """Return use as measured, and limits as declared (as measured where none are)."""
    cpu, memory = status.cpu_limit, status.memory_limit
    return Resources(
        cpu_percent=known.resource("bot_cpu_percent"),
        cpu_limit_percent=cpu / 10 if cpu else known.resource("bot_cpu_limit_percent"),
        memory_bytes=known.resource("bot_memory_bytes"),
        memory_limit_bytes=float(memory) if memory else known.resource("bot_memory_limit_bytes"),
    )


def _metric(sample: Sample) -> dict[str, Any]:
    return {"name": sample.name, "value": sample.value, "time": sample.time}


def _last_line(known: BotLatest) -> LastLine | None:
    event = known.last_log
    if event is None:
        return None
    text = event.message if len(event.message) <= _SHOWN else event.message[: _SHOWN - 1] + "…"
    return LastLine(event.time, event.level, text)
