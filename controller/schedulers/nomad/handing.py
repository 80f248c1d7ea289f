"""Handing secrets over on Nomad: a variable holds them in boxes, each job has the key of its own box alone.

A job's identity cannot be given a variable of its own, since our jobs' ids hold a dot and no variable's path
may. So a policy lets every bot's task read all boxes, and none but its own says anything to it.
"""

import time

from controller.launcher.sealing import close
from controller.schedulers.nomad.api import NomadApi
from controller.schedulers.nomad.job import box_item, secrets_path
from controller.schedulers.protocol import HandedSecrets
from schemas.errors import Conflict

_NEWEST = "newest"
_TRIES = 5


async def hand_over(api: NomadApi, fleet: str, bot: str, secrets: HandedSecrets) -> None:
    """Write a bot's box beside the one before, which its running copy may still need."""
    path, item = secrets_path(fleet, bot), box_item(secrets.identity)
    began = time.monotonic()
    for last in (False,) * (_TRIES - 1) + (True,):
        known = await api.variable(path)
        before = known.items.get(_NEWEST, "")
        if before == item and item in known.items:
            return
        boxes = {item: known.items.get(item) or close(secrets.key, dict(secrets.values)), _NEWEST: item}
        if before in known.items and before != item:
            boxes[before] = known.items[before]
        try:
            await api.write_variable(path, boxes, known.index)
        except Conflict:
            if last or time.monotonic() - began > _TRIES:
                raise
        else:
            return
