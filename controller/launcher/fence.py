"""When to renew a lease, and when the bot must be gone: times only, no clock and no I/O.

All times are seconds of one monotonic clock. The lease counts from the moment at which the last good
renewal was *sent*: the store cannot have begun to count earlier.
"""

RETRY = 1.0
"""Seconds between renewals after a failed one."""
LONGEST_CALL = 3.0
_MARGIN = 0.05
_NOTHING = 60.0


class Fence:
    """The deadlines of one held lease (`times`: the order's `lease` object)."""

    def __init__(self, times: dict[str, float]) -> None:
        self._renew_every = times["renew_every"]
        self._terminate_after = times["terminate_after"]
        self._kill_after = times["kill_after"]
        self._good = self._asked = 0.0
        self._failing = False

    def granted(self, sent: float) -> None:
        """Count anew from a good acquisition or renewal that was sent at `sent`."""
        self._good = self._asked = sent
        self._failing = False

    def refused(self, sent: float) -> None:
        """Remember a renewal that failed; the deadlines stay."""
        self._asked = sent
        self._failing = True

    def revoke(self) -> None:
        """Let every deadline be past: the lease is known to be lost, and another copy may live already."""
        self._good = self._asked = float("-inf")

    @property
    def renew_at(self) -> float:
        """When the next renewal is due."""
        return self._asked + (min(RETRY, self._renew_every) if self._failing else self._renew_every)

    @property
    def terminate_at(self) -> float:
        """When the bot gets SIGTERM, unless a renewal comes first."""
        return self._good + self._terminate_after

    @property
    def kill_at(self) -> float:
        """When the bot gets SIGKILL: before the lease can have ended."""
        return self._good + self._kill_after

    def budget(self, now: float) -> float:
        """Return how long a renewal sent now may take without delaying a signal; 0 where it may not."""
        ends = self.terminate_at if now < self.terminate_at else self.kill_at
        room = ends - now - _MARGIN
        return min(LONGEST_CALL, room) if room > _MARGIN else 0.0

    def next_event(self, now: float) -> float:
        """Return the earliest moment, not before now, at which something is to be done."""
        due = [moment for moment in (self.terminate_at, self.kill_at) if moment > now]
        renewal = max(now, self.renew_at)
        if self.budget(renewal) > 0:
            due.append(renewal)
        return min(due, default=now + _NOTHING)
