"""The nearest word is found, in bounded time."""

import pytest

from schemas.suggestions import nearest


@pytest.mark.parametrize(
    ("word", "candidates", "meant"),
    [
        ("volatilty", ["volatility", "fast"], "volatility"),
        ("fsat", ["fast", "slow"], "fast"),
        ("memoryLimit", ["memory_limit", "cpu_limit"], "memory_limit"),
        ("Symbol", ["symbol"], "symbol"),
        ("xyz", ["symbol", "fast"], None),
        ("", ["fast"], None),
        ("fast", [], None),
        ("k" * 100_000, ["k" * 60], None),
    ],
)
def test_nearest_word(word, candidates, meant):
    """A slip of the fingers is recognised, something else is not."""
    assert nearest(word, candidates) == meant
