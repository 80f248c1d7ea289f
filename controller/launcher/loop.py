"""The launcher's only wait: signals, the parent's death, ended processes, output, lease and kill switch."""

import _signal  # type: ignore[import-not-found]  # `signal` imports enum, half a megabyte
import posix
import select

from controller.launcher.keeper import Keeper, now
from controller.launcher.kill_switch import KillSwitch
from controller.launcher.processes import SIGINT, SIGTERM, reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from controller.launcher.streams import Pump

_SIGCHLD = 17
_LONGEST = 60.0
_BLOCKED = 1.0
"""Seconds between attempts to write to a full disk."""
_RETRY_STATE = 1.0
"""Seconds between attempts to record where the state is."""


class Loop:
    """One poll loop over everything that can happen to a launcher.

    `stop` becomes true for good at SIGTERM, at SIGINT, and when `parent` (a process id, 0 for none) is gone.
    `ended` collects the exit codes of our children by process id, negative for a signal.
    """

    def __init__(self, keeper: Keeper, parent: int, switch: KillSwitch) -> None:
        self.stop = False
        self.ended: dict[int, int] = {}
        self._keeper, self._parent, self._switch = keeper, parent, switch
        self._pumps: list[Pump] = []
        self._heard: set[int] = set()
        self._new_file = False
        self._record_at = 0.0
        """When recording it is tried again; 0 for not by time."""
        self._poll = select.poll()
        self._hear_signals()
        self._watch_parent()

    def _hear_signals(self) -> None:
        self._woken, waking = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
        _signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        for number in (SIGTERM, SIGINT):
            _signal.signal(number, self._asked_to_stop)
        _signal.signal(_SIGCHLD, lambda _number, _frame: None)  # only wakes the poll
        _signal.signal(_signal.SIGIO, self._told_of_a_file)
        self._poll.register(self._woken, select.POLLIN)

    def _asked_to_stop(self, _number: int, _frame: object) -> None:
        self.stop = True

    def _told_of_a_file(self, _number: int, _frame: object) -> None:
        self._new_file = True

    def _watch_parent(self) -> None:
        if not self._parent:
            return
        try:
            self._poll.register(posix.pidfd_open(self._parent), select.POLLIN)
        except OSError:
            self.stop = True

    def carry(self, pumps: "list[Pump]") -> None:
        """Carry these streams in every turn, until the next call."""
        for pump in self._pumps:
            self._listen(pump, wanted=False)
        self._pumps = pumps
        for pump in pumps:
            self._listen(pump, wanted=True)

    def carry_also(self, pump: "Pump") -> None:
        """Carry one stream more, until the next `carry` or `finish_streams`."""
        self._pumps = [*self._pumps, pump]
        self._listen(pump, wanted=True)

    def _listen(self, pump: "Pump", *, wanted: bool) -> None:
        """Let a stream wake the poll, or not: one that has ended would wake it without end."""
        if wanted and pump.reading not in self._heard:
            self._heard.add(pump.reading)
            self._poll.register(pump.reading, select.POLLIN)
        elif not wanted and pump.reading in self._heard:
            self._heard.discard(pump.reading)
            self._poll.unregister(pump.reading)

    def finish_streams(self) -> None:
        """Carry the rest of the streams, whose writers are all gone, and let go of them."""
        pumps = self._pumps
        self.carry([])
        for pump in pumps:
            pump.finish()

    def turn(self, until: float) -> None:
        """Wait until something happens, at most until a moment of `keeper.now()`, and see to it."""
        moment = now()
        due = [self._keeper.next_event(), self._switch.next_event(moment), moment + self._longest()]
        due += [self._record_at] if self._record_at else []
        wait = max(0.0, min(until, *due) - moment)
        for descriptor, _ in self._poll.poll(wait * 1000 + (1 if wait else 0)):
            if descriptor == self._woken:
                posix.read(descriptor, 4096)
        for pump in self._pumps:
            self._move(pump)
        self.ended.update(reap())
        if self._parent and posix.getppid() != self._parent:
            self.stop = True
        self._keeper.renew_if_due()
        self._attend_state()
        self._attend_switch()

    def _attend_state(self) -> None:
        """Record where the state is once there is any: a node that is lost before takes it along."""
        first, moment = self._keeper.first_file, now()
        if not self._keeper.awaits_state:
            first.forget()
            self._record_at = 0.0
        elif self._new_file or not first.watching or 0 < self._record_at <= moment:
            self._new_file = False
            first.watch()  # before we look, so that nothing comes unseen between the two
            self._record_at = 0.0 if self._keeper.settle_in_time() else moment + _RETRY_STATE

    def _attend_switch(self) -> None:
        """Hear of the kill switch, and let the poll wake for what comes next of it."""
        if self._switch.reading >= 0 and self._switch.reading in self._heard:
            self._heard.discard(self._switch.reading)
            self._poll.unregister(self._switch.reading)
        self._switch.attend(now())
        if self._switch.reading >= 0:
            self._heard.add(self._switch.reading)
            self._poll.register(self._switch.reading, select.POLLIN)

    def _longest(self) -> float:
        return _BLOCKED if any(pump.blocked for pump in self._pumps) else _LONGEST

    def _move(self, pump: "Pump") -> None:
        pump.move()
        self._listen(pump, wanted=not (pump.blocked or pump.ended))

    def pause(self, seconds: float) -> None:
        """Let time pass, less where we are asked to stop."""
        ends = now() + seconds
        while not self.stop and now() < ends:
            self.turn(ends)
