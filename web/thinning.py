"""Fewer points for a chart, with every extreme kept."""

from collections.abc import Sequence

Point = tuple[float, float]


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most `most` of the points (oldest first): the least and greatest of equal spans of time.

    A span without a point stays without one, so that a gap is still a gap. The first and the last point
    are always among the result.
    """
    if len(points) <= most or most < 4:
        return list(points)
    start, end = points[0][0], points[-1][0]
    spans = (most - 2) // 2
    width = (end - start) / spans or 1.0
    kept = [points[0]]
    for extremes in _extremes(points, start, width, spans):
        kept.extend(extremes)
    kept.append(points[-1])
    return sorted(set(kept))


def _extremes(points: Sequence[Point], start: float, width: float, spans: int) -> list[tuple[Point, Point]]:
    """Return the points with the least and the greatest value of each span that has any."""
    found: dict[int, tuple[Point, Point]] = {}
    for point in points:
        span = min(int((point[0] - start) / width), spans - 1)
        least, greatest = found.get(span, (point, point))
        found[span] = (
            point if point[1] < least[1] else least,
            point if point[1] > greatest[1] else greatest,
        )
    return list(found.values())
