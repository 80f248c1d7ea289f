"""What each bot is asked to be, on disk: so that tokens, stops and schedules outlive herdsman."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from controller.scopes import ALL, bot_scope


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A bundle that the job needs: its digest, and the archive to unpack it from again."""

    digest: str
    path: str


@dataclass(frozen=True, slots=True)
class Job:
    """One bot's job. `order` is the launcher's document but for what a start adds (see `scheduler.py`).

    `token` changes with every apply and stop. `stopped` holds the reason of a stop, None while it should run.
    `last_slot` is the schedule's last slot that was run or accounted for, in Unix seconds.
    """

    name: str
    fleet: str
    spec: str
    revision: str
    token: str
    allocation: str
    order: Mapping[str, Any]
    bundles: tuple[BundleFile, ...]
    schedule: str = ""
    timezone: str = "UTC"
    catch_up: bool = False
    kill_timeout: float = 30.0
    stopped: str | None = None
    last_slot: float = 0.0
    marks: Mapping[str, str] = field(default_factory=dict)
    """The launch's extra texts, kept for whoever set them."""
    rule: str = ""
    """The key of the rule that stopped it, "" where none did."""

    @property
    def scopes(self) -> frozenset[str]:
        """What rules the bot is under; an order of an older herdsman tells only of the widest."""
        return frozenset(self.order.get("scopes", ())) | {ALL, bot_scope(self.name)}


class Registry:
    """The folder of job files; a file is replaced whole and reaches the disk before a call returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, fleet: str) -> list[Job]:
        """Return this fleet's jobs; a file that is no job of ours is left alone."""
        found = (_read(path) for path in sorted(self._folder.glob("*.json")))
        return [job for job in found if job is not None and job.fleet == fleet]

    def save(self, job: Job) -> None:
        """Store a job in place of its older version."""
        write_durably(self._folder / f"{job.name}.json", json.dumps(asdict(job)))

    def forget(self, name: str) -> None:
        """Remove a job."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)
        _flush(self._folder)


def write_durably(path: Path, text: str) -> None:
    """Replace a file whole; it is on the disk before this returns."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    _flush(path.parent)


def _flush(folder: Path) -> None:
    """Make a folder's own entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> Job | None:
    try:
        document = json.loads(path.read_text())
        bundles = tuple(BundleFile(**item) for item in document.pop("bundles"))
        return Job(**document, bundles=bundles)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
