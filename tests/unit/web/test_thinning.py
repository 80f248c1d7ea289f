from hypothesis import given
from hypothesis import strategies as st

from web.thinning import thin


def test_few_points_stay_as_they_are():
    """A series that fits is not touched."""
    points = [(float(t), float(t)) for t in range(10)]
    assert thin(points, 10) == points


def test_spike_of_one_sample_survives():
    """The one extreme sample among many is still there after thinning."""
    points = [(float(t), 0.0) for t in range(10_000)]
    points[5_555] = (5555.0, 99.0)
    points[7_001] = (7001.0, -3.0)
    kept = thin(points, 100)
    assert len(kept) <= 100
    assert (5555.0, 99.0) in kept
    assert (7001.0, -3.0) in kept
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]


def test_gap_stays_a_gap():
    """No point is made up where the series has none."""
    points = [(float(t), 1.0) for t in range(1000)] + [(float(t), 1.0) for t in range(9000, 10_000)]
    kept = thin(points, 50)
    assert not [point for point in kept if 1000 <= point[0] < 9000]


@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.floats(-1e9, 1e9)), unique_by=lambda point: point[0]),
    st.integers(4, 50),
)
def test_thinning_keeps_order_limits_and_real_points(points: list[tuple[float, float]], most: int):
    """Whatever the points: at most so many, in order, each of them real, both extremes among them."""
    points = sorted(points)
    kept = thin(points, most)
    assert len(kept) <= max(most, 0) or len(points) <= most
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    if points:
        values = [value for _, value in kept]
        assert max(values) == max(value for _, value in points)
        assert min(values) == min(value for _, value in points)
