"""The life of one alert: ok, pending (true, but not for long), firing. Pure; times are Unix seconds."""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from schemas.alert_rules import AlertRule


class State(StrEnum):
    """Whether a rule fires for a bot."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"


class Doing(StrEnum):
    """How far the action of an alert has come."""

    NONE = ""
    WANTED = "wanted"
    """To be done; tried until it is."""
    DONE = "done"
    FAILED = "failed"
    """It was tried and did not work; it is tried again."""
    GIVEN_UP = "given up"
    """There is nothing left that it could be done to."""


class Found(Struct, frozen=True):
    """What a condition came to: `truth` None where there is nothing to tell it by; `text` says why."""

    truth: bool | None
    text: str = ""
    value: float | None = None
    samples: tuple[tuple[float, float], ...] = ()
    """The newest samples that it was judged by, oldest first."""
    came: float | None = None
    """When the newest sample of it came; None where it is judged by what is known at the moment."""
    unit: str = ""
    """What `value` and `samples` are of; see `telemetry.units`."""

    def is_fresh(self, hold: float, now: float) -> bool:
        """Say whether it is of now, and not of one old sample: for a rule that has to last."""
        return not hold or self.came is None or now - self.came <= hold / 2


class AlertState(Struct, frozen=True):
    """How a rule stands for one bot. `since`: when this state began."""

    state: State = State.OK
    since: float = 0.0
    text: str = ""
    value: float | None = None
    false_since: float | None = None
    """Since when a firing rule's condition has not been true any more."""
    acked_by: str = ""
    acked_at: float | None = None
    ack_reason: str = ""
    action: Doing = Doing.NONE
    action_text: str = ""
    """What was done, or why it could not be."""
    action_at: float | None = None
    samples: tuple[tuple[float, float], ...] = ()
    unit: str = ""
    """What `value` and `samples` are of; see `telemetry.units`."""


QUIET = AlertState()


def moved(known: AlertState, rule: AlertRule, found: Found, now: float) -> AlertState:
    """Return how a rule stands after its condition was judged; the same object where nothing moved."""
    if found.truth is None:
        over = known.state is State.PENDING and now >= known.since + rule.hold
        return replace(QUIET, since=now) if over else known
    if found.truth:
        return _true(known, rule, found, now)
    if known.state is State.PENDING:
        return replace(QUIET, since=now, text=found.text)
    if known.state is not State.FIRING:
        return known
    since = known.false_since if known.false_since is not None else now
    if now >= since + rule.recover_for:
        return replace(
            QUIET, since=now, text=found.text, value=found.value, samples=found.samples, unit=found.unit
        )
    return known if known.false_since is not None else replace(known, false_since=now)


def _true(known: AlertState, rule: AlertRule, found: Found, now: float) -> AlertState:
    if known.state is State.FIRING:
        back = known.false_since is not None
        if not back and (found.value == known.value or found.value is None):
            return known
        return replace(known, false_since=None, value=found.value, text=found.text, unit=found.unit)
    since = known.since if known.state is State.PENDING else now
    if now < since + rule.hold or not found.is_fresh(rule.hold, now):
        return replace(
            known,
            state=State.PENDING,
            since=since,
            text=found.text,
            value=found.value,
            unit=found.unit,
        )
    return AlertState(State.FIRING, now, found.text, found.value, samples=found.samples, unit=found.unit)


def next_look(state: AlertState, rule: AlertRule, now: float) -> float | None:
    """Return when a rule must be judged again though nothing comes, None where it need not.

    A moment that is past was not settled when it came: it waits for news, or for the next look.
    """
    if state.state is State.PENDING:
        return state.since + rule.hold
    if state.state is State.FIRING:
        again = now + LOOK_AGAIN
        return min(again, state.false_since + rule.recover_for) if state.false_since is not None else again
    return None


LOOK_AGAIN = 60.0
"""Seconds between two looks at a rule that fires."""
