"""What each part of the whole service says of itself on the system page."""

import asyncio
import contextlib
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from cli.service.agent_parts import agents_probe
from cli.service.bot_series import count_drifts, count_statuses
from cli.service.options import UpOptions
from cli.service.rule_parts import rules_probe
from cli.service.sources import Origin
from cli.service.storage import storage_probe
from cli.service.telemetry_parts import Telemetry
from controller.controller import Controller
from controller.notifications.desk import NotificationDesk
from controller.passes import PassReport
from controller.ports import RevisionSource
from controller.schedulers.protocol import NodeReport
from gitops.source_set import SourceSet
from schemas.errors import HerdsmanError
from telemetry.embedded.damage import damaged_files
from telemetry.intake import Intake
from telemetry.names import Health
from telemetry.victoriametrics import VictoriaMetricsStore
from web.documents.system import SystemFact, SystemPart, SystemTable
from web.system.health import Probe, SystemHealth
from web.system.notes import RecentNotes
from web.system.own import count_process, live_probe, process_probe, web_probe
from web.system.rates import Rate

TRIGGERS = {
    "push": "a push",
    "webhook": "a webhook",
    "poll": "a look at the source",
    "watch": "a change in the watched folder",
    "operator": "an operator",
    "start": "herdsman's start",
    "timer": "a timer",
    "scheduler": "the scheduler",
}
"""What asks for passes, as the revisions' pages say it."""
_NODES_EVERY = 60.0
"""Seconds between two looks at what the nodes offer: on a cluster it costs a call for each."""
_LATE = 10.0
"""Seconds of lag from which output counts as late."""
_LEAST_FREE = 1 << 30
"""Bytes free on the data folder's disk below which it is told as a warning."""


def make_system(
    options: UpOptions,
    fleet: str,
    version: str,
    origin: Origin,
    controller: Controller,
    telemetry: Telemetry,
    intake: Intake,
    notifications: NotificationDesk,
) -> SystemHealth:
    """Return the health of everything that `herdsman up` runs."""
    notes = RecentNotes()
    for name in ("herdsman", "schemas", "gitops", "controller", "telemetry", "web", "cli"):
        logging.getLogger(name).addHandler(notes)
    count_process(telemetry.health)
    count_work(telemetry.health, controller)
    return SystemHealth(
        {
            "controller": controller_probe(controller),
            "source": source_probe(origin, controller),
            "scheduler": scheduler_probe(options, controller),
            "intake": intake_probe(telemetry),
            "agents": agents_probe(intake),
            "series": series_probe(telemetry),
            "events": events_probe(telemetry),
            "rules": rules_probe(telemetry.rules),
            "storage": storage_probe(telemetry.storage, telemetry.database),
            "database": database_probe(options.data),
            "notifications": notifications_probe(notifications),
            "live": live_probe(telemetry.health),
            "web": web_probe(telemetry.health),
            "process": process_probe(time.time()),
        },
        version=version,
        fleet=fleet,
        notes=notes,
    )


def count_work(health: Health, controller: Controller) -> None:
    """Have `/metrics` tell of the controller's work."""

    def last(read: Callable[[PassReport], float]) -> Callable[[], float]:
        return lambda: read(report) if (report := controller.work().last) is not None else 0.0

    health.reads("herdsman_pass_seconds", last(lambda report: report.seconds))
    health.reads("herdsman_pass_age_seconds", last(lambda report: time.time() - report.at))
    health.reads("herdsman_changes_under_way", lambda: float(controller.work().changing))
    health.reads("herdsman_bots", lambda: float(len(controller.statuses())))
    count_statuses(health, controller.statuses)
    count_drifts(health, controller.drifts)


def controller_probe(controller: Controller) -> Probe:
    """Return what tells of passes, and of the changes under way."""

    async def probe() -> SystemPart:
        work, problems = controller.work(), controller.problems()
        last = work.last
        said = "no pass yet"
        if last is not None:
            trigger = TRIGGERS.get(last.trigger, last.trigger)
            said = f"last pass asked for by {trigger}{f' of {last.by}' if last.by else ''}"
        return SystemPart(
            "controller",
            "warning" if problems else "ok",
            "; ".join(problems) or said,
            facts=[
                SystemFact("last pass", last.at if last else None, "at", last.trigger if last else ""),
                SystemFact("took", last.seconds if last else None, "s"),
                SystemFact("bots it changed", float(last.bots) if last else None),
                SystemFact("changes under way", float(work.changing)),
                SystemFact("a pass waits", "yes" if work.passing else "no"),
                SystemFact("bots", float(len(controller.statuses()))),
            ],
        )

    return probe


