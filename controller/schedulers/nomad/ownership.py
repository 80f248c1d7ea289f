"""Whose a job or an allocation is, by what Nomad keeps of it: pure."""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from controller.launcher.order import ORDER_VARIABLE
from controller.records import STOPPED, OtherJob
from controller.schedulers.nomad.job import job_id, lease_path
from controller.schedulers.nomad.reading import (
    META_BOT,
    META_COMPONENT,
    META_FLEET,
    TASK,
    JobRecord,
    parent_of,
)
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import Placed
from schemas.errors import SchedulerRefused

_FLEET = re.compile(r"(.+)-[a-z2-7]{6}")


def fleet_name(fleet: str) -> str:
    """Return the name that a fleet's id was made of, "" where it is none of herdsman's making."""
    match = _FLEET.fullmatch(fleet)
    return match[1] if match else ""


def twins(jobs: Iterable[JobRecord], fleet: str) -> dict[str, tuple[JobRecord, ...]]:
    """Return, by bot, the jobs of bots of fleets with our name and another id, also those that are stopped.

    An installation that lost its data folder gets another id, and would start every bot a second time. That
    a job is stopped, or dead as Nomad has it, does not say that no copy of it lives.
    """
    found: defaultdict[str, tuple[JobRecord, ...]] = defaultdict(tuple)
    for job in jobs:
        other, bot = job.meta.get(META_FLEET, ""), job.meta.get(META_BOT)
        if other != fleet and fleet_name(other) == fleet_name(fleet) and bot and not job.parent:
            found[bot] += (job,)
    return dict(found)


def others_leases(paths: Iterable[str], fleet: str) -> dict[str, tuple[str, ...]]:
    """Return those of the leases that are of fleets with our name and another id, by the path's last part.

    They outlive their jobs, and are locked while a copy lives: what Nomad says of no purged job otherwise.
    """
    own, found = lease_path(fleet, "").split("/")[2], defaultdict[str, tuple[str, ...]](tuple)
    for path in paths:
        *_, other, bot = path.split("/")
        if other != own and fleet_name(other) == fleet_name(own):
            found[bot] += (path,)
    return dict(found)


def other_job(job: JobRecord) -> OtherJob:
    """Return a job that is not ours as people are shown it."""
    return OtherJob(
        job.id,
        job.kind,
        STOPPED if job.stopped else job.status,
        str(job.modify_index),
        job.active,
        job.meta.get(META_FLEET, ""),
        job.meta.get(META_COMPONENT, ""),
        job.submitted_at,
    )


def check_nobodys(job: Mapping[str, Any]) -> None:
    """Raise SchedulerRefused for a whole job that carries a fleet's mark, or is one run of another."""
    meta: Mapping[str, str] = job.get("Meta") or {}
    whose = meta.get(META_FLEET) or meta.get(META_COMPONENT)
    if whose or job.get("ParentID"):
        raise SchedulerRefused(
            f"the job {job['ID']} is herdsman's own ({whose or 'a run of another job'}), so it is left alone"
        )


def is_of(job: str, other: str) -> bool:
    """Say whether a job is another one, or one of its runs."""
    return job == other or job.startswith(f"{other}/")


def placed_by(allocation: Mapping[str, Any], settings: NomadSettings) -> Placed:
    """Return whose an allocation of Nomad's API is: its job must carry our mark and have our id for the bot.

    Where that is so only who may register jobs in the namespace can have made it.
    """
    job: Mapping[str, Any] = allocation.get("Job") or {}
    meta: Mapping[str, str] = job.get("Meta") or {}
    bot = meta.get(META_BOT, "")
    ours = meta.get(META_FLEET) == settings.fleet and allocation.get("Namespace") == settings.namespace
    if not (ours and bot and parent_of(allocation.get("JobID", "")) == job_id(settings.fleet, bot)):
        return Placed()
    return Placed(bot, _former(job))


def _former(job: Mapping[str, Any]) -> str:
    """Return the former name in the launcher's order, which says where the state of a renamed bot lies."""
    tasks = [task for group in job.get("TaskGroups") or () for task in group.get("Tasks") or ()]
    orders = [(task.get("Env") or {}).get(ORDER_VARIABLE, "") for task in tasks if task.get("Name") == TASK]
    try:
        order = json.loads(base64.b64decode("".join(orders[:1]) or "e30="))
        return str(order.get("former_state", "")).rpartition("/")[2]
    except (ValueError, AttributeError):  # somebody changed the job: then it has no former name
        return ""
