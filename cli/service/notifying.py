"""Notifications, put together where the service was given a file of destinations."""

import logging
from asyncio import Task
from collections.abc import Sequence

from cli.service.options import UpOptions
from cli.service.relay import Relay
from controller.clock import Clock
from controller.database import Database
from controller.notifications.destinations import read_destinations
from controller.notifications.facts import Event
from controller.notifications.herald import Herald, Told
from controller.notifications.post import Post
from schemas.alerts import Severity
from telemetry.alert_desk import AlertDesk
from telemetry.alerts.ports import Kept

_LOG = logging.getLogger(__name__)


def make_herald(
    options: UpOptions,
    controller: Told,
    database: Database,
    clock: Clock,
    relay: Relay,
    link: str,
    started: Event,
) -> tuple[Herald, Post] | None:
    """Return what tells people, None where nobody is to be told. Raises UsageError."""
    if options.notify_file is None:
        return None
    # Only here: it takes time and memory that nobody pays who has no file.
    from controller.notifications.apprise_sender import AppriseSender

    destinations = read_destinations(options.notify_file)
    post = Post(database, AppriseSender(destinations), clock)
    herald = Herald(
        controller, database, post, clock, destinations, fleet=options.fleet, link=link, started=started
    )
    relay.others.append(herald)
    return herald, post


def tell_of_alerts(herald: Herald, alerts: AlertDesk) -> None:
    """Have alerts told as soon as they are kept, where they are judged in this process."""
    told = alerts.told

    def tell(kept: Sequence[Kept]) -> None:
        told(kept)
        herald.ring()

    alerts.told = tell


def started_event(now: float, headline: str, severity: Severity = Severity.INFO) -> Event:
    """Return the event that this herdsman works now."""
    return Event(f"started:{now}", now, severity, headline)


def report_herald(task: "Task[None]") -> None:
    """Say that nobody is told any more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.critical("notifications have ended: restart herdsman to have them again", exc_info=error)
