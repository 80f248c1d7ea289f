"""What a stack trace says, in whichever language it was printed."""

from collections.abc import Callable
from dataclasses import dataclass, field

MOST_FRAMES = 200
"""Frames that are kept of one exception: of a deep recursion the rest says nothing new."""
MOST_THROWN = 20
"""Exceptions of a chain that are kept."""
LONGEST_MESSAGE = 2000
LONGEST_TYPE = 200
LONGEST_LINE = 2000
"""Characters of a line that are looked at: a frame is never longer."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One call: `line` is 0 and `file` "" where the trace does not say."""

    function: str
    file: str = ""
    line: int = 0
    code: str = ""
    """The source line, where the trace shows it."""
    in_app: bool = False
    """It lies in the bot's program, not in a library or the runtime; see `frames.placed`."""


@dataclass(frozen=True, slots=True)
class Thrown:
    """One exception (panic, fatal signal): its frames go from the outermost call to where it was raised."""

    type: str
    message: str = ""
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole trace: what was thrown last, then its causes; `parts` are those of a group of exceptions."""

    language: str
    """python, node, java, rust, go or native."""
    thrown: tuple[Thrown, ...]
    parts: tuple[Thrown, ...] = field(default=())

    @property
    def last(self) -> Thrown:
        """What ended it: the exception that was thrown last."""
        return self.thrown[0]

    @property
    def root(self) -> Thrown:
        """What began it: the first exception of the chain."""
        return self.thrown[-1]

    @property
    def everything(self) -> tuple[Thrown, ...]:
        """All exceptions, the parts of a group behind the chain."""
        return self.thrown + self.parts

    def with_frames(self, change: Callable[[Frame], Frame]) -> "Trace":
        """Return the trace with each of its frames changed."""
        return Trace(self.language, _changed(self.thrown, change), _changed(self.parts, change))


def _changed(thrown: tuple[Thrown, ...], change: Callable[[Frame], Frame]) -> tuple[Thrown, ...]:
    return tuple(Thrown(one.type, one.message, tuple(map(change, one.frames))) for one in thrown)


def limited(type_: str, message: str, frames: list[Frame]) -> Thrown:
    """Return an exception within bounds: the first and the last frames of very many."""
    if len(frames) > MOST_FRAMES:
        frames = frames[: MOST_FRAMES // 2] + frames[-MOST_FRAMES // 2 :]
    return Thrown(type_[:LONGEST_TYPE], message.strip()[:LONGEST_MESSAGE], tuple(frames))
