"""Keeps a bot's lease: takes it, renews it in time, remembers where the state is, lets it go."""

import posix
import time

from controller.launcher.fence import LONGEST_CALL, Fence
from controller.launcher.first_file import FirstFile
from controller.launcher.guard import Guard
from controller.launcher.processes import StartFailed
from controller.launcher.surroundings import boottime_file, deadline_file, has_state, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from controller.launcher.lease import Lease

_RELEASE_TIME = 5.0
_RETRY = 1.0
_RETRY_LOCK = 0.1


def now() -> float:
    """Return the launcher's clock: monotonic seconds that also count while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Keeper:
    """One bot's lease over the launcher's life; `held` is false before the first and after a lost one."""

    def __init__(self, order: "dict[str, Any]", lease: "Lease", clock: "Callable[[], float]" = now) -> None:
        self.held = False
        self.entrusted = False
        """Whether the folder here is known to hold the newest state: before that, nothing is recorded."""
        self.settled = False
        """Whether it is recorded that this holder has the state here."""
        self.first_file = FirstFile(order["paths"]["state"])
        self.fence = Fence(order["lease"])
        self._order, self._lease, self._now = order, lease, clock
        self._kill_after = order["lease"]["kill_after"]
        # A lease that the bot holds with us cannot end before it: nobody has to see to that.
        guarded = order["lease"], clock, mark(order), order["allocation"]
        self._guard = None if lease.deadline_free else Guard(*guarded)

    @property
    def reason(self) -> str:
        """Why the last call was refused, for people."""
        return self._lease.reason

    @property
    def retry_after(self) -> float:
        """Seconds between two attempts to take it."""
        return _RETRY_LOCK if self._lease.deadline_free else _RETRY

    @property
    def inherited(self) -> tuple[int, ...]:
        """The descriptors that the bot keeps open, to hold the lease with us."""
        return self._lease.inherited

    @property
    def predecessor_is_dead(self) -> bool:
        """Whether nobody is left here who could end what an earlier launcher of this allocation started."""
        return self._lease.predecessor_is_dead

    def take(self) -> bool:
        """Ask for the lease once."""
        sent = self._now()
        self.entrusted = self.settled = False
        self.held = self._lease.acquire(LONGEST_CALL)
        if self.held:
            self._granted(sent)
        return self.held

    @property
    def lease(self) -> "Lease":
        """The lease itself, for what it remembers of the state."""
        return self._lease

    @property
    def awaits_state(self) -> bool:
        """Whether the state is here, and it is not recorded yet: nothing is, before its first file."""
        return self.held and self.entrusted and not self.settled

    def settle_in_time(self) -> bool:
        """Record it as `settle` does, where the answer cannot come too late for the bot's end."""
        budget = LONGEST_CALL if self._lease.deadline_free else self.fence.budget(self._now())
        return budget > 0 and self.settle(budget)

    def settle(self, longest: float = LONGEST_CALL) -> bool:
        """Record that the state is here, from the first file on; tried again at each renewal."""
        here = self._order["node"]
        if not (self.held and self.entrusted) or self.settled:
            return True
        if self._lease.place or has_state(self._order):
            self.settled = self._lease.settle(here, longest)
            return self.settled
        return True

    def renew_if_due(self) -> None:
        """Renew the lease where it is time to, and where the answer cannot come too late."""
        sent = self._now()
        if not self.held or sent < self.fence.renew_at:
            return
        budget = LONGEST_CALL if self._lease.deadline_free else self.fence.budget(sent)
        if budget <= 0:
            return
        if self._lease.renew(budget):
            self._granted(sent)
            self.settle()
        elif self._lease.revoked:
            self.fence.revoke()
        else:
            self.fence.refused(sent)

    def _granted(self, sent: float) -> None:
        self.fence.granted(sent)
        if self._guard is not None:
            self._guard.extend(self.fence.terminate_at, self.fence.kill_at)
        self._publish(deadline_file(self._order), time.time() + self._kill_after - (self._now() - sent))
        self._publish(boottime_file(self._order), sent + self._kill_after)

    def _publish(self, path: str, deadline: float) -> None:
        """Tell the bot until when it may act; where that fails, the older and safer time stays."""
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_CLOEXEC
        try:
            descriptor = posix.open(path, flags, 0o644)
        except OSError:
            return
        try:  # always as long, so that it is never seen in parts
            posix.pwrite(descriptor, f"{deadline:014.3f}\n".encode(), 0)
        except OSError:
            return
        finally:
            posix.close(descriptor)

    def stand_guard(self) -> None:
        """Have what is started next ended in time though we stand still. Raises StartFailed."""
        if self._guard is not None:
            self._guard.begin(self.fence.terminate_at, self.fence.kill_at)

    def attend_guard(self, ended: dict[int, int]) -> None:
        """Replace a guard that has ended; `ended` are our children's exit codes."""
        if self._guard is None or self._guard.pid not in ended:
            return
        try:
            del ended[self._guard.pid]
            self._guard.begin(self.fence.terminate_at, self.fence.kill_at)
        except StartFailed:  # tried again at the next turn
            ended[self._guard.pid] = 0

    def may_ask(self) -> bool:
        """Return whether the bot is ours to ask to end: False where its guard did so while we stood still."""
        return self._guard is None or self._guard.may_ask()

    def stand_down(self) -> None:
        """Let the guard go: what it guarded has ended."""
        if self._guard is not None:
            self._guard.end()

    def lost(self) -> bool:
        """Return whether the bot must end, because the lease may not be ours for much longer."""
        return self.held and self._now() >= self.fence.terminate_at

    def over(self) -> bool:
        """Return whether the bot must be dead now."""
        return self.held and self._now() >= self.fence.kill_at

    def next_event(self) -> float:
        """Return when the lease next needs attention."""
        return self.fence.next_event(self._now()) if self.held else self._now() + 3600

    def let_go(self) -> bool:
        """Give the lease back, and return whether it was ours; without an answer it expires by itself."""
        if not self.held:
            return False
        self.held = False
        self._lease.release(_RELEASE_TIME)
        return True
