"""Jobs that herdsman did not start: listed, and ended where a bot is to take the place of one."""

from controller.records import OtherJob
from controller.schedulers.nomad.api import NomadApi
from controller.schedulers.nomad.others import forgotten, has_ended
from controller.schedulers.nomad.ownership import check_nobodys, other_job
from controller.schedulers.nomad.purging import stop_runs
from schemas.errors import Conflict


async def list_others(api: NomadApi, ours: str) -> list[OtherJob]:
    """Return every job of the namespace but those whose id begins like `ours`, runs left out."""
    jobs = [job for job in await api.jobs("") if not job.parent and not job.id.startswith(ours)]
    return sorted((other_job(job) for job in jobs), key=lambda one: one.id)


async def end_other(api: NomadApi, job: str, expected: str) -> bool:
    """Register a job as stopped by compare-and-set and stop its runs; say whether its copies have ended.

    Raises Conflict where it was changed or purged meanwhile, SchedulerRefused where it is somebody's.
    """
    found = await api.job(job)
    if found is None:
        raise forgotten(job)
    check_nobodys(found)
    if not found.get("Stop"):
        if str(found["JobModifyIndex"]) != expected:
            raise Conflict(
                f"the job {job} was changed since it was looked at, so it runs on, and the bot that "
                "is to take its place waits: look at it again with `herdsman adopt`"
            )
        await api.register({**found, "Stop": True}, int(expected))
    await stop_runs(api, job)
    return await has_ended(api, job)
