"""A limit on failed sign-ins, per client address."""

from collections import OrderedDict, deque
from collections.abc import Callable

_MOST_ADDRESSES = 10_000


class Throttle:
    """Counts wrong credentials: after `most` within `window` seconds an address is told to wait.

    A right credential always gets through. Our secrets cannot be guessed at any rate; the limit keeps a
    misconfigured client from filling logs, and must not let it lock out everybody behind its address
    (on one machine that is 127.0.0.1: the operator too).
    """

    def __init__(self, clock: Callable[[], float], most: int = 20, window: float = 60.0) -> None:
        self._clock = clock
        self._most = most
        self._window = window
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def failed(self, address: str) -> float:
        """Count a wrong credential; return the seconds to wait, 0 while the address is within its limit."""
        now = self._clock()
        times = self._failures.setdefault(address, deque(maxlen=self._most))
        self._failures.move_to_end(address)
        while len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)
        oldest = times[0] if len(times) == self._most else None
        if oldest is not None and now - oldest < self._window:
            return self._window - (now - oldest)
        times.append(now)
        return 0.0
