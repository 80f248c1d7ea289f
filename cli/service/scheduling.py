"""The scheduler that was asked for, and the agent that reads its bots' output where that is ours to run."""

import os
from collections.abc import Callable

from cli.service.options import UpOptions
from controller.launcher.archive import launcher_digest, launcher_files
from controller.schedulers.local.scheduler import LocalScheduler
from controller.schedulers.nomad.scheduler import NomadScheduler
from controller.schedulers.nomad.settings import DEFAULT_ADDRESS, NomadSettings
from controller.schedulers.protocol import Launch
from controller.settings import Settings
from gitops.bundle import Bundle
from gitops.bundles import BundleStore
from gitops.runtimes import find_node, interpreters
from schemas.cron import next_slot
from schemas.errors import SchedulerRefused, UsageError

Scheduling = LocalScheduler | NomadScheduler


def python_version(wanted: str) -> str:
    """Return the minor version of Python that bots run on: the wanted one, or the oldest here."""
    found = interpreters()
    if wanted:
        if f"python{wanted}" not in found:
            raise UsageError(f"--python {wanted}: not on this machine; there is {', '.join(found) or 'none'}")
        return wanted
    own = [one.minor for one in found.values()]
    if not own:
        raise UsageError("no Python 3.11 or newer was found on this machine: install one")
    return own[0]


def local_interpreter(launch: Launch) -> str:
    """Return what runs the bot: Node.js, or the Python that its dependencies were installed for.

    A compiled bot is run by nothing: its binary is executed.
    """
    if launch.spec.program.compiled:
        return ""
    if launch.spec.program.runtime.startswith("nodejs"):
        return str(find_node().path)
    found = interpreters().get(f"python{launch.python}") if launch.python else None
    if found is None and interpreters():
        found = next(iter(interpreters().values()))
    if found is None:
        raise SchedulerRefused(f"Python {launch.python} is not on this machine any more")
    return str(found.path)


async def make_scheduler(
    options: UpOptions,
    fleet: str,
    bundles: BundleStore,
    url_of: Callable[[Bundle], str],
    secrets_key: bytes = b"",
) -> Scheduling:
    """Return the scheduler, not opened yet."""
    if options.scheduler == "local":
        return LocalScheduler(
            options.data / "local",
            fleet,
            cache=options.data / "cache",
            python=local_interpreter,
            secrets_key=secrets_key,
        )
    launcher = await bundles.files(f"launcher-{launcher_digest()}", launcher_files())
    return NomadScheduler(nomad_settings(options, fleet), launcher, url_of, next_slot=next_slot)


def controller_settings(options: UpOptions) -> Settings:
    """Return the settings of the controller, in one process with the web or by itself."""
    return Settings(
        python=python_version(options.python),
        environments=options.environment,
        poll_interval=options.poll_interval,
        secrets_interval=options.secrets_interval,
    )


def nomad_settings(options: UpOptions, fleet: str) -> NomadSettings:
    """Return how Nomad is reached, from the options and the environment."""
    return NomadSettings(
        fleet,
        options.nomad_address or os.environ.get("NOMAD_ADDR") or DEFAULT_ADDRESS,
        os.environ.get("NOMAD_TOKEN", ""),
        os.environ.get("NOMAD_NAMESPACE") or "default",
        os.environ.get("NOMAD_REGION", ""),
        ca_file=os.environ.get("NOMAD_CACERT", ""),
        driver=options.nomad_driver,
    )
