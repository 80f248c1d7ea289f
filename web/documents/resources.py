"""What bots use, and when they run into a limit."""

from msgspec import Struct


class ForecastDocument(Struct):
    """When a bot runs into a limit, if it goes on as it does."""

    resource: str
    """memory, descriptors or disk."""
    use: float
    limit: float
    seconds: float
    """Seconds until then, 0 where it has."""


class ResourcesDocument(Struct):
    """`GET /api/v1/bots/{name}/resources`, and a `resources` event on the stream (topic of the bot)."""

    bot: str
    at: float | None
    """When it was measured last, in Unix seconds; None where it was not lately."""
    values: dict[str, float] = {}
    """The newest value of each series of what a bot uses, such as `bot_memory_bytes` (docs/series.md)."""
    forecasts: list[ForecastDocument] = []
    """Of those limits that it truly comes nearer to."""
