"""What holds for every test."""

import os
from collections.abc import Generator

import pytest
from _pytest._code.code import ExceptionChainRepr, ReprEntry
from hypothesis import HealthCheck, settings

# A property holds or not, on whatever machine: how long an example takes is no part of it. Every run has the
# same examples, so that no change is refused for what another one brought; EXAMPLES=n looks for others.
_EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
settings.register_profile(
    "any machine",
    parent=settings(),
    deadline=None,
    derandomize=not _EXAMPLES,
    database=None,
    max_examples=_EXAMPLES or settings().max_examples,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

_MOST_LINES = 24
_LONGEST_LINE = 300


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say in a few lines what failed: a log of many failures is kept in part only, and each must be in it."""
    report = yield
    if isinstance(report.longrepr, ExceptionChainRepr):
        for traceback, _, _ in report.longrepr.chain:
            for entry in traceback.reprentries:
                if isinstance(entry, ReprEntry):
                    entry.lines[:] = _shortened(entry.lines)
    return report


def _shortened(lines: list[str]) -> list[str]:
    half = _MOST_LINES // 2
    if len(lines) > _MOST_LINES:
        lines = [*lines[:half], f"E   ... {len(lines) - 2 * half} lines ...", *lines[-half:]]
    return [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..." for line in lines]
