"""A build's log as it is written: on disk at once, of bounded size, without what is only of this machine."""

import re
from collections import deque
from pathlib import Path

from gitops.process import scrub

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LONGEST_LINE = 4000


class BuildLog:
    """Writes lines to a file: the first `half` bytes as they come, the last `half` at the end.

    The path of the program's folder `program`, and of the one around it, are left out of every line.
    """

    def __init__(self, path: Path, program: Path, half: int = 512 * 1024) -> None:
        self._file = path.open("w", encoding="utf-8", errors="replace")
        self._shown = {f"{program}/": "", f"{program}": ".", f"{program.parent}/": ""}
        self._half = half
        self._written = 0
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._left_out = 0
        self.lines: deque[str] = deque(maxlen=5000)
        """The newest lines, from which the reason of a failure is read."""

    def write(self, text: str) -> str:
        """Take one line and return it as it is kept."""
        line = _COLOURS.sub("", scrub(text.rstrip()))
        for path, shown in self._shown.items():
            line = line.replace(path, shown)
        line = line[:_LONGEST_LINE]
        self.lines.append(line)
        if self._written < self._half:
            self._written += self._file.write(f"{line}\n")
            self._file.flush()
            return line
        self._tail.append(line)
        self._tail_size += len(line) + 1
        while self._tail_size > self._half:
            self._tail_size -= len(self._tail.popleft()) + 1
            self._left_out += 1
        return line

    def close(self) -> None:
        """Write what was kept back."""
        if self._left_out:
            self._file.write(f"[... {self._left_out:,} lines are left out here ...]\n")
        self._file.writelines(f"{line}\n" for line in self._tail)
        self._file.close()
