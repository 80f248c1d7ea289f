"""The series of log rules are nobody else's."""

from schemas.log_rules import PREFIX
from telemetry.metric_types import METRIC_TYPES
from telemetry.names import all_series


def test_no_series_of_ours_begins_as_those_of_rules_do() -> None:
    """So that no rule, whatever its name, can write into a series of herdsman's or of a type's own."""
    assert [name for name in all_series() if name.startswith(PREFIX)] == []
    assert "log" not in METRIC_TYPES
