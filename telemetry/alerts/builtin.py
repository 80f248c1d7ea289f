"""The rules that every fleet has without writing any; a rule of the same name takes the place of one.

`alerts: {rules: {new-error: {enabled: false}}}` in `herdsman.yaml`, or in a bot's manifest, leaves one out.
"""

from schemas.alert_rules import AlertRule
from schemas.alerts import Severity
from schemas.conditions import Errs

_ERRORS_FOR = 600.0
"""Seconds for which an error that is new, or came back, is an alert."""

BUILT_IN: tuple[AlertRule, ...] = (
    AlertRule("new-error", Errs("new", 1, _ERRORS_FOR), severity=Severity.WARNING, built_in=True),
    AlertRule("regressed-error", Errs("regressed", 1, _ERRORS_FOR), severity=Severity.WARNING, built_in=True),
)
