"""Which limits some numbers break, in words; and the rules that stand for limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.alert_rules import AlertRule
from schemas.alerts import Severity
from schemas.conditions import Breaks
from schemas.risk import KINDS, Limit, RiskLimits
from telemetry.alerts.limits.part import Numbers

OF_BOT, OF_ACCOUNT = "risk", "account"
"""What the names of the rules begin with that stand for limits of a bot, and of its account."""
WORDS = {"daily_loss": "daily loss", "drawdown": "drawdown", "exposure": "exposure", "order_rate": "orders"}


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that is broken: which, by what, in words."""

    kind: str
    value: float
    text: str
    times: float = 1.0
    """The value over the limit."""


def limit_rules(limits: RiskLimits, whose: str) -> list[AlertRule]:
    """Return the rules that stand for some limits: critical, with the limits' own action."""
    return [
        AlertRule(
            rule_name(whose, kind),
            Breaks(rule_name(whose, kind)),
            severity=Severity.CRITICAL,
            action=limits.action,
            risk=True,
        )
        for kind in KINDS
        if getattr(limits, kind) is not None
    ]


def rule_name(whose: str, kind: str) -> str:
    """Return the name of a limit's rule."""
    return f"{whose}-{kind.replace('_', '-')}"


def breaches(
    limits: RiskLimits,
    numbers: Iterable[Numbers],
    rate: int,
    accepted: Mapping[tuple[str, str], float],
    of: str,
) -> list[Breach]:
    """Return the limits that are broken, in each currency by itself; `of` ends the words."""
    parts = list(numbers)
    found = [
        breach
        for one in parts
        for kind in ("daily_loss", "drawdown", "exposure")
        if _fits(getattr(limits, kind), one, alone=len(parts) == 1)
        and (breach := _breach(limits, kind, one, accepted.get((one.account, one.currency), 0.0), of))
        is not None
    ]
    most = limits.order_rate
    if most is not None and rate > most.amount:
        found.append(
            Breach("order_rate", rate, f"{rate} orders in a minute, over the limit of {most.text}{of}")
        )
    return found


def _fits(limit: Limit | None, one: Numbers, *, alone: bool) -> bool:
    """Say whether a limit is of a currency; one that no line names, where it is the only one."""
    return limit is not None and limit.currency in ("", one.currency or (limit.currency if alone else None))


def _breach(limits: RiskLimits, kind: str, one: Numbers, accepted: float, of: str) -> Breach | None:
    limit: Limit = getattr(limits, kind)
    value = {"daily_loss": one.loss, "drawdown": one.drawdown, "exposure": one.exposure}[kind]
    most = _most(limit, kind, one)
    if value is None or most is None or not value > max(most, accepted if kind == "exposure" else 0.0):
        return None
    said = f"{value * 100:.2f}%" if kind == "drawdown" else _amount(value, one.currency)
    text = f"{WORDS[kind]} of {said} is over the limit of {limit.text}{of}"
    return Breach(kind, value, text, value / most if most > 0 else 1.0)


def _most(limit: Limit, kind: str, one: Numbers) -> float | None:
    """Return what a limit comes to; None where it is of an equity that is not known."""
    if not limit.percent:
        return limit.amount
    if kind == "drawdown":
        return limit.amount / 100
    base = one.day_equity if kind == "daily_loss" else one.equity
    return base * limit.amount / 100 if base is not None and base > 0 else None


def _amount(value: float, currency: str) -> str:
    return f"{value:,.2f}{f' {currency}' if currency else ''}"
