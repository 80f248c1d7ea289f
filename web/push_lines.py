"""The lines that a push prints: mistakes, and changes as they arrive. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from controller.plan import Plan
from controller.records import Change, ChangeState
from gitops.desired import DesiredState
from gitops.trust.question import Answer
from schemas.errors import ManifestError
from schemas.report import render_errors

_MOST_ERRORS = 50
_MOST_KEPT = 5
_WIDEST_SUMMARY = 44
_MOST_REASON_LINES = 16
"""A failed build is shown with its compiler's own lines."""
_WORDS = {"create": "new"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a pushed revision: what it brings itself, and what was wrong before."""

    introduced: tuple[ManifestError, ...]
    older: tuple[ManifestError, ...]
    warnings: tuple[ManifestError, ...]
    bots: int
    """The bots of the revision, sound or not."""


@dataclass(frozen=True, slots=True)
class Widths:
    """How wide the columns of a table of changes are, in characters."""

    bot: int
    summary: int

    @classmethod
    def of(cls, changes: Sequence[Change]) -> "Widths":
        """Return the widths that hold these changes; an overlong summary gets no more than its share."""
        summaries = [len(change.summary) for change in changes]
        return cls(
            max((len(change.bot) for change in changes), default=0),
            min(max(summaries, default=0), _WIDEST_SUMMARY),
        )


def judge(before: DesiredState | None, after: DesiredState, plain: Sequence[ManifestError] = ()) -> Verdict:
    """Tell new mistakes from older ones.

    An older one stands in the same file, at the same key, in the same words; its line does not count, since
    what is added above it moves it. `plain` are secrets in plain text that the push itself brings.
    """
    known = Counter(_identity(error) for error in before.errors if not error.warning) if before else Counter()
    introduced = [error for error in plain if not error.warning]
    older: list[ManifestError] = []
    for error in after.errors:
        if error.warning:
            continue
        was_there = known[_identity(error)] > 0
        known[_identity(error)] -= 1
        (older if was_there else introduced).append(error)
    warnings = tuple(error for error in (*after.errors, *plain) if error.warning)
    return Verdict(tuple(introduced), tuple(older), warnings, len(after.bots.keys() | after.failed_bots))


def _identity(error: ManifestError) -> tuple[str, str, str]:
    return error.file, error.pointer, error.message


def verdict_lines(verdict: Verdict) -> list[str]:
    """Return what is shown to whoever pushes; nothing where nothing is wrong."""
    older = tuple(replace(error, warning=True) for error in verdict.older)
    shown = (*verdict.introduced, *verdict.warnings, *older)
    lines = render_errors(shown[:_MOST_ERRORS]).splitlines()
    if len(shown) > _MOST_ERRORS:
        lines.append(f"... and {len(shown) - _MOST_ERRORS} more; herdsman validate shows them all")
    if verdict.older and not verdict.introduced:
        before = number_of(len(verdict.older), "error")
        lines.append(f"{before} from before this push; the bots that they keep from changing run on")
    if verdict.introduced:
        lines.append(f"refused: {refusal_line(verdict)}; nothing was changed, all bots run on as they were.")
    return lines


def trust_lines(answer: Answer) -> list[str]:
    """Return what the trust policy has against a push, and what to do; nothing where it has nothing."""
    if answer.trusted:
        return []
    lines = render_errors(answer.refusals[:_MOST_ERRORS]).splitlines()
    lines.append(
        f"refused by the trust policy ({number_of(len(answer.refusals), 'reason')}); nothing was changed, "
        "all bots run on as they were."
    )
    return [*lines, answer.advice] if answer.advice else lines


def refusal_line(verdict: Verdict) -> str:
    """Return how much a revision brings that is wrong: `2 errors in 1 of 14 bots`."""
    return f"{number_of(len(verdict.introduced), 'error')} in {_where(verdict)}"


def _where(verdict: Verdict) -> str:
    bots = {name for error in verdict.introduced for name in error.bots}
    if bots:
        return f"{len(bots)} of {number_of(max(verdict.bots, len(bots)), 'bot')}"
    return number_of(len({error.file for error in verdict.introduced}), "file")


def number_of(count: int, noun: str) -> str:
    """Return `1 bot`, `2 bots`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def header_line(plan: Plan) -> str:
    """Return `herdsman  revision 3f9a2c1 "tighter stops"  3 of 214 bots change`."""
    message = f' "{plan.revision.message}"' if plan.revision.message else ""
    changes = plan.summary() if plan.actions else "no bot changes"
    return f"herdsman  revision {plan.revision.short}{message}  {changes}"


def kept_lines(plan: Plan) -> list[str]:
    """Return why bots stay as they are though the revision asks for something else."""
    if plan.pinned:
        return [f"  held: {text}" for text in plan.pinned.values()]
    kept = list(plan.kept.items())
    lines = [f"  {name}  stays as it is: {text}" for name, text in kept[:_MOST_KEPT]]
    more = len(kept) - _MOST_KEPT
    return [*lines, f"  and {more} more stay as they are"] if more > 0 else lines


def change_lines(change: Change, width: Widths) -> list[str]:
    """Return one bot's line, and its reason under it where it failed or crashed."""
    summary = change.summary
    if len(summary) > width.summary:
        summary = summary[: width.summary - 1] + "…"
    line = (
        f"  {change.bot:<{width.bot}}  {_WORDS.get(change.action, change.action):<7}  "
        f"{summary:<{width.summary}}  {change.state.value:<9} {change.seconds:.1f} s"
    )
    if change.state in (ChangeState.FAILED, ChangeState.DEGRADED):
        return [line, *(f"    {part}" for part in change.message.splitlines()[:_MOST_REASON_LINES])]
    return [line]


def build_line(change: Change, width: Widths) -> str:
    """Return how far the build is that a bot waits for."""
    return f"  {change.bot:<{width.bot}}  {_WORDS.get(change.action, change.action):<7}  {change.message}"


def waves_line(plan: Plan) -> str:
    """Return in which waves the changes go, and how to have them go at once."""
    *first, last = map(str, plan.waves)
    sizes = f"{', '.join(first)} and {last}" if first else last
    return f"  in waves of {sizes} bots, each once the last is healthy (git push -o no-waves: all at once)"


class WaveLines:
    """The lines about the waves of a plan: one as each of them is through."""

    def __init__(self, plan: Plan) -> None:
        self._wave = {action.bot: action.wave for action in plan.actions if action.wave}
        self._sizes = plan.waves
        self._healthy: set[str] = set()
        self._told = 0

    def take(self, change: Change) -> list[str]:
        """Take in a change's step; return the line of its wave where that is through now."""
        wave = self._wave.get(change.bot)
        if wave is None or not self._sizes:
            return []
        (self._healthy.add if change.state is ChangeState.HEALTHY else self._healthy.discard)(change.bot)
        if wave <= self._told or self._count(wave) < self._sizes[wave - 1]:
            return []
        self._told = wave
        return [self._line(wave)]

    def last(self) -> list[str]:
        """Return the line of the wave that is under way, where there is one."""
        if self._told >= len(self._sizes):
            return []
        return [self._line(self._told + 1)]

    def _count(self, wave: int) -> int:
        return sum(self._wave[bot] == wave for bot in self._healthy)

    def _line(self, wave: int) -> str:
        size = self._sizes[wave - 1]
        return f"  wave {wave} of {len(self._sizes)}: {self._count(wave)} of {size} healthy"


def final_line(changes: Sequence[Change], told: int, seconds: float, url: str, held: int = 0) -> str:
    """Return how it went and where to look on; `held` changes wait for a person."""
    failed = sum(change.state is ChangeState.FAILED for change in changes)
    crashed = sum(change.state is ChangeState.DEGRADED for change in changes)
    waiting = sum(change.state is ChangeState.HELD for change in changes)
    left = len(changes) - told - waiting
    if left:
        bots = number_of(len(changes), "bot")
        return f"{left} of {bots} not there after {seconds:.1f} s; it goes on. Watch: {_watch(url)}"
    if waiting:
        done = f"{len(changes) - waiting - failed - crashed} applied"
        bad = "".join(
            f", {count} {word}" for count, word in ((failed, "failed"), (crashed, "crashed")) if count
        )
        waits = f"{number_of(waiting, 'change')} {'waits' if waiting == 1 else 'wait'}"
        return f"{done}{bad}, {waits}. Watch: {_watch(url)}"
    if failed:
        return f"{failed} of {number_of(len(changes), 'bot')} failed. See: herdsman status   {url}"
    if crashed:
        return f"applied; {crashed} of {number_of(len(changes), 'bot')} crashed. See: herdsman status   {url}"
    if held:
        waits = f"{number_of(held, 'change')} {'waits' if held == 1 else 'wait'} to be confirmed"
        return f"{len(changes)} applied, {waits}. Watch: {_watch(url)}"
    return f"applied in {seconds:.1f} s. Watch: {_watch(url)}"


def _watch(url: str) -> str:
    return f"herdsman status --watch   {url}"
