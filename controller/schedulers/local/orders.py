"""What a bot is asked to be on this machine: its job, and the order that its launcher reads."""

import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.launcher.order import Content, LaunchOrder, LeaseOrder, NodePaths, Output
from controller.schedulers.local.allocations import new_allocation
from controller.schedulers.local.folders import Folders
from controller.schedulers.local.registry import BundleFile, Job
from controller.schedulers.protocol import Launch
from gitops.bundle import Bundle
from schemas.errors import RuntimeMissing

PYTHON = str(Path(sys.executable).resolve())


def base_python(launch: Launch) -> str:
    """Return the Python that herdsman itself was made from, without its own packages."""
    if launch.spec.program.runtime.startswith("nodejs"):
        raise RuntimeMissing("this scheduler was told of no Node.js to run the bot with")
    return PYTHON


@dataclass(frozen=True, slots=True)
class Orders:
    """Makes jobs and orders for one node; `python` and `clock` are as `LocalScheduler` has them."""

    folders: Folders
    node: str
    python: Callable[[Launch], str]
    clock: Callable[[], float]

    def job(self, launch: Launch, before: Job | None) -> Job:
        """Return the job of a launch, in a placement of its own. Raises as `order` does."""
        spec = launch.spec
        allocation = new_allocation(spec.name)
        kept = before is not None and before.schedule == spec.schedule and before.stopped is None
        return Job(
            name=spec.name,
            fleet=self.folders.fleet,
            spec=spec.digest,
            revision=launch.revision,
            token=new_token(),
            allocation=allocation,
            order=self.order(launch, allocation).document(),
            bundles=tuple(BundleFile(item.digest, str(item.path)) for item in bundles_of(launch)),
            schedule=spec.schedule,
            timezone=spec.timezone,
            catch_up=spec.catch_up,
            kill_timeout=spec.kill_timeout,
            last_slot=before.last_slot if kept and before else self.clock(),
            marks=dict(launch.extra),
        )

    def order(self, launch: Launch, allocation: str) -> LaunchOrder:
        """Return what the launcher of a placement is told. Raises SchedulerRefused, RuntimeMissing."""
        folders, folder = self.folders, self.folders.allocation(allocation)
        layer = launch.dependencies
        return LaunchOrder(
            launch=launch,
            fleet=folders.fleet,
            paths=NodePaths(
                allocation=str(folder / "alloc"),
                work=str(folder / "work"),
                cache=str(folders.cache),
                state=str(folders.state(launch.spec.name)),
            ),
            lease=LeaseOrder("file", self._lease_options(launch)),
            code=Content(launch.code.digest, path=str(folders.cache / launch.code.digest)),
            dependencies=Content(layer.digest, path=str(folders.cache / layer.digest)) if layer else None,
            output=Output(pump=True),
            allocation=allocation,
            node=self.node,
            interpreter=self.python(launch),
            handed={"identity": launch.secrets.identity} if launch.secrets else {},
            now=self.clock(),
        )

    def _lease_options(self, launch: Launch) -> dict[str, str]:
        former = launch.spec.renamed_from
        options = {"path": str(self.folders.lease(launch.spec.name))}
        return options | ({"former_path": str(self.folders.lease(former))} if former else {})


def bundles_of(launch: Launch) -> tuple[Bundle, ...]:
    """Return the bundles that a launch needs."""
    return (launch.code,) if launch.dependencies is None else (launch.code, launch.dependencies)


def new_token() -> str:
    """Return a token that no job ever had."""
    return f"{time.time_ns():x}-{secrets.token_hex(4)}"
