"""The strategy of `trend.py`, telling herdsman of its fills and its equity."""

from telling import Telling
from trend import Trend


class TrendTold(Telling, Trend):
    """Trades as Trend does."""
