"""The rules that every fleet has without writing any; a rule of the same name takes the place of one.

`alerts: {rules: {new-error: {enabled: false}}}` in `herdsman.yaml`, or in a bot's manifest, leaves one out.
"""

from dataclasses import replace

from schemas.alert_rules import AlertRule, Selector
from schemas.alerts import Severity
from schemas.conditions import Errs, IsJudged

_ERRORS_FOR = 600.0
"""Seconds for which an error that is new, or came back, is an alert."""

_STEADY_FOR = 15.0
"""Seconds that a bot must live as it should before that is told."""
_LAST_LINES = 10.0
"""Seconds in which the last lines of a bot that ended may still tell that it closed all."""

_BACK_FOR = 120.0
"""Seconds that a bot must be back: one in a crash loop is for a moment, again and again."""

LEFT_OPEN = AlertRule(
    "left-open",
    IsJudged(("left_open",)),
    hold=_LAST_LINES,
    recover_for=_BACK_FOR,
    severity=Severity.CRITICAL,
    built_in=True,
)
"""A bot ended and left a position or an order open."""
_LEFT_OPEN_DRY = replace(LEFT_OPEN, severity=Severity.WARNING, select=Selector(modes=("dry",)))
"""The same of one that trades on paper: nobody's money is open."""

BUILT_IN: tuple[AlertRule, ...] = (
    AlertRule("new-error", Errs("new", 1, _ERRORS_FOR), severity=Severity.WARNING, built_in=True),
    AlertRule("regressed-error", Errs("regressed", 1, _ERRORS_FOR), severity=Severity.WARNING, built_in=True),
    AlertRule(
        "not-trading",
        IsJudged(("not_trading",)),
        recover_for=_STEADY_FOR,
        severity=Severity.WARNING,
        built_in=True,
    ),
    AlertRule(
        "hung", IsJudged(("hung",)), recover_for=_STEADY_FOR, severity=Severity.CRITICAL, built_in=True
    ),
    AlertRule(
        "stream-lost",
        IsJudged(("unheard",)),
        recover_for=_STEADY_FOR,
        severity=Severity.CRITICAL,
        built_in=True,
    ),
    LEFT_OPEN,
    _LEFT_OPEN_DRY,
    AlertRule(
        "limit-guards-nothing",
        IsJudged(("unguarded",)),
        recover_for=_STEADY_FOR,
        severity=Severity.WARNING,
        built_in=True,
    ),
)


def left_open_rule(mode: str) -> AlertRule:
    """Return the rule that tells what a bot of a mode left open."""
    return _LEFT_OPEN_DRY if mode == "dry" else LEFT_OPEN
