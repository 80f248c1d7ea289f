"""One measured value over the last hour at most, in few points: the highest of equal spans of time."""

from telemetry.forecasts.trend import Point, Trend, rising

_MOST = 40
_SPAN = 5.0
"""Seconds of a span at first; it doubles where the points have become too many."""
_WIDEST = 60.0


class Track:
    """Takes values of a series at times that go on, and tells their trend."""

    __slots__ = ("_points", "_span", "value")

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._span = _SPAN
        self.value = 0.0
        """The newest value."""

    def add(self, at: float, value: float) -> None:
        """Take a value; one that is older than the newest is passed over."""
        if self._points and at < self._points[-1][0] // self._span * self._span:
            return
        self.value = value
        if self._points and at // self._span == self._points[-1][0] // self._span:
            self._points[-1] = (self._points[-1][0], max(self._points[-1][1], value))
            return
        self._points.append((at, value))
        if len(self._points) > _MOST:
            self._thin()

    def trend(self) -> Trend | None:
        """Return how the value truly rises, None where it does not."""
        points = self._points
        if len(points) > 1 and points[-1][1] <= points[0][1]:
            return None  # by far the most: no need to look closer
        return rising(points)

    def _thin(self) -> None:
        """Join spans to wider ones, or forget the oldest once those are wide enough."""
        if self._span >= _WIDEST:
            del self._points[0]
            return
        self._span *= 2
        joined: list[Point] = []
        for at, value in self._points:
            if joined and at // self._span == joined[-1][0] // self._span:
                joined[-1] = (joined[-1][0], max(joined[-1][1], value))
            else:
                joined.append((at, value))
        self._points = joined
