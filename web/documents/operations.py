"""What operators ask for, and what came of it."""

from typing import Any

from msgspec import Struct


class OperationRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/restart|suspend|resume`."""

    reason: str = ""
    until: float | None = None
    """Unix time at which a suspension ends by itself."""


class OperationAnswer(Struct):
    """An operation was accepted; its effect is seen in the bot's status and on the stream."""

    name: str
    operation: str
    by: str
    at: float
    changed: bool = True
    """False where there was nothing to do: a refresh of a job that is as it would be rendered now."""


class RollbackRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/rollback` and `POST /api/v1/rollback`."""

    to: str = ""
    """A revision that was applied, by its first digits; of a bot, by default the last that it was well at."""
    reason: str = ""
    until: float | None = None
    """Unix time at which it ends by itself."""
    allow_major: bool = False
    """Also to another major version of a program, which may not understand the bot's state."""
    confirm_prune: bool = False
    """Of the fleet: also where it removes many bots."""


class UnpinRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/unpin` and `POST /api/v1/unpin`."""

    reason: str = ""
    source: str = ""
    """Of the fleet: whose bots are let go, where it has several sources."""
    confirm_prune: bool = False


class RollbackAnswer(Struct):
    """What follows: bots become what they are to be at `revision`, which is seen in their status."""

    revision: str
    by: str
    at: float
    changing: int
    """How many bots change."""
    held: str
    """Why it waits to be confirmed, "" where it does not."""


class DeploymentDocument(Struct):
    """One spec that was applied to a bot: `GET /api/v1/bots/{name}/deployments`, the newest first."""

    revision: dict[str, Any]
    """`{"id", "author", "message", "committed_at"}`; author and message may be empty."""
    program: str
    version: str
    applied_at: float
    healthy_at: float | None
    """When it last got healthy, None where it never did."""
    current: bool
    """It is what is applied now."""
    refused: str
    """Why it is not applied again though git asks for it: what it failed at; "" where it would be."""
    fields: list[dict[str, Any]]
    """What differs from what is applied now: `{"name", "before", "after"}`, without secrets."""


class OutdatedAnswer(Struct):
    """`GET /api/v1/outdated`: the bots whose jobs an older herdsman rendered, or with other settings."""

    bots: list[str]


class RecoverAnswer(Struct):
    """`POST /api/v1/recover`: the bots whose jobs were taken over."""

    bots: list[str]
