"""Jobs that herdsman did not start, and that a bot may take the place of."""

from typing import Any

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


class AdoptableDocument(Struct):
    """`GET /api/v1/adoptable`: jobs that are not this fleet's, and adoptions not carried out yet."""

    jobs: list[AdoptableJob]
    waiting: list[dict[str, Any]]
    """`{"bot", "job", "by", "reason", "at", "apart"}`; `apart`: it was taken back, and the bot waits for the
    job's end."""


class AdoptRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/adopt`."""

    job: str
    token: str
    """The job's token as it was looked at; where it has changed since, nothing is recorded."""
    reason: str
