"""A bot's drift in words: what was done to it, how often, and how a process that was killed is told. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from signal import Signals

from controller.records import RunRecord
from controller.schedulers.protocol import ObservedBot, Phase
from controller.status import Drift, DriftKind
from schemas.reports import Outcome

_FROM_OUTSIDE = frozenset({Signals.SIGHUP, Signals.SIGINT, Signals.SIGQUIT, Signals.SIGKILL, Signals.SIGTERM})
"""Signals that no bot ends by unless somebody sends them (a fault of its own gives SIGSEGV and the like)."""
_NAMED = 5
"""Changes of a job that are named."""


def drift_after(before: Drift | None, kind: DriftKind, text: str, now: float, window: float) -> Drift:
    """Return a bot's drift once this was noticed; one that is open goes on, under its new name.

    What is known more exactly by now is not told less exactly again.
    """
    if before is not None and before.open:
        if before.kind is kind and before.text.startswith(text):
            return before
        return replace(before, kind=kind, text=text)
    recent = before is not None and before.since > now - window
    return Drift(kind, text, now, times=before.times + 1 if before is not None and recent else 1)


def killed_text(run: RunRecord) -> str:
    """Return how somebody ended a bot's process, "" where nobody did: it crashed, or was asked to end."""
    if run.outcome != Outcome.CRASHED or run.signal not in _FROM_OUTSIDE:
        return ""
    by = " (by somebody, or for want of memory)" if run.signal == Signals.SIGKILL else ""
    return f"its process was ended by {Signals(run.signal).name} behind our back{by}"


def launcher_killed(seen: ObservedBot | None) -> str:
    """Return that a bot's launcher was ended, "" where it was not."""
    if seen is None or seen.phase is not Phase.PENDING or seen.reason != "launcher_died":
        return ""
    return f"its launcher was ended behind our back{f': {seen.message}' if seen.message else ''}"


def named(changes: Sequence[str]) -> str:
    """Return what was changed of a job, in words: the first few by name, the rest counted."""
    more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    return f"{', '.join(changes[:_NAMED])}{more}"
