"""The newest warnings and errors of this process's own log, kept in memory for the system page."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from web.documents.system import SystemNote

MOST = 100
_LONGEST = 500


class RecentNotes(logging.Handler):
    """A log handler that keeps the newest notes; one that comes again counts up and moves to the front."""

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        super().__init__(logging.WARNING)
        self._most = most
        self._clock = clock
        self._notes: OrderedDict[tuple[str, str, str], SystemNote] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record; called by `logging` under this handler's lock, from any thread."""
        message = " ".join(record.getMessage().split())[:_LONGEST]
        if record.exc_info and record.exc_info[1] is not None:
            message = f"{message} ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"[:_LONGEST]
        key = (record.levelname, record.name, message)
        now = self._clock()
        known = self._notes.pop(key, None)
        times, first = (known.times + 1, known.first) if known else (1, now)
        self._notes[key] = SystemNote(now, record.levelname.lower(), record.name, message, times, first)
        if len(self._notes) > self._most:
            self._notes.popitem(last=False)

    def newest(self) -> list[SystemNote]:
        """Return what is kept, the newest first."""
        self.acquire()
        try:
            return list(reversed(self._notes.values()))
        finally:
            self.release()
