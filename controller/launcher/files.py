"""Log files rotated by size, in the layout that Nomad's log collector writes: `<task>.<stream>.<n>`."""

import posix

_SLACK = 1024 * 1024
"""How far beyond its size a file may grow so that a line is not cut in two: the longest line there is."""
_MOST_MESSAGE = 20
"""Lines that may follow the first one of an exception's message."""
_MOST_AFTER = 3
"""Records that may follow the trace of an exception that ended the bot."""
_ODD = frozenset((40, 21, 6, 13))
"""Errors of a link, a folder, a pipe without a reader and another's file: ELOOP, EISDIR, ENXIO, EACCES."""
_TYPE, _PLAIN = 0o170000, 0o100000
"""`stat.S_IFMT` and `stat.S_IFREG`, without the module."""


class LogFile:
    """One rotated stream, `<folder>/<name>.<n>`; a new life continues the newest file."""

    def __init__(self, folder: str, name: str, size: int, keep: int) -> None:
        self._folder, self._name, self._size, self._keep = folder, name, size, keep
        self._open(max(indices(folder, name), default=0))

    def _open(self, index: int) -> None:
        """Write into the file of an index from now on: one of ours, or a new one of the next index.

        The bot may write into this folder as well. What it put under a name of ours, such as a pipe that
        nobody reads or a link to another's file, is never opened.
        """
        while True:
            try:
                self._descriptor = _appended(self._path(index))
                break
            except NotOurs:
                index += 1
        self._index = index
        self._written = posix.fstat(self._descriptor).st_size
        self._at_line_end = True

    def _path(self, index: int) -> str:
        return f"{self._folder}/{self._name}.{index}"

    def write(self, data: bytes) -> bytes:
        """Append, and return what could not be written (a full disk), to be written again later."""
        while data:
            try:
                if self._full():
                    self._rotate()
                written = posix.write(self._descriptor, self._fitting(data))
            except OSError:
                return data
            self._written += written
            self._at_line_end = data[written - 1 : written] == b"\n"
            data = data[written:]
        return b""

    def _fitting(self, data: bytes) -> bytes:
        """Return as much as belongs into this file: up to the end of the line that fills it."""
        room = self._size - self._written
        end = data.find(b"\n", max(room - 1, 0)) if room < len(data) else -1
        return data[: end + 1] if end >= 0 else data

    def _full(self) -> bool:
        over = self._written - self._size
        return over >= 0 and (self._at_line_end or over > _SLACK)

    def _rotate(self) -> None:
        old = self._descriptor
        self._open(self._index + 1)
        posix.close(old)
        oldest = self._index - self._keep
        for index in indices(self._folder, self._name):
            if index <= oldest:
                _forget(self._path(index))

    def close(self) -> None:
        """Let go of the file."""
        posix.close(self._descriptor)


class NotOurs(OSError):
    """Something stands under a log file's name that is no log file of ours."""


def _appended(path: str) -> int:
    """Open a log file for appending, made where it is missing. Raises NotOurs, OSError."""
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC
    try:
        descriptor = posix.open(path, flags | posix.O_NOFOLLOW | posix.O_NONBLOCK, 0o640)
    except OSError as error:
        if error.errno in _ODD:
            raise NotOurs(f"{path} is no plain file") from error
        raise
    status = posix.fstat(descriptor)
    if status.st_mode & _TYPE != _PLAIN or status.st_nlink > 1 or status.st_uid != posix.geteuid():
        posix.close(descriptor)
        raise NotOurs(f"{path} is no file of ours alone")
    return descriptor


def _forget(path: str) -> None:
    try:
        posix.unlink(path)
    except OSError:  # gone already, or a folder that the bot put there
        return


def indices(folder: str, name: str) -> list[int]:
    """Return the numbers of the stream's files in a folder, in order."""
    prefix = name + "."
    tails = [entry[len(prefix) :] for entry in posix.listdir(folder) if entry.startswith(prefix)]
    return sorted(int(tail) for tail in tails if tail.isascii() and tail.isdigit())


def last_line(folder: str, name: str) -> str:
    """Return the last line of a stream that holds anything, for a crash's message; "" without one.

    What Node prints of an uncaught error begins with its message: that line stands for all of it, as does
    its message for what Rust prints of a panic, and an exception that a logger names before its trace.
    """
    for index in reversed(indices(folder, name)):
        text = _without_colours(_tail(f"{folder}/{name}.{index}"))
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if lines and lines[-1].startswith("Node.js v"):
            return _thrown(lines[:-1])
        if lines and lines[-1].startswith("note: run with `RUST_BACKTRACE"):
            return _panic(lines[:-1])
        if named := _named_before(lines):
            return named
        if lines:
            lines = _without_rest(lines)
            return lines[-1].strip() + _place(lines)
    return ""


def _without_colours(text: str) -> str:
    """Return a text without what colours it (`ESC[1;31m`); without `re`, which would cost memory."""
    first, *parts = text.split("\x1b[")
    for part in parts:
        codes, ends, rest = part.partition("m")
        coloured = ends and not codes.strip("0123456789;")
        first += rest if coloured else "\x1b[" + part
    return first


