"""Whose an allocation is, by the job that Nomad keeps with it: pure."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from controller.launcher.order import ORDER_VARIABLE
from controller.schedulers.nomad.job import job_id
from controller.schedulers.nomad.reading import META_BOT, META_FLEET, TASK, parent_of
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import Placed


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