def source_probe(origin: Origin, controller: Controller) -> Probe:
    """Return what tells of where revisions come from; no secret of an address is shown."""
    where = "; ".join(origin.follows) or "herdsman's own git remote"

    async def probe() -> SystemPart:
        work, revision = controller.work(), controller.revision()
        table, problems = source_table(origin.source)
        failed = "; ".join(problems) or (work.last.error if work.last else "")
        return SystemPart(
            "source",
            "failing" if failed else "ok",
            failed or where,
            "it is looked at again by itself" if failed else "",
            facts=[
                SystemFact("branch", revision.revision.branch or None if revision else None),
                SystemFact("last look", work.synced_at, "at"),
                SystemFact("next look", work.next_look_at, "at", "a push does not wait for it"),
                SystemFact("revision", revision.revision.short if revision else None),
            ],
            table=table,
        )

    return probe


def source_table(source: RevisionSource) -> tuple[SystemTable | None, list[str]]:
    """Return a line for each of several sources, and what is wrong with them; no table for a single one."""
    if not isinstance(source, SourceSet):
        return None, []
    rows: list[list[float | str | None]] = [
        [one.name, one.state.revision.short if one.state else None, one.seen_at, one.problem or "ok"]
        for one in source.members
    ]
    problems = [f"{one.name}: {one.problem}" for one in source.members if one.problem]
    return SystemTable(["source", "revision", "last look", "state"], ["", "", "at", ""], rows), problems


def shown_address(url: str) -> str:
    """Return a git address without user, password and query."""
    parts = urlsplit(url)
    if not parts.hostname:
        return url
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def scheduler_probe(options: UpOptions, controller: Controller) -> Probe:
    """Return what tells of the scheduler, and of the nodes that bots run on."""
    known: list[NodeReport] = []
    looked_at = -_NODES_EVERY

    async def nodes() -> list[NodeReport]:
        nonlocal known, looked_at
        if time.monotonic() - looked_at >= _NODES_EVERY:
            with contextlib.suppress(HerdsmanError):  # told as the scheduler's own problem
                known, looked_at = await controller.nodes(), time.monotonic()
        return known

    async def probe() -> SystemPart:
        problem, work = controller.scheduler_problem(), controller.work()
        placed = Counter(status.node for status in controller.statuses() if status.node)
        observed = None if work.observed_ago is None else time.time() - work.observed_ago
        facts = [
            SystemFact("kind", options.scheduler),
            SystemFact("all bots looked at", observed, "at"),
        ]
        if options.scheduler == "nomad":
            facts.append(SystemFact("address", shown_address(options.nomad_address) or "NOMAD_ADDR"))
        return SystemPart(
            "scheduler",
            "failing" if problem else "ok",
            problem or ("Nomad answers" if options.scheduler == "nomad" else "bots are children of herdsman"),
            "bots run on as they are; it is asked again by itself" if problem else "",
            facts=facts,
            table=node_table([] if problem else await nodes(), placed),
        )

    return probe


def node_table(nodes: Sequence[NodeReport], placed: Mapping[str, int]) -> SystemTable | None:
    """Return a line for each node, also for one that has bots and is not told of (any more)."""
    told = {node.name for node in nodes}
    lost = [NodeReport(name, "not known to the scheduler") for name in sorted(placed.keys() - told)]
    rows: list[list[float | str | None]] = [
        [node.name, float(placed.get(node.name, 0)), node.state, ", ".join(node.runtimes) or None]
        for node in (*nodes, *(lost if nodes else [NodeReport(name, "") for name in sorted(placed)]))
    ]
    return SystemTable(["node", "bots", "state", "runtimes"], ["", "", "", ""], rows) if rows else None


def intake_probe(telemetry: Telemetry) -> Probe:
    """Return what tells of lines and samples coming in."""
    health = telemetry.health
    lines = Rate(lambda: health.value("herdsman_intake_lines_total"))
    samples = Rate(lambda: health.value("herdsman_intake_samples_total"))

    async def probe() -> SystemPart:
        lag = health.value("herdsman_intake_lag_seconds")
        pushed_back = health.value("herdsman_intake_batches_total", status="429")
        refused = health.value("herdsman_intake_batches_total", status="503")
        late = lag > _LATE
        return SystemPart(
            "intake",
            "warning" if late else "ok",
            f"what bots print arrives {lag:.0f} s late" if late else "what bots print arrives in time",
            "it waits in its files and is caught up with; look at the stores below" if late else "",
            facts=[
                SystemFact("lines", lines(), "per_second"),
                SystemFact("samples", samples(), "per_second"),
                SystemFact("lag", lag, "s", "age of the newest line when it was read"),
                SystemFact("waiting", health.value("herdsman_intake_waiting_bytes"), "bytes"),
                SystemFact("pushed back", pushed_back, "", "batches told to come later (429)"),
                SystemFact("not taken", refused, "", "batches that no store took (503); they come again"),
                SystemFact("refused values", health.value("herdsman_intake_refused_values_total")),
            ],
        )

    return probe


