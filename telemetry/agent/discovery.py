"""Which allocations there are: new ones must get labels and logs first, gone ones are read out."""

import contextlib
import logging
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from telemetry.agent.allocation import LOGS, Allocation, Stream, read_labels
from telemetry.agent.checkpoint import Places
from telemetry.agent.claims import Claims
from telemetry.agent.inotify import Changes, LimitReached, Watcher
from telemetry.agent.opening import opened
from telemetry.agent.tail import Place

_FIRST_CHECK = 0.02
_LONGEST_CHECK = 5.0
_LIST_EVERY = 1.0
_LIST_WATCHED_EVERY = 5.0
_LOOK_ALL_WITHIN = 30
"""Seconds in which every allocation is looked at once, in case a change was not told."""
_DRAIN_EVERY = 0.2
_SAY_AGAIN_EVERY = 30.0
_LOOK_AT_RUNNING_EVERY = 2.0
"""Seconds between two looks whether launchers that reported no end are dead all the same."""
_log = logging.getLogger("herdsman.agent")


@dataclass(slots=True)
class _Waiting:
    """A folder that has no labels or no logs yet."""

    folder: Path
    check_at: float
    delay: float = _FIRST_CHECK


class Discovery:
    """The allocations below a folder, and which of their streams changed."""

    def __init__(self, root: Path, watcher: Watcher, fleet: str, places: Places) -> None:
        self.allocations: dict[str, Allocation] = {}
        self._root = root
        self._watcher = watcher
        self._fleet = fleet
        self._places = dict(places)
        self._claims = Claims(places)
        self._waiting: dict[str, _Waiting] = {}
        self._others: set[str] = set()
        self._by_folder: dict[str, Allocation] = {}
        self._unwatched: dict[str, Allocation] = {}
        self._changed: dict[int, tuple[Allocation, Stream]] = {}
        self._root_watched = False
        self._list_at = 0.0
        self._drain_at = 0.0
        self._say_again_at = 0.0
        self._look_at = 0.0
        self._look_at_running = 0.0
        self._turn: list[Allocation] = []
        self._share = 0
        _raise_file_limit()

    def is_waiting(self, allocation: str) -> bool:
        """Tell whether a folder of that name is there and not followed yet."""
        return allocation in self._waiting or (
            allocation not in self.allocations
            and allocation not in self._others
            and (self._root / allocation).is_dir()
        )

    def look_at_all(self) -> None:
        """Look at every folder, whatever was told of changes."""
        self._list()
        now = time.monotonic()
        for waiting in self._waiting.values():
            waiting.check_at = now
        self._check_waiting(now)
        for allocation in list(self.allocations.values()):
            self.discover(allocation)

    def look(self, changes: Changes, now: float) -> None:
        """Follow what was told of changes."""
        for folder, name in changes.files:
            self._file_changed(folder, name)
        for folder in changes.folders:
            self._folder_changed(folder, now)
        if now >= self._list_at:
            self._list()
        self._check_waiting(now)
        for allocation in self._unwatched.values():
            self.discover(allocation)
        self._look_at_some(now)

    def _look_at_some(self, now: float) -> None:
        """Look at a part of the allocations each second."""
        if now < self._look_at:
            return
        self._look_at = now + 1.0
        if not self._turn:
            self._turn = list(self.allocations.values())
            self._share = -(-len(self._turn) // _LOOK_ALL_WITHIN)
        for _ in range(min(self._share, len(self._turn))):
            self.discover(self._turn.pop())

    def discover(self, allocation: Allocation) -> None:
        """Open new files of an allocation, and note all its streams as changed."""
        allocation.discover()
        for stream in allocation.streams.values():
            self._changed[id(stream)] = (allocation, stream)

    def take_changed(self) -> list[tuple[Allocation, Stream]]:
        """Return the streams that changed since the last call."""
        changed = list(self._changed.values())
        self._changed.clear()
        return changed

    def newly_drained(self, now: float, over: Callable[[Allocation], bool]) -> Iterator[Allocation]:
        """Yield allocations that are drained, again now and then: who was told may have forgotten it.

        Looks only every so often. Those whose folder is gone are let go of.
        """
        if now < self._drain_at:
            return
        self._drain_at = now + _DRAIN_EVERY
        look_at_running = now >= self._look_at_running
        if look_at_running:
            self._look_at_running = now + _LOOK_AT_RUNNING_EVERY
        if now >= self._say_again_at:
            self._say_again_at = now + _SAY_AGAIN_EVERY
            for allocation in self.allocations.values():
                allocation.said_drained = False
        for name, allocation in list(self.allocations.items()):
            if allocation.in_flight or (allocation.said_drained and not allocation.gone):
                continue
            if not allocation.gone and ((allocation.pid and not look_at_running) or not over(allocation)):
                continue
            if allocation.unread():
                continue
            if allocation.gone:
                self._let_go(name, allocation)
            if not allocation.said_drained:
                allocation.said_drained = True
                yield allocation

    def places(self) -> Places:
        """Return how far everything was acknowledged."""
        followed = {name: dict(one.acknowledged) for name, one in self.allocations.items()}
        return {**self._places, **followed}

    def close(self) -> None:
        """Close all files."""
        for allocation in self.allocations.values():
            allocation.close()

    def _list(self) -> None:
        """See which allocations came and went."""
        self._list_at = time.monotonic() + (_LIST_WATCHED_EVERY if self._root_watched else _LIST_EVERY)
        try:
            names = set(os.listdir(self._root))  # noqa: PTH208 - a fifth of the cost, with 10,000 of them
        except FileNotFoundError:
            names = set()
        except OSError as error:
            # Not being able to look says nothing about what is there.
            _log.warning("%s cannot be listed: %s", self._root, error.strerror)
            return
        if not self._root_watched and names:
            with contextlib.suppress(LimitReached):
                self._root_watched = self._watcher.watch(self._root)
        for name in names - self.allocations.keys() - self._waiting.keys() - self._others:
            self._waiting[name] = _Waiting(self._root / name, 0.0)
        for name in self.allocations.keys() - names:
            self.allocations[name].gone = True
        for name in self._waiting.keys() - names:
            self._watcher.unwatch(self._waiting.pop(name).folder / "alloc")
        self._others &= names
        for name in self._places.keys() - names:
            del self._places[name]

    def _check_waiting(self, now: float) -> None:
        for name, waiting in list(self._waiting.items()):
            if now < waiting.check_at:
                continue
            if self._follow(name, waiting.folder):
                del self._waiting[name]
            else:
                with contextlib.suppress(LimitReached):
                    self._watcher.watch(waiting.folder / "alloc")
                waiting.check_at = now + waiting.delay
                waiting.delay = min(waiting.delay * 1.5, _LONGEST_CHECK)

    def _follow(self, name: str, folder: Path) -> bool:
        """Begin to follow an allocation that has labels and logs; True where it needs no more waiting."""
        labels = read_labels(folder)
        if labels is None or not _has_logs(folder):
            return False
        self._watcher.unwatch(folder / "alloc")
        if self._fleet and labels.fleet != self._fleet:
            self._others.add(name)
            return True
        known: Mapping[str, Place] = self._places.pop(name, {})
        allocation = self.allocations[name] = Allocation(folder, labels, known, self._claims)
        self._by_folder[str(allocation.logs)] = allocation
        try:
            self._watcher.watch(allocation.logs)
        except LimitReached as error:
            _log.warning("%s. Until then the bot %s is polled", error.strerror, labels.bot)
            self._unwatched[name] = allocation
        self.discover(allocation)
        return True

    def _let_go(self, name: str, allocation: Allocation) -> None:
        self._watcher.unwatch(allocation.logs)
        self._by_folder.pop(str(allocation.logs), None)
        self._unwatched.pop(name, None)
        allocation.close()
        self._claims.forget(name)
        del self.allocations[name]

    def _file_changed(self, folder: str, name: str) -> None:
        allocation = self._by_folder.get(folder)
        if allocation is not None:
            parts = name.rsplit(".", 2)
            stream = allocation.streams.get(parts[1]) if len(parts) == 3 else None
            if stream is None:
                self.discover(allocation)
            else:
                self._changed[id(stream)] = (allocation, stream)

    def _folder_changed(self, folder: str, now: float) -> None:
        if folder == str(self._root):
            self._list_at = 0.0
        elif folder in self._by_folder:
            self.discover(self._by_folder[folder])
        else:
            waiting = self._waiting.get(Path(folder).parent.name)
            if waiting is not None:
                waiting.check_at, waiting.delay = now, _FIRST_CHECK


def _has_logs(folder: Path) -> bool:
    try:
        with opened(folder, *LOGS):
            return True
    except OSError:
        return False


def _raise_file_limit() -> None:
    """Let this process hold as many files open as the system allows: three a bot."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
