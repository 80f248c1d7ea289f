"""Jobs that are not this fleet's, and adoptions under way, in words: whose, how far, and what to do."""

from collections.abc import Callable, Collection

from controller.records import STOPPED, Adoptable, Adoption, OtherJob
from controller.status import BotStatus, Health
from web.documents.adoption import AdoptableDocument, AdoptableJob, WaitingAdoption


def adoptable_document(
    found: Adoptable, fleet: str, known: Callable[[str], BotStatus | None]
) -> AdoptableDocument:
    """Return what the API tells. `fleet` is our id, `known` returns the status of a bot that git has."""
    jobs = {one.id: one for one in found.jobs}
    return AdoptableDocument(
        [_job(one, fleet, {one.job for one in found.waiting}) for one in found.jobs],
        [_waiting(one, jobs.get(one.job), known(one.bot)) for one in found.waiting],
    )


def _job(one: OtherJob, fleet: str, taken: Collection[str]) -> AdoptableJob:
    whose, step = _belonging(one, fleet)
    step = "" if one.id in taken else step  # what is under way says itself what to do
    return AdoptableJob(
        one.id,
        one.kind,
        one.status,
        one.token,
        one.copies,
        one.fleet,
        one.component,
        one.submitted_at,
        whose,
        step,
    )


def _belonging(one: OtherJob, fleet: str) -> tuple[str, str]:
    """Return whose a job is, and what may be done about it; "" for nothing."""
    if one.component:
        return f"herdsman's {one.component}", ""
    if one.fleet and _name(one.fleet) == _name(fleet):
        return f"an earlier installation of this fleet, {one.fleet}", (
            "take it over whole, without a restart of any bot: start herdsman on an empty data folder with "
            f"`--adopt-fleet {one.fleet}`, then `herdsman recover`"
        )
    if one.fleet:
        return f"the fleet {one.fleet}", ""
    if one.status == STOPPED:
        return "nobody's we know", ""
    return "nobody's we know", f'`herdsman adopt BOT --job {one.id} --reason "..."`, then push BOT'


def _waiting(one: Adoption, job: OtherJob | None, status: BotStatus | None) -> WaitingAdoption:
    state, text, step = _progress(one, job, status)
    return WaitingAdoption(one.bot, one.job, one.by, one.reason, one.at, state, text, step, one.apart)


def _progress(one: Adoption, job: OtherJob | None, status: BotStatus | None) -> tuple[str, str, str]:
    """Return how far an adoption is: a word, the same in a sentence, and what to do about it."""
    if job is None or job.status == STOPPED:
        ended = "was asked to end" if job is not None else "is not in the scheduler any more"
        return "ending", f"the job {ended}; {one.bot} starts once no copy of it can live", ""
    if one.apart:
        return (
            "apart",
            f"that was taken back, the job runs on, and {one.bot} waits until it has ended",
            f"end it where it comes from; if both may live, `herdsman adopt {one.bot} --cancel --beside`",
        )
    if job.token != one.token:
        return (
            "changed",
            f"the job was changed since it was looked at, so it runs on, and {one.bot} does not start",
            f'look at it again: `herdsman adopt {one.bot} --job {one.job} --reason "..."`',
        )
    if status is None:
        return (
            "waiting",
            f"the job runs on until git has {one.bot}",
            f"push {one.bot}, or take it back: `herdsman adopt {one.bot} --cancel`",
        )
    held = status.health not in (Health.PROGRESSING, Health.HEALTHY) and status.message
    if held:
        return (
            "held",
            f"git has {one.bot}, and the job runs on: {status.message}",
            f"`herdsman status {one.bot}`",
        )
    return "starting", f"git has {one.bot}: it is made ready, then the job is asked to end", ""


def _name(fleet: str) -> str:
    """Return what a fleet's id is made of before its random end."""
    return fleet.rpartition("-")[0] or fleet