def series_probe(telemetry: Telemetry) -> Probe:
    """Return what tells of the series store."""
    health = telemetry.health

    async def probe() -> SystemPart:
        said = await telemetry.check()
        away = isinstance(telemetry.series, VictoriaMetricsStore)
        kept = telemetry.database.retention
        facts = [
            SystemFact("kind", "VictoriaMetrics" if away else "embedded"),
            SystemFact("waiting samples", health.value("herdsman_store_waiting_samples")),
            SystemFact("errors", health.value("herdsman_store_errors_total", store="series")),
        ]
        if isinstance(telemetry.series, VictoriaMetricsStore):
            facts.append(SystemFact("address", shown_address(telemetry.series.url)))
        else:
            facts += [
                SystemFact("every sample kept", f"{kept.raw_days:g} d"),
                SystemFact("in steps of 10 s", f"{kept.rollup_10s_days:g} d"),
                SystemFact("in steps of 1 min", f"{kept.rollup_1m_days:g} d"),
            ]
        return SystemPart(
            "series",
            "ok" if said == "ok" else "failing",
            "it takes and answers" if said == "ok" else said,
            "" if said == "ok" else "what bots print waits in its files until it answers",
            facts=facts,
        )

    return probe


def events_probe(telemetry: Telemetry) -> Probe:
    """Return what tells of the store of events and logs, and of its disk."""
    health = telemetry.health

    async def probe() -> SystemPart:
        kept, path = telemetry.database.retention, telemetry.database.path
        size = await asyncio.to_thread(telemetry.database.size)
        free = (await asyncio.to_thread(shutil.disk_usage, path.parent)).free
        said, to_do = "it takes and answers", ""
        if damaged := damaged_files(path):
            said = "a damaged file was set aside, and a new one begun"
            to_do = (
                f"what it held can be read: sqlite3 {damaged[-1]} .recover; delete it when it is not needed"
            )
        if free < _LEAST_FREE:
            said, to_do = "its disk is nearly full", f"make room on the disk of {path.parent}"
        return SystemPart(
            "events",
            "warning" if to_do else "ok",
            said,
            to_do,
            facts=[
                SystemFact("size", float(size), "bytes", f"at most {kept.most_bytes / (1 << 30):g} GiB"),
                SystemFact("disk free", float(free), "bytes"),
                SystemFact("kept", f"{kept.events_days:g} d"),
                SystemFact("not indexed yet", health.value("herdsman_events_unindexed")),
                SystemFact("errors", health.value("herdsman_store_errors_total", store="intake")),
            ],
        )

    return probe


def database_bytes(data: Path) -> int:
    """Return the bytes that the database's file and its log take; 0 where it is elsewhere."""
    files = [path for path in data.glob("herdsman.db*") if path.suffix in (".db", ".db-wal")]
    return sum(path.stat().st_size for path in files)


def database_probe(data: Path) -> Probe:
    """Return what tells of the database of inventory, status and history."""

    async def probe() -> SystemPart:
        size = await asyncio.to_thread(database_bytes, data)
        return SystemPart(
            "database",
            "ok",
            "inventory, status, history and tokens",
            facts=[SystemFact("size", float(size), "bytes")],
        )

    return probe


def notifications_probe(desk: NotificationDesk) -> Probe:
    """Return what tells of the destinations of notifications: what was sent, and what could not be."""

    async def probe() -> SystemPart:
        known = await desk.destinations()
        failing = [one for one in known if one.failures]
        said = "; ".join(f"{one.name}: {one.error}" for one in failing)
        return SystemPart(
            "notifications",
            "warning" if failing else "ok",
            said or ("all arrive" if known else "nobody is told: no --notify-file was given"),
            "it is tried again by itself; `herdsman notify test` tries now" if failing else "",
            facts=[
                SystemFact("destinations", float(len(known))),
                SystemFact("messages that wait", float(sum(one.waiting for one in known))),
                SystemFact(
                    "last one sent", max((one.sent_at for one in known if one.sent_at), default=None), "at"
                ),
            ],
        )

    return probe
