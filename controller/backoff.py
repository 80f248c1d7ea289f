"""How long to wait before trying again. Pure: randomness comes in as a value between 0 and 1."""


def delay(failures: int, first: float, cap: float, jitter: float = 0.0, chance: float = 0.5) -> float:
    """Return the wait after that many failures in a row (from 1): doubling from `first` up to `cap`.

    `jitter` is the share by which it varies both ways; with `chance` 0.5 it does not vary.
    """
    if failures <= 0:
        return 0.0
    wait = min(cap, first * 2.0 ** min(failures - 1, 60))
    return spread(wait, jitter, chance)


def spread(wait: float, jitter: float, chance: float) -> float:
    """Return a wait varied by at most its share `jitter`."""
    return wait * (1.0 + jitter * (2.0 * chance - 1.0))


def drift_delay(corrections: int, first: float, cap: float) -> float:
    """Return the wait before one more correction, after that many recent ones: none at first."""
    return delay(corrections, first, cap)
