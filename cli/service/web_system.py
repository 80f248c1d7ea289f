"""What each part says of itself on the system page where the controller is another process."""

import logging
import time

from cli.service.agent_parts import agents_probe
from cli.service.rule_parts import rules_probe
from cli.service.storage import storage_probe
from cli.service.system_parts import (
    events_probe,
    intake_probe,
    notifications_probe,
    series_probe,
)
from cli.service.telemetry_parts import Telemetry
from controller.notifications.desk import NotificationDesk
from controller.remote.mirror import Mirror
from telemetry.intake import Intake
from web.documents.system import SystemFact, SystemPart
from web.system.health import Probe, SystemHealth
from web.system.notes import RecentNotes
from web.system.own import count_process, live_probe, process_probe, web_probe


def make_web_system(
    fleet: str,
    version: str,
    mirror: Mirror,
    telemetry: Telemetry,
    intake: Intake,
    notifications: NotificationDesk,
) -> SystemHealth:
    """Return the health of everything that `herdsman web` runs, and of what the leader shows."""
    notes = RecentNotes()
    for name in ("herdsman", "schemas", "gitops", "controller", "telemetry", "web", "cli"):
        logging.getLogger(name).addHandler(notes)
    count_process(telemetry.health)
    return SystemHealth(
        {
            "controller": controller_probe(mirror),
            "scheduler": scheduler_probe(mirror),
            "intake": intake_probe(telemetry),
            "agents": agents_probe(intake),
            "series": series_probe(telemetry),
            "events": events_probe(telemetry),
            "rules": rules_probe(telemetry.rules),
            "storage": storage_probe(telemetry.storage, telemetry.database),
            "database": database_probe(mirror),
            "notifications": notifications_probe(notifications),
            "live": live_probe(telemetry.health),
            "web": web_probe(telemetry.health),
            "process": process_probe(time.time()),
        },
        version=version,
        fleet=fleet,
        notes=notes,
    )


def controller_probe(mirror: Mirror) -> Probe:
    """Return what tells of who leads, and of what the leader is kept from."""

    async def probe() -> SystemPart:
        leader, problems = mirror.leader, mirror.problems()
        return SystemPart(
            "controller",
            "failing" if leader is None else "warning" if problems else "ok",
            "; ".join(problems) or "it leads",
            "" if leader else "start `herdsman controller`, or wait until a stand-by has taken over",
            facts=[
                SystemFact("leader", leader.holder if leader else None),
                SystemFact("address", leader.address if leader else None),
                SystemFact("took over", leader.since if leader else None, "at"),
                SystemFact("leaders so far", float(leader.epoch) if leader else None),
                SystemFact("last look at git", mirror.fleet.synced_at, "at"),
                SystemFact("bots", float(len(mirror.bots))),
            ],
        )

    return probe


def scheduler_probe(mirror: Mirror) -> Probe:
    """Return what the leader says of Nomad."""

    async def probe() -> SystemPart:
        problem = mirror.fleet.scheduler_problem
        return SystemPart(
            "scheduler",
            "failing" if problem else "ok",
            problem or "it answers the leader",
            "bots run on as they are; it is asked again by itself" if problem else "",
            facts=[SystemFact("kind", "nomad")],
        )

    return probe


def database_probe(mirror: Mirror) -> Probe:
    """Return what tells of PostgreSQL."""

    async def probe() -> SystemPart:
        return SystemPart(
            "database",
            "failing" if mirror.problem else "ok",
            mirror.problem or "it takes and answers",
            "bots run on; herdsman goes on by itself once it answers" if mirror.problem else "",
            facts=[SystemFact("kind", "PostgreSQL")],
        )

    return probe
