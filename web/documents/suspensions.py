"""What keeps bots from running: suspensions of scopes and kill switches."""

from msgspec import Struct


class ScopeRequest(Struct):
    """The body of `POST /api/v1/suspensions`, `/suspensions/resume`, `/kill` and `/release`.

    `scope` says which bots: `all`, `bot=NAME`, `label=KEY`, `label=KEY=VALUE`, `account=NAME`,
    `live-account=NAME` and `dry-account=NAME` (its bots of that mode), `program=NAME`, `mode=live` or
    `mode=dry`.
    """

    scope: str
    reason: str = ""
    until: float | None = None
    """Unix time at which a suspension ends by itself; a kill switch never does."""


class SuspensionDocument(Struct):
    """What keeps bots from running: a kill switch, a suspension of a scope, or of one bot."""

    scope: str
    words: str
    """The scope for people: `all bots`, `account binance-1`."""
    kill: bool
    by: str
    reason: str
    since: float
    until: float | None


class SurvivorDocument(Struct):
    """A bot under a kill switch that is not known to be dead."""

    bot: str
    fate: str
    """waiting: not asked to end yet; asked: it has its kill_timeout; unknown: its node does not answer."""
    why: str
    node: str


class KillDocument(Struct):
    """A kill switch that is on, and how far it has come: `GET /api/v1/kill`, the answer to `POST`."""

    scope: str
    words: str
    by: str
    reason: str
    since: float
    total: int
    """Bots that it found alive."""
    asked: int
    dead: int
    complete: bool
    """Whether every one of them is known to be dead, and the switch is kept everywhere."""
    survivors: list[SurvivorDocument]
    """Those not known to be dead, the first 200."""
    patience: float
    """The seconds that the most patient of them has to end."""
    problem: str
    """What keeps the switch from being kept everywhere, or what runs from being known; "" for nothing."""
    stopping: int = 0
    """Of the dead, those whose jobs are still being stopped."""
