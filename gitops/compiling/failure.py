"""Why a build failed, out of all that its tools printed. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_LINES = 12
"""Lines of a log that are shown with a failure; the whole log has the rest."""
_LONGEST_REASON = 300

_RUST = re.compile(r"error(\[E\d+\])?: (?P<what>.+)")
_RUST_PLACE = re.compile(r"\s*--> (?P<place>\S+)")
_CPP = re.compile(r"(?P<place>[^\s:]+:\d+(:\d+)?): (fatal )?error: (?P<what>.+)")
_CMAKE = re.compile(r"CMake Error( at (?P<place>\S+:\d+))?")
_LINKER = re.compile(r".*(undefined reference to|cannot find -l|multiple definition of).*")
_CARGO_SUMMARY = re.compile(r"error: (could not compile|aborting due to)")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure in one line, and the lines of the log that show it."""

    reason: str
    lines: tuple[str, ...] = ()


def explain(log: Sequence[str], otherwise: str) -> Failure:
    """Return the first error of a build's log; `otherwise` stands for a log that shows none."""
    for number, line in enumerate(log):
        reason = _reason(log, number)
        if reason:
            return Failure(reason[:_LONGEST_REASON], tuple(_block(log, number)))
        if _CARGO_SUMMARY.match(line):
            break
    last = [line for line in log if line.strip()][-MOST_LINES:]
    said = f": {last[-1].strip()}" if last else ""
    return Failure(f"{otherwise}{said}"[:_LONGEST_REASON], tuple(last))


def _reason(log: Sequence[str], number: int) -> str:
    """Return what the line tells of an error with its place, "" where it tells of none."""
    line = log[number].strip()
    if "--locked was passed" in line:
        return "Cargo.lock does not fit Cargo.toml: bring it up to date with `cargo generate-lockfile`"
    if (match := _RUST.match(line)) and not _CARGO_SUMMARY.match(line):
        place = _RUST_PLACE.match(log[number + 1]) if number + 1 < len(log) else None
        return f"{match['what']} ({place['place']})" if place else match["what"]
    if match := _CPP.match(line):
        return f"{match['what']} ({match['place']})"
    if match := _CMAKE.match(line):
        told = " ".join(text.strip() for text in _block(log, number)[1:]) or line
        return f"{told[: _LONGEST_REASON // 2]} ({match['place']})" if match["place"] else told
    return line if _LINKER.match(line) else ""


def _block(log: Sequence[str], start: int) -> list[str]:
    """Return an error's own lines: to the next empty line after it has told something, within bounds."""
    block: list[str] = []
    for line in log[start:]:
        if not line.strip() and len(block) > 2:
            break
        block.append(line.rstrip())
        if len(block) == MOST_LINES:
            break
    return block
