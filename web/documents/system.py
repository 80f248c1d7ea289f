"""How herdsman itself is, and errors as documents."""

from msgspec import UNSET, Struct, UnsetType


class Problem(Struct):
    """Every error of the API (RFC 9457, `application/problem+json`)."""

    type: str
    """`urn:herdsman:problem:<reason in kebab case>`."""
    title: str
    status: int
    detail: str
    """What happened and why, for people."""
    instance: str
    """The path asked for."""
    reason: str
    """A constant that programs can act on, such as NotFound, Forbidden, SchedulerUnavailable."""
    next: str | UnsetType = UNSET
    """What to do about it, where there is something."""
    suggestion: str | UnsetType = UNSET
    """The nearest name there is, where a name was not found."""
    errors: list[str] | UnsetType = UNSET
    trace: str | UnsetType = UNSET
    """The end of what a query program printed on stderr, where it failed."""
    available: list[str] | UnsetType = UNSET
    """The paths that a query program knows, where it did not know the one asked for."""


class SystemFact(Struct):
    """One figure of a part of herdsman; how to read `value` is in `unit`."""

    name: str
    value: float | str | None
    unit: str = ""
    """"" (a count or a text), s, bytes, percent, per_second, at (a Unix time)."""
    hint: str = ""
    """A sentence about it, "" where its name says enough."""


class SystemTable(Struct):
    """What a part has many of, such as agents."""

    columns: list[str]
    units: list[str]
    """One for each column, as in SystemFact."""
    rows: list[list[float | str | None]]


class SystemPart(Struct):
    """One part of herdsman, wherever it runs."""

    name: str
    """controller, source, scheduler, intake, agents, series, events, rules, storage, live, database, web, or
    process."""
    state: str
    """ok, warning, failing."""
    message: str
    """How it is, in a sentence."""
    next: str = ""
    """What to do about it, "" where nothing is to be done."""
    facts: list[SystemFact] = []
    table: SystemTable | None = None


class SystemNote(Struct):
    """A warning or an error of herdsman's own log; the same one again counts up."""

    time: float
    level: str
    source: str
    message: str
    times: int
    first: float


class SystemDocument(Struct):
    """`GET /api/v1/system`, and a `system` event on the stream (topic system, every 2 s while it is read)."""

    time: float
    state: str
    """The worst of the parts'."""
    version: str
    fleet: str
    parts: list[SystemPart]
    """Those that this process knows of; one that is elsewhere and silent is missing."""
    notes: list[SystemNote]
    """The newest first."""


class Readiness(Struct, omit_defaults=True):
    """`GET /readyz`: 200 when every check is "ok", else 503."""

    ready: bool
    checks: dict[str, str]
    role: str = ""
    """Of a process of `herdsman controller`: "leader" or "standby"; any other has none."""
