"""Starting launchers on this machine: what they are made of unpacked, their environment, their secrets."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from controller.launcher.archive import LAUNCHER, launcher_root
from controller.launcher.fetch import Unfetched, unpack
from controller.launcher.files import read
from controller.schedulers.local import leftovers
from controller.schedulers.local.allocations import delete, launcher_log, prepare
from controller.schedulers.local.boxes import Boxes
from controller.schedulers.local.child import Child
from controller.schedulers.local.folders import Folders
from controller.schedulers.local.orders import PYTHON
from controller.schedulers.local.registry import BundleFile, Job
from gitops.bundle import Bundle
from schemas.errors import SchedulerRefused

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")


class Starting:
    """Starts launchers. `environment` is where `env:NAME` secrets are looked up."""

    def __init__(self, folders: Folders, boxes: Boxes, environment: Mapping[str, str]) -> None:
        self._folders, self._boxes, self._environment = folders, boxes, dict(environment)

    async def start(self, job: Job, slot: float | None) -> Child:
        """Start a launcher with its order. Raises SchedulerRefused, SecretUnavailable."""
        await self.unpack(job.bundles)
        try:
            order = await asyncio.to_thread(prepare, self._folders, job)
        except OSError as error:
            raise SchedulerRefused(f"the folder of {job.name} cannot be written: {error}") from error
        values = await asyncio.to_thread(self.values, job)
        own = self.environment(job)
        if slot is not None:
            own["HERDSMAN_DUE"] = str(int(slot))
        arguments = [PYTHON, "-I", "-S", str(launcher_root() / LAUNCHER), str(order)]
        try:
            return Child.start(arguments, own, launcher_log(self._folders, job), _piped(values))
        except OSError as error:
            raise SchedulerRefused(f"the launcher of {job.name} cannot be started: {error}") from error

    async def unpack(self, bundles: Sequence[Bundle | BundleFile]) -> None:
        """Unpack what the cache does not hold yet. Raises SchedulerRefused."""
        try:
            await asyncio.to_thread(self._unpack_missing, bundles)
        except (Unfetched, OSError) as error:
            raise SchedulerRefused(f"a bundle cannot be used: {error}") from error

    def _unpack_missing(self, bundles: Sequence[Bundle | BundleFile]) -> None:
        for item in bundles:
            folder = self._folders.cache / item.digest
            if not folder.is_dir():
                unpack(Path(item.path), folder)

    def tidy(self, used: set[str]) -> None:
        """Delete what no job needs any more from the cache, before anything runs from it."""
        delete([entry for entry in self._folders.cache.iterdir() if entry.name not in used])

    def values(self, job: Job) -> Mapping[str, str] | None:
        """Return the values that are handed to a job's launcher, None for none. Raises SecretUnavailable."""
        handed = job.order.get("handed")
        return self._boxes.take(job.name, str(handed["identity"])) if handed else None

    def own_values(self, job: Job) -> list[tuple[str, str]]:
        """Return the values of the secrets that a job's launcher finds by itself."""
        found: list[tuple[str, str]] = []
        for variable, reference in job.order["secrets"].items():
            kind, _, place = str(reference).partition(":")
            value = self._environment.get(place) if kind == "env" else read(place) if kind == "file" else None
            found += [(variable, value.rstrip("\n"))] if value else []
        return found

    def environment(self, job: Job) -> dict[str, str]:
        """Return the environment of a job's launcher."""
        references = [str(reference) for reference in job.order["secrets"].values()]
        secret = [reference.removeprefix("env:") for reference in references if reference.startswith("env:")]
        names = [*_PASSED_ON, *secret, *job.order["secrets"]]
        known = {name: self._environment[name] for name in names if name in self._environment}
        return known | {leftovers.LAUNCHER_MARK: mark_of(job)}


def mark_of(job: Job) -> str:
    """Return what marks the processes of a placement, in their environment."""
    return f"{job.fleet}/{job.name}/{job.allocation}"


def _piped(values: Mapping[str, str] | None) -> bytes | None:
    return None if values is None else json.dumps(dict(values)).encode()
