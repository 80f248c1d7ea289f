"""Jobs that herdsman did not start, and that a bot may take the place of."""

from msgspec import Struct


class AdoptableJob(Struct):
    """A job of the scheduler that is not this fleet's."""

    id: str
    kind: str
    status: str
    token: str
    """What an adoption names it by, as it was looked at."""
    copies: int = 0
    """Those known to be alive."""
    fleet: str = ""
    """Whose mark it carries; such a job cannot be adopted by itself."""
    component: str = ""
    """Which part of herdsman it is."""
    submitted_at: float | None = None
    whose: str = ""
    """Whose it is, in words."""
    next: str = ""
    """What may be done about it, commands between backticks; "" for nothing."""


class WaitingAdoption(Struct):
    """A bot that is to take a job's place, and has not yet."""

    bot: str
    job: str
    by: str
    reason: str
    at: float
    """When it was asked for, Unix seconds."""
    state: str
    """waiting (for git to have the bot), starting, ending (the job), changed (the job was), held, apart."""
    message: str
    next: str
    """What to do, commands between backticks; "" for nothing."""
    apart: bool = False
    """It was taken back, and the bot waits for the job's end."""


class AdoptableDocument(Struct):
    """`GET /api/v1/adoptable`: jobs that are not this fleet's, and adoptions not carried out yet."""

    jobs: list[AdoptableJob]
    waiting: list[WaitingAdoption]


class AdoptRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/adopt`."""

    job: str
    token: str
    """The job's token as it was looked at; where it has changed since, nothing is recorded."""
    reason: str
