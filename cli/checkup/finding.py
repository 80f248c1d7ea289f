"""What a check found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing that was looked at is."""

    OK = "ok"
    OPTIONAL = "optional"
    """Not there, and only needed for what is said with it."""
    WARNING = "warning"
    MISSING = "missing"
    """Needed, and not there or not good enough: herdsman cannot do its work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found there and, where it is not ok, how to get it."""

    subject: str
    state: State
    found: str
    advice: str = ""
