"""One object for many equal values: ten thousand bots have the same few policies, programs and fields."""

from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")
_KEPT = 1024


@lru_cache(_KEPT, typed=True)
def shared(value: T) -> T:
    """Return an equal immutable value that was asked for before, where it is still remembered; else this one.

    Numbers of other types (1, 1.0, True) are told apart at the top only, not inside a value.
    """
    return value
