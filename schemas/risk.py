"""Risk limits: `risk:` of a bot, and of accounts in `herdsman.yaml`. What breaks one is stopped."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.words import quoted, shown

_LIMIT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?(%|[A-Z0-9]{2,12})?", re.ASCII)
MOST_ORDERS = 100_000


class Action(StrEnum):
    """What is done when a rule fires or a limit is broken."""

    NOTIFY = "notify"
    """Tell people, and do nothing."""
    SUSPEND = "suspend"
    """Stop the bot until an operator resumes it."""
    STOP = "stop"
    """Stop the bot for some time; it starts again by itself."""
    KILL = "kill"
    """Turn the kill switch of the bot on (of each bot of the account, for an account's limit)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most there may be; `percent`: of equity. `currency` "" holds in each currency by itself."""

    amount: float
    percent: bool = False
    currency: str = ""

    @property
    def text(self) -> str:
        """Return it as a person writes it."""
        if self.percent:
            return f"{self.amount:g}%"
        return f"{self.amount:,.10g}{f' {self.currency}' if self.currency else ''}"


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The limits of one bot or account; None where there is none.

    `daily_loss`: lost since the UTC day began. `drawdown`: a share below the peak of equity. `exposure`: the
    value of all open positions. `order_rate`: orders in a minute.
    """

    daily_loss: Limit | None = None
    drawdown: Limit | None = None
    exposure: Limit | None = None
    order_rate: Limit | None = None
    action: Action = Action.SUSPEND

    def __bool__(self) -> bool:
        return any((self.daily_loss, self.drawdown, self.exposure, self.order_rate))


AUTHOR = "risk limit"
"""By whose word a bot is stopped that broke a limit."""
ALERT_AUTHOR = "alert "
"""What begins by whose word a bot is stopped that an alert rule stops: its name follows."""
NO_LIMITS = RiskLimits()
KINDS = ("daily_loss", "drawdown", "exposure", "order_rate")


def is_rule(author: str) -> bool:
    """Say whether somebody by whose word a bot is stopped is a rule, and no person."""
    return author == AUTHOR or author.startswith(ALERT_AUTHOR)


def risk_errors(document: Document, path: Path, value: Any) -> list[ManifestError]:
    """Return what is wrong with the limits of a `risk:` of sound structure."""
    if not isinstance(value, dict):
        return []
    return [
        error
        for key in KINDS
        if key in value and (error := _limit_error(document, (*path, key), value[key])) is not None
    ]


def _limit_error(document: Document, path: Path, given: object) -> ManifestError | None:
    kind, limit = path[-1], _read(given)
    if limit is None or not limit.amount > 0:
        return document.error(path, f"{named(path)} must be {_EXPECTED[str(kind)]}, not {shown(given)}")
    if kind == "drawdown" and not limit.percent:
        meant = f"{limit.amount * 100:g}%" if limit.amount < 1 else f"{limit.amount:g}%"
        return document.error(path, f"{named(path)} is a share of the peak: write it with %", meant)
    if limit.percent and limit.amount > (100 if kind in ("drawdown", "daily_loss") else 10_000):
        return document.error(path, f"{named(path)} of {quoted(limit.text)} could never be reached")
    if kind == "order_rate" and (limit.percent or limit.currency or limit.amount > MOST_ORDERS):
        return document.error(path, f"{named(path)} must be {_EXPECTED['order_rate']}, not {shown(given)}")
    return None


_EXPECTED = {
    "daily_loss": 'an amount such as 500 or "500 USDT", or a share of equity such as "5%"',
    "drawdown": 'a share such as "10%"',
    "exposure": 'an amount such as 20000 or "20000 USDT", or a share of equity such as "150%"',
    "order_rate": f"a number of orders a minute from 1 to {MOST_ORDERS}",
}


def read_risk(value: Mapping[str, Any]) -> RiskLimits:
    """Return sound limits as values; what is not sound, as an older herdsman took it, is left out."""
    limits = {key: limit for key in KINDS if key in value and (limit := _read(value[key])) is not None}
    action = value.get("action", Action.SUSPEND.value)
    return RiskLimits(**limits, action=Action(action) if action in set(Action) else Action.SUSPEND)


def _read(given: object) -> Limit | None:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    if not isinstance(given, str):
        return Limit(float(given)) if abs(given) < 1e15 else None
    match = _LIMIT.fullmatch(given.strip())
    if match is None:
        return None
    unit = match[2] or ""
    return Limit(float(match[1]), unit == "%", "" if unit == "%" else unit)
