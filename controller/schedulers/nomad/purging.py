"""The end of a job on Nomad: its runs stopped, it and they purged, what it leaves behind deleted."""

from collections.abc import Iterable
from contextlib import suppress

from controller.schedulers.nomad.api import NomadApi
from controller.schedulers.nomad.job import lease_path, secrets_path
from controller.schedulers.nomad.reading import JobRecord, Placement
from schemas.errors import HerdsmanError


async def stop_runs(api: NomadApi, identity: str) -> None:
    """Stop the runs of a periodic job: Nomad lets them go on when their parent stops."""
    for run in await _runs(api, identity):
        if not run.stopped and run.status != "dead":
            await api.deregister(run.id)


async def purge(api: NomadApi, identity: str) -> None:
    """Have Nomad forget a job and its runs."""
    for run in await _runs(api, identity):
        await api.deregister(run.id, purge=True)
    await api.deregister(identity, purge=True)


async def _runs(api: NomadApi, identity: str) -> list[JobRecord]:
    jobs = await api.jobs(f"{identity}/", ended_runs=True)
    return [job for job in jobs if job.parent == identity]


async def clear_away(api: NomadApi, fleet: str, bot: str, endings: Iterable[Placement]) -> None:
    """Delete a bot's log folders and its variables; what fails here is left to Nomad's own collection."""
    for item in endings:
        with suppress(HerdsmanError):
            await api.collect(item.id)
    for path in (lease_path(fleet, bot), secrets_path(fleet, bot)):
        with suppress(HerdsmanError):
            await api.delete_variable(path)
