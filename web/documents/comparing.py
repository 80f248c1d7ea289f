"""Two revisions of a bot side by side, as the API gives them."""

from msgspec import Struct


class PeriodDocument(Struct):
    """When a bot ran at a revision: from its first start to its last end, and how long of that."""

    revision: str
    message: str
    by: str
    """Who brought it: the token that pushed it, else the commit's author."""
    change: str
    """What it changed about the bot, in words."""
    start: float
    end: float
    seconds: float


class NumbersDocument(Struct):
    """A series under one revision; `per_minute` of a counter, else null."""

    count: int
    median: float
    p95: float
    least: float
    most: float
    last: float
    per_minute: float | None


class SeriesChangeDocument(Struct):
    """A series before and after; null where it was not there."""

    name: str
    labels: dict[str, str]
    section: str
    """metrics, resources or trading."""
    verdict: str
    """new, gone, few (too few points to say), same, higher, lower; of trading always "shown"."""
    before: NumbersDocument | None
    after: NumbersDocument | None


class ErrorChangeDocument(Struct):
    """An error group before and after, in how often it was seen."""

    id: str
    type: str
    message: str
    verdict: str
    """new, more, gone, less, same."""
    before: int
    after: int


class LineChangeDocument(Struct):
    """A kind of log line (a message without its values) before and after, in lines a minute."""

    template: str
    example: str
    verdict: str
    """new, more, gone, less, same."""
    before: float
    after: float


class SpreadDocument(Struct):
    """How a number lies over the bots that have it: their middle, and a quarter of them below and above."""

    bots: int
    median: float
    low: float
    high: float


class RowChangeDocument(Struct):
    """A series (of each bot its median, of a counter its rate), an error, or a kind of log line a minute.

    Null on the side where no bot has it. Nothing is added up over bots.
    """

    section: str
    """errors, lines, metrics, resources or trading."""
    name: str
    labels: dict[str, str]
    verdict: str
    """new, gone, more, less (errors and lines), higher, lower, mixed (bots differ), same, few, shown."""
    before: SpreadDocument | None
    after: SpreadDocument | None
    moved: dict[str, int]
    """How many bots say which by themselves; empty for groups side by side."""


class PartDocument(Struct):
    """The bots of one mode: live and dry ones are never put together."""

    mode: str
    before: int
    """Bots on this side."""
    after: int
    cautions: list[str]
    rows: list[RowChangeDocument]
    """The most important first; at most 100 of each section."""


class TogetherDocument(Struct):
    """`GET /api/v1/compare`: `before` and `after` say in words what its sides are."""

    before: str
    after: str
    parts: list[PartDocument]


class ComparisonDocument(Struct):
    """`GET /api/v1/bots/{name}/compare`."""

    bot: str
    before: PeriodDocument
    after: PeriodDocument
    cautions: list[str]
    """Sentences about how much the comparison is worth."""
    series: list[SeriesChangeDocument]
    errors: list[ErrorChangeDocument]
    lines: list[LineChangeDocument]
    memory_per_hour_before: float | None
    """Bytes that memory grew an hour, null where that cannot be told."""
    memory_per_hour_after: float | None
