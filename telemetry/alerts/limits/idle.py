"""Limits that guard nothing: nothing that their bot prints could ever break them. Pure.

Each is told with one of the reasons below, which docs/alerts.md describes with what to do.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from schemas.risk import Limit, RiskLimits
from telemetry.alerts.limits.breaches import WORDS

AFTER = 900.0
"""Seconds that a bot must run under its limits before it is told what it never printed."""
_KINDS = ("daily_loss", "drawdown", "exposure")
_MOST_NAMED = 5


class Idle(StrEnum):
    """Why a limit guards nothing."""

    NOTHING_PRINTED = "NothingPrinted"
    NO_EQUITY = "NoEquity"
    OTHER_CURRENCY = "OtherCurrency"
    OTHER_ACCOUNT = "OtherAccount"


@dataclass(frozen=True, slots=True)
class Printed:
    """One part of what was printed: of which account and currency ("" where none was named)."""

    account: str
    currency: str
    equity: bool
    """Whether any equity was."""


def idle_limits(limits: RiskLimits, printed: Collection[Printed]) -> list[str]:
    """Return each limit that guards nothing by what was printed, with its reason in words."""
    found = []
    for kind in _KINDS:
        limit: Limit | None = getattr(limits, kind)
        why = _why(kind, limit, printed) if limit is not None else None
        if limit is not None and why is not None:
            found.append(f"{WORDS[kind]} {limit.text}: {why[0]}, {why[1]}")
    return found


def other_account(account: str, printed: Collection[Printed]) -> str:
    """Return why no limit of an account sees a bot of it, "" where its lines name the account, or none."""
    if not printed or any(one.account in ("", account) for one in printed):
        return ""
    return f"{Idle.OTHER_ACCOUNT}, its lines name {_named(one.account for one in printed)}, and no {account}"


def _why(kind: str, limit: Limit, printed: Collection[Printed]) -> tuple[Idle, str] | None:
    if not printed:
        return Idle.NOTHING_PRINTED, "no equity, fill or position was printed yet"
    unnamed = limit.currency if len(printed) == 1 else ""
    fits = [one for one in printed if limit.currency in ("", one.currency or unnamed)]
    if not fits:
        others = _named(one.currency or "no currency" for one in printed)
        return Idle.OTHER_CURRENCY, f"what was printed is in {others}, and nothing in {limit.currency}"
    if (kind == "drawdown" or limit.percent) and not any(one.equity for one in fits):
        return Idle.NO_EQUITY, "no equity was printed, and it is a share of that"
    return None


def _named(words: Iterable[str]) -> str:
    known = sorted(set(words))
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    return ", ".join(one[:40] for one in known[:_MOST_NAMED]) + more
