"""The folders of placements on this machine: named after their bots, each with its launcher's order."""

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from controller.launcher.files import read
from controller.schedulers.local.folders import Folders
from controller.schedulers.local.registry import Job
from schemas.errors import SchedulerUnavailable

_KEPT_ALLOCATIONS = 10
_RANDOM = 6
"""Bytes at the end of an allocation's name, after the bot's."""
_TAIL = len("-") + 2 * _RANDOM
_ORDER = "order.json"
_LOG = "launcher.log"


def new_allocation(bot: str) -> str:
    """Return a name for a bot's next placement."""
    return f"{bot}-{secrets.token_hex(_RANDOM)}"


def bot_of(allocation: str) -> str:
    """Return the bot that a placement's name begins with."""
    return allocation[:-_TAIL]


def placements_of(folders: Folders, bot: str) -> list[Path]:
    """Return the folders of a bot's placements, the newest first."""
    found = [path for path in folders.allocations.glob(f"{bot}-*") if bot_of(path.name) == bot]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def prepare(folders: Folders, job: Job) -> Path:
    """Make a job's folder where it is new, and write the launcher's order into it. Raises OSError."""
    folder = folders.allocation(job.allocation)
    if not folder.is_dir():
        delete(placements_of(folders, job.name)[_KEPT_ALLOCATIONS - 1 :])
        folder.mkdir(mode=0o700)
    order = folder / _ORDER
    _write_private(order, {**job.order, "parent": os.getpid()})
    return order


def read_order(folders: Folders, allocation: str) -> dict[str, Any] | None:
    """Return the order of a placement, None where there is none. Raises SchedulerUnavailable."""
    order = read(str(folders.allocation(allocation) / _ORDER), links=False)
    if order is None:
        return None
    try:
        known: dict[str, Any] = json.loads(order)
    except ValueError:  # it is being written
        raise SchedulerUnavailable(f"the order of {allocation} cannot be read now") from None
    return known


def launcher_log(folders: Folders, job: Job) -> Path:
    """Return where a job's launcher writes what it says for itself."""
    return folders.allocation(job.allocation) / _LOG


def last_words(folders: Folders, job: Job) -> str:
    """Return the last line of the launcher's own log."""
    lines = (read(str(launcher_log(folders, job))) or "").strip().splitlines()
    return lines[-1][:500] if lines else ""


def delete(paths: Iterable[Path]) -> None:
    """Delete folders; what cannot be deleted stays."""
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


def _write_private(path: Path, document: Mapping[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file)
