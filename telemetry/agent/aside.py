"""Readings that may hang for ever (a dead network disk, a process that waits for one), in threads aside.

A thread that hangs in the kernel can be neither ended nor waited for: it is left behind, another one takes
its place, and nothing more is read where it hangs. So at most one thread is lost to each place, few in all.
What is slow and may yet hang is relieved sooner, where several threads are wanted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

_PATIENCE = 5.0
_MOST_HANGING = 8
_log = logging.getLogger("herdsman.agent")


@dataclass(slots=True, eq=False)
class _Job(Generic[K, T]):
    key: K
    place: str
    work: Callable[[], T]
    began: float = 0.0


class Aside(Generic[K, T]):
    """Does work in daemon threads of its own: `at_once` of them where nothing hangs.

    Work that takes longer than `patience` seconds hangs. `place` names where it may: nothing more is done
    there until it is back. What takes longer than `relief` seconds (`patience`, where it is not given) keeps
    no other work waiting: another thread does that. With `most` such threads all work waits for one of them.
    """

    def __init__(
        self,
        patience: float = _PATIENCE,
        most: int = _MOST_HANGING,
        clock: Callable[[], float] = time.monotonic,
        *,
        at_once: int = 1,
        relief: float | None = None,
    ) -> None:
        self._patience, self._most, self._clock = patience, most, clock
        self._at_once, self._relief = at_once, patience if relief is None else relief
        self._changed = threading.Condition()
        self._waiting: deque[_Job[K, T]] = deque()
        self._asked: set[K] = set()
        self._running: dict[_Job[K, T], None] = {}
        self._threads = 0
        self._done: list[tuple[K, T]] = []
        self._spent = 0.0
        self._closed = False
        self._failed = False

    def ask(self, key: K, place: str, work: Callable[[], T]) -> None:
        """Have work done, unless the same key waits already, or its place hangs."""
        with self._changed:
            if key in self._asked or self._hangs(place) is not None:
                return
            self._asked.add(key)
            self._waiting.append(_Job(key, place, work))
            self._staff()

    def take(self) -> list[tuple[K, T]]:
        """Return what was done since the last look, and put a thread in the place of one that hangs."""
        with self._changed:
            done, self._done = self._done, []
            self._staff()
            return done

    def hangs(self, place: str) -> float | None:
        """Return for how many seconds a place hangs, None where it does not."""
        with self._changed:
            return self._hangs(place)

    def is_full(self) -> bool:
        """Whether all threads that there may be hang: no other work is done until one is back."""
        with self._changed:
            return self._slower_than(self._patience) >= self._most

    def spent(self) -> float:
        """Return the seconds of CPU time that the work took since this was asked last."""
        with self._changed:
            spent, self._spent = self._spent, 0.0
            return spent

    def close(self) -> None:
        """Let the threads end; those that hang end with the process."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _hangs(self, place: str) -> float | None:
        now = self._clock()
        ages = [now - job.began for job in self._running if job.place == place]
        return next((age for age in ages if age >= self._patience), None)

    def _slower_than(self, seconds: float) -> int:
        now = self._clock()
        return sum(now - job.began >= seconds for job in self._running)

    def _staff(self) -> None:
        wanted = min(self._at_once + self._slower_than(self._relief), self._most)
        idle = self._threads - len(self._running)
        while not self._closed and self._threads < wanted and idle < len(self._waiting):
            self._threads += 1
            idle += 1
            threading.Thread(target=self._run, name=f"aside-{self._threads}", daemon=True).start()
        self._changed.notify()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            began = time.thread_time()
            try:
                result: list[tuple[K, T]] = [(job.key, job.work())]
            except Exception:  # noqa: BLE001 - one bot's reading must not cost the others theirs
                result = []
                self._say(job.key)
            with self._changed:
                self._spent += time.thread_time() - began
                self._running.pop(job)
                self._asked.discard(job.key)
                self._done += result

    def _next(self) -> _Job[K, T] | None:
        """Return the next work, None where this thread is to end."""
        with self._changed:
            while True:
                if self._closed or self._threads - self._slower_than(self._relief) > self._at_once:
                    self._threads -= 1
                    return None
                while self._waiting:
                    job = self._waiting.popleft()
                    if self._hangs(job.place) is None:
                        job.began = self._clock()
                        self._running[job] = None
                        return job
                    self._asked.discard(job.key)
                self._changed.wait()

    def _say(self, key: K) -> None:
        if not self._failed:
            _log.exception("a reading of %s failed; said once", key)
        self._failed = True
