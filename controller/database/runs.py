"""The runs of each bot, merged from launcher reports: telling one again changes nothing."""

from typing import Any

from sqlalchemy import Connection, delete, select

from controller.database.documents import decode_any, encode
from controller.database.tables import runs
from controller.database.upsert import upsert
from controller.process import merge_run, run_id
from controller.records import RunRecord
from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport, ReportKind

_NEWEST = (runs.c.started_at.desc().nulls_last(), runs.c.id.desc())
_TELLING = frozenset({ReportKind.STARTED, ReportKind.EXITED, ReportKind.SKIPPED})


def record_report(
    connection: Connection, labels: AllocationLabels, report: LauncherReport
) -> RunRecord | None:
    """Merge one report into its run and return the run, None where nothing changed."""
    if report.kind not in _TELLING:
        return None
    known = find_run(connection, labels.bot, run_id(labels, report))
    merged = merge_run(known, labels, report)
    if merged is None or merged == known:
        return None
    save_run(connection, merged)
    return merged


def save_run(connection: Connection, run: RunRecord) -> None:
    """Write a run over what was known of it."""
    row = {name: getattr(run, name) for name in RunRecord.__dataclass_fields__}
    upsert(connection, runs, [row | {"result": encode(run.result)}])


def find_run(connection: Connection, bot: str, run: str) -> RunRecord | None:
    """Return one run, None where it is not known."""
    row = connection.execute(select(runs).where(runs.c.bot == bot, runs.c.id == run)).first()
    return _run(row) if row else None


def load_runs(connection: Connection, bot: str, limit: int) -> list[RunRecord]:
    """Return a bot's newest runs, newest first."""
    mine = select(runs).where(runs.c.bot == bot).order_by(*_NEWEST)
    return [_run(row) for row in connection.execute(mine.limit(limit))]


def trim_runs(connection: Connection, bot: str, keep: int) -> None:
    """Forget all but a bot's newest runs."""
    mine = select(runs.c.id).where(runs.c.bot == bot).order_by(*_NEWEST)
    connection.execute(delete(runs).where(runs.c.bot == bot, runs.c.id.not_in(mine.limit(keep))))


def _run(row: Any) -> RunRecord:
    values = {name: getattr(row, name) for name in RunRecord.__dataclass_fields__}
    return RunRecord(**(values | {"result": decode_any(row.result)}))
