"""A bound on the processor time of work whose amount somebody else decides.

Processor time of this thread, not time on the wall: a machine that is slow or asleep refuses nobody's
document.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Limit(threading.local):
    ends = math.inf
    calls = 0


_limit = _Limit()


class TooCostly(Exception):
    """The work has used up its processor time."""


@contextmanager
def processor_time(seconds: float) -> Iterator[None]:
    """Bound the work inside that calls `check_time`; an outer bound is never widened."""
    before = _limit.ends
    _limit.ends = min(before, time.thread_time() + seconds)
    try:
        yield
    finally:
        _limit.ends = before


def check_time() -> None:
    """Raise TooCostly once the time of the innermost `processor_time` is used up.

    Meant for inner loops: the clock is read at every 16th call only.
    """
    _limit.calls += 1
    if _limit.calls % 16 == 0 and time.thread_time() > _limit.ends:
        raise TooCostly
