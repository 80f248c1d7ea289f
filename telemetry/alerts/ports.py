"""What alerts need of the world: where they are kept, who bots are, who acts. See `web/alerts.py`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from schemas.alert_rules import AlertRule
from telemetry.alerts.limits.book import RiskBook
from telemetry.alerts.limits.together import Together
from telemetry.alerts.states import AlertState
from telemetry.alerts.watch import BotProfile


class What(StrEnum):
    """What happened to an alert, as its history tells it."""

    NOTHING = ""
    """Nothing that the history tells: it became pending, or is muted no more."""
    FIRED = "fired"
    RECOVERED = "recovered"
    ACTED = "acted"
    FAILED = "failed"
    """Its action did not work."""
    ACKNOWLEDGED = "acknowledged"


class Kept(Struct, frozen=True):
    """How a rule stands for a bot, as it is kept, shown and told of; times in Unix seconds.

    `bot` is "" where it is about an account. `text` says what `what` was, in words.
    """

    bot: str
    rule: str
    severity: str
    state: AlertState
    at: float
    what: What = What.NOTHING
    text: str = ""
    message: str = ""
    """What the rule itself says to people."""
    program: str = ""
    account: str = ""
    environment: str = ""
    mode: str = ""
    muted: bool = False
    does: str = ""
    """The rule's action where that is more than telling people."""
    stop_for: float | None = None
    """How many seconds a bot stays stopped that the action stops, None for until it is resumed."""
    risk: bool = False
    """It is a risk limit, not a rule."""
    built_in: bool = False


class Muting(Struct, frozen=True):
    """An operator's word that nobody is told of alerts until a Unix time: of a bot, of a rule ("" is any)."""

    id: str
    bot: str
    rule: str
    until: float
    by: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Setup:
    """A bot and its own rules; `currency`: that of its lines that name none, as its manifest says."""

    profile: BotProfile
    rules: tuple[AlertRule, ...] = ()
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a bot must not run now; `until` (Unix seconds) None where somebody has to end it.

    `own`: it is about this bot alone, and not about all of an account or of the fleet.
    """

    by: str
    until: float | None = None
    kill: bool = False
    own: bool = True

    @property
    def holds(self) -> bool:
        """Whether the bot stays stopped until somebody has it run again, it and no other."""
        return self.own and self.until is None


class AlertBook(Protocol):
    """Keeps alerts, their history, and mutes. Every method raises HerdsmanError where it cannot."""

    async def load(self) -> tuple[list[Kept], list[Muting]]:
        """Return the alerts that are not ok, and the mutes."""
        ...

    async def keep(self, moved: Sequence[Kept]) -> None:
        """Keep how alerts stand now, in this order, and in the history what happened to them."""
        ...


class RiskStore(Protocol):
    """Keeps what is known of bots and accounts for their limits. Raises StoreUnavailable."""

    async def load(self) -> dict[str, RiskBook]:
        """Return what was kept, by bot."""
        ...

    async def load_accounts(self) -> list[Together]:
        """Return what was kept of accounts."""
        ...

    async def save(self, books: Sequence[RiskBook], accounts: Sequence[Together]) -> None:
        """Keep the books of bots and accounts over those of before: all of them, or none."""
        ...


class Hands(Protocol):
    """Acts on bots, as an operator could."""

    def stops(self, bot: str) -> tuple[Stop, ...]:
        """Return everything that keeps a bot from running now."""
        ...

    async def acted_since(self, bot: str, by: str, at: float) -> bool:
        """Say whether a bot was stopped by somebody since a Unix time, whether or not it runs again."""
        ...

    async def suspend(self, bot: str, by: str, reason: str, until: float | None) -> None:
        """Stop a bot, until an operator resumes it or until a Unix time.

        Raises StoppedLonger where it is stopped for as long already.
        """
        ...

    async def kill(self, bot: str, by: str, reason: str) -> None:
        """Turn a bot's kill switch on."""
        ...

    def held_accounts(self, accounts: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of these accounts and modes of which no bot may start until somebody ends that."""
        ...

    def behind(self) -> float | None:
        """Return how many seconds late `stops` and `held_accounts` tell of a change.

        None while what is in force is not known: nobody leads, or what was in force is being read still.
        """
        ...

    async def hold(self, account: str, mode: str, by: str, reason: str) -> None:
        """Have no bot of an account and mode start, also those to come, until an operator ends that."""
        ...

    async def let_go(self, account: str, mode: str, by: str, reason: str) -> None:
        """End a hold that was put by the same word; nothing where there is none."""
        ...
