"""What `herdsman deploy` says of a bot that does not get healthy."""

from msgspec.structs import replace

from cli.deployment.arrival import standing_of
from tests.unit.cli.test_status import bot


def test_an_old_version_that_runs_on_is_not_taken_for_the_new_one() -> None:
    """Where the new version does not build, its error comes first, and what runs is said beside it."""
    said = standing_of(bot("OutOfSync", "Healthy", "BuildFailed", "The build failed: no main"), "1.0.1")
    assert said == "The build failed: no main\n  1.0.0 runs on (healthy)"


def test_a_bot_that_is_not_well_says_how_it_is() -> None:
    """The version that was deployed is there: its own health and reason are told."""
    crashed = bot("Synced", "Degraded", "CrashLoop", "crashed 5 times in 4 min")
    assert standing_of(crashed, "1.0.0") == "it is degraded: crashed 5 times in 4 min"
    assert standing_of(replace(crashed, message=""), "1.0.0") == "it is degraded: CrashLoop"
