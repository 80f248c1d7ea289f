"""The JSON documents of errors: groups, one whole, explanations, source lines. Times are Unix seconds."""

from typing import Any

from msgspec import Struct, field

from web.documents.series import LogEvent


class ErrorSummary(Struct):
    """One error group in `GET /api/v1/errors`, and the payload of an `error_group` event on the stream."""

    id: str
    bot: str
    program: str
    version: str
    mode: str
    state: str
    """new, ongoing, regressed, resolved."""
    type: str
    message: str
    """The first line of its newest message."""
    language: str
    """Of its trace: python, node, java, rust, go, native; "" without one."""
    file: str
    """Where in the program it went wrong, with `line` and `function`; "" where that is not known."""
    line: int
    function: str
    count: int
    first_seen: float
    last_seen: float
    first_revision: str
    last_revision: str
    since_revision: str
    """The revision since which it is what it is: had it first, brought it back, or was resolved at."""
    fingerprint: str
    """The same for the same error in other bots."""


class RevisionCount(Struct):
    """How often an error happened at one revision, and when."""

    revision: str
    version: str
    count: int
    first_seen: float
    last_seen: float


class FrameDocument(Struct):
    """One call of a trace."""

    function: str
    file: str
    line: int
    code: str
    in_app: bool
    """It lies in the bot's program."""


class ThrownDocument(Struct):
    """One exception: its frames from the outermost call to where it was raised."""

    type: str
    message: str
    frames: list[FrameDocument]
    part: bool = False
    """It is one of a group of exceptions, and no cause of the one before."""


class OccurrenceDocument(Struct):
    """One of the last times, newest first."""

    event: str
    time: float
    revision: str


class ErrorDetail(Struct):
    """`GET /api/v1/errors/{id}`: a group with one occurrence of it, and what came before that."""

    error: ErrorSummary
    revisions: list[RevisionCount]
    occurrences: list[OccurrenceDocument]
    shown: OccurrenceDocument
    """The one that all below is about."""
    event: LogEvent | None
    """The event itself; None where the store has forgotten it."""
    trace: list[ThrownDocument]
    """What was thrown last, then its causes; empty without a trace."""
    lines: list[LogEvent]
    """The last lines before it, newest first."""
    trades: list[LogEvent]
    """The last orders, fills, positions, signals before it, newest first."""
    resources: dict[str, float]
    """The last measurements before it, by series."""
    resolution: dict[str, Any] | None
    """`{"at", "by", "reason", "revision", "seen_since"}` of a resolved group."""
    bots: list[str] = []
    """Other bots of the program that have the same error."""


class ResolveRequest(Struct):
    """The body of `POST /api/v1/errors/{id}/resolve` and `/reopen`."""

    reason: str = ""


class ExplainRequest(Struct):
    """The body of `POST /api/v1/errors/{id}/explain`."""

    model: bool = False
    """Ask the language model that the service was given as well; what is sent to it is redacted."""


class RuleDocument(Struct):
    """A rule that fits: what is wrong, why, and what to do."""

    rule: str
    """"" where no rule knows the error."""
    title: str
    cause: str
    fix: str


class ModelDocument(Struct):
    """What a language model said, which may be wrong, or why it said nothing."""

    name: str
    text: str
    problem: str = ""


class ExplainAnswer(Struct):
    """What an error means, in plain words."""

    error: ErrorSummary
    explanation: RuleDocument
    others: list[RuleDocument]
    """Further rules that fit, less likely ones."""
    model_available: bool
    """Whether the service was given a language model."""
    model: ModelDocument | None = None


class CodeLine(Struct):
    """One source line; `commit` "" where nobody can say in time who wrote it."""

    number: int
    text: str
    commit: str
    author: str
    at: float
    summary: str


class CodeAnswer(Struct):
    """`GET /api/v1/code`: the lines around one, as they were in the version that ran."""

    path: str
    commit: str
    line: int
    url: str
    """The line on its forge, "" where the source is on none."""
    blamed: bool
    lines: list[CodeLine] = field(default_factory=list)
