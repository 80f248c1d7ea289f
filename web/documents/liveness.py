"""How bots live: the verdict on each, and the four ages behind it."""

from msgspec import Struct


class SignDocument(Struct):
    """One kind of sign; `at` is Unix seconds (None: never), the rest seconds (None: no habit)."""

    at: float | None
    usual: float | None
    """The usual time between two of them."""
    limit: float | None
    """The longest silence that is no news."""


class LivenessDocument(Struct):
    """`GET /api/v1/bots/{name}/liveness`, and a `liveness` event on the stream (topic of the bot)."""

    bot: str
    verdict: str
    """healthy, not_trading, hung, stream_lost, crashed, finished, suspended, market_closed, waiting or
    starting."""
    bad: bool
    """Whether somebody should see to it."""
    text: str
    since: float
    """When that was found, in Unix seconds."""
    signs: dict[str, SignDocument]
    """`process`, `loop`, `output`, `market_data`, `orders`."""
    left_open: list[str] = []
    """Of a bot that ended: the positions and orders that it left open, in words."""