def _named_before(lines: list[str]) -> str:
    """Return the exception that stands before its trace, where little follows; "" for any other end.

    nautilus_trader ends so when a strategy raised.
    """
    heads = [index for index, line in enumerate(lines) if line == "Traceback (most recent call last):"]
    if not heads or not heads[-1]:
        return ""
    type_, bracket, message = lines[heads[-1] - 1].partition("(")
    after = [line for line in lines[heads[-1] + 1 :] if not line.startswith(" ")]
    named = bracket and message.endswith(")") and type_.replace(".", "_").isidentifier()
    records = all(line[:4].isdigit() for line in after)
    return f"{type_}: {message[:-1]}" if named and records and len(after) <= _MOST_AFTER else ""


def _without_rest(lines: list[str]) -> list[str]:
    """Return the lines up to the first of an exception's message, where they end with one of several."""
    heads = [index for index, line in enumerate(lines) if line == "Traceback (most recent call last):"]
    for index in range(heads[-1] + 1 if heads else len(lines), len(lines)):
        if not lines[index].startswith(" "):
            rest = lines[index + 1 :]
            announced = lines[index].endswith((":", ",", "(", "[")) or " validation error" in lines[index]
            belongs = all(announced or line.startswith((" ", "[", "(", "]", ")", "}", "-")) for line in rest)
            odd = len(rest) > _MOST_MESSAGE or any(line.startswith("{") for line in rest)
            return lines[: index + 1] if belongs and not odd else lines
    return lines


def _place(lines: list[str]) -> str:
    """Return ` (main.py:41)` where the lines end with a Python traceback: the bot's own deepest frame.

    Its own are the files beside the first frame's, or below; what it imports from elsewhere is not.
    """
    heads = [index for index, line in enumerate(lines) if line == "Traceback (most recent call last):"]
    inner = lines[heads[-1] + 1 : -1] if heads else []
    if not all(line.startswith(" ") for line in inner):
        return ""
    frames = [line.split('"') for line in inner if line.startswith('  File "') and line.count('"') == 2]
    if not frames:
        return ""
    root = frames[0][1].rpartition("/")[0] + "/"
    _, path, rest = [frame for frame in frames if frame[1].startswith(root)][-1]
    return f" ({path.removeprefix(root)}:{rest.removeprefix(', line ').partition(',')[0]})"


def _thrown(lines: list[str]) -> str:
    """Return the line of an error above its stack (`    at ...`) and its own fields (`{ ... }`)."""
    for index, line in enumerate(lines):
        stack = index + 1 < len(lines) and lines[index + 1].startswith("    at ")
        if stack and not line.startswith(" "):
            return line
    told = [line for line in lines if not line.startswith((" ", "}"))]
    return told[-1] if told else ""


def _panic(lines: list[str]) -> str:
    """Return the message of a Rust panic and its place, `boom (src/main.rs:3:5)`."""
    for index in range(len(lines) - 1, -1, -1):
        _, told, place = lines[index].partition(" panicked at ")
        if told and lines[index].startswith("thread "):
            message = " ".join(line.strip() for line in lines[index + 1 :])
            return f"{message} ({place.rstrip(':')})"
    return lines[-1] if lines else ""


def _tail(path: str, size: int = 16384) -> str:
    try:
        descriptor = _open_plain(path, links=False)
    except OSError:
        return ""
    try:
        start = max(0, posix.fstat(descriptor).st_size - size)
        return posix.pread(descriptor, size, start).decode("utf-8", "replace")
    finally:
        posix.close(descriptor)


def _open_plain(path: str, *, links: bool) -> int:
    """Open a plain file for reading; OSError for anything else, such as a pipe that would keep us waiting."""
    flags = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK | (0 if links else posix.O_NOFOLLOW)
    descriptor = posix.open(path, flags)
    if posix.fstat(descriptor).st_mode & _TYPE != _PLAIN:
        posix.close(descriptor)
        raise OSError(f"{path} is no plain file")
    return descriptor


def read(path: str, limit: int = 1024 * 1024, *, links: bool = True) -> str | None:
    """Return a small file's text, None where it is missing, larger than `limit` bytes or not UTF-8.

    Only plain files are read; `links` says whether the path itself may be a link to one.
    """
    try:
        descriptor = _open_plain(path, links=links)
    except OSError:
        return None
    try:
        chunks = []
        while chunk := posix.read(descriptor, 65536):
            chunks.append(chunk)
            limit -= len(chunk)
            if limit < 0:
                return None
        return b"".join(chunks).decode()
    except (OSError, ValueError):
        return None
    finally:
        posix.close(descriptor)


def replace(path: str, text: str, mode: int = 0o640) -> None:
    """Write a small file so that a reader sees the old text or the new, never a part."""
    temporary = f"{path}.{posix.getpid()}"
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC
    descriptor = posix.open(temporary, flags, mode)
    try:
        data = text.encode()
        while data:
            data = data[posix.write(descriptor, data) :]
    finally:
        posix.close(descriptor)
    posix.replace(temporary, path)


def make_folder(path: str, mode: int = 0o750) -> None:
    """Create a folder and what is missing above it."""
    try:
        posix.mkdir(path, mode)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(path.rpartition("/")[0])
        make_folder(path, mode)
