"""A plain-English explanation of an error: from the rule base at once, from a language model where asked."""

from dataclasses import dataclass

from telemetry.errors.rulebase import fitting
from telemetry.errors.trace import Trace

MOST_OTHERS = 2


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is likely wrong and what to do; `rule` is "" where no rule knows the error."""

    rule: str
    title: str
    cause: str
    fix: str
    others: tuple["Explanation", ...] = ()
    """Further rules that fit, less likely ones."""


def explain(trace: Trace | None, type_: str, text: str) -> Explanation:
    """Return the explanation of an error: its trace where it has one, its type, its line or message."""
    fits = fitting(trace, type_, text)
    if not fits:
        return _unknown(trace, type_)
    others = tuple(
        Explanation(fit.rule.id, fit.rule.title, fit.cause, fit.rule.fix) for fit in fits[1 : 1 + MOST_OTHERS]
    )
    best = fits[0]
    return Explanation(best.rule.id, best.rule.title, best.cause, best.rule.fix, others)


def _unknown(trace: Trace | None, type_: str) -> Explanation:
    what = trace.last.type if trace else type_
    root = trace.root.type if trace and len(trace.thrown) > 1 else ""
    began = f" It began with {root}, the first exception of the chain." if root else ""
    return Explanation(
        "",
        f"No rule knows {what}" if what and what != "error" else "No rule knows this error",
        f"The program raised it by itself, or a library that the rule base does not cover.{began}",
        "Look at the bot's own topmost frame and the lines before it; what changed with the revision that "
        "had it first is on that revision's page.",
    )
