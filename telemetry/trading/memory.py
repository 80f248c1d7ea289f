"""What was reckoned of whole days: a day that is over changes no more, so it is reckoned once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from telemetry.trading.equity import Days, EquityTrack, whole_days
from telemetry.trading.figures import Ratios, daily_returns, drawdown_of, joint_returns, ratios

NO_DAYS = Days(0)


@dataclass(frozen=True, slots=True)
class _Own:
    mark: tuple[int, int, int, float]
    days: Days
    ratios: Ratios


@dataclass(frozen=True, slots=True)
class _Joint:
    days: tuple[Days, ...]
    annualization: int
    found: tuple[float, float, Ratios]


@dataclass(slots=True)
class Memory:
    """The whole days and ratios of accounts, and of groups of them, as they were reckoned last."""

    _own: dict[tuple[str, ...], _Own] = field(default_factory=dict)
    _joint: dict[tuple[str, ...], _Joint] = field(default_factory=dict)

    def of(
        self, key: tuple[str, ...], track: EquityTrack | None, annualization: int, now: float
    ) -> tuple[Days, Ratios]:
        """Return an account's whole days and their ratios."""
        if track is None:
            return NO_DAYS, ratios([], annualization, 0.0)
        days = whole_days(track, now)
        mark = (days.first, len(days.closes), annualization, track.max_drawdown)
        known = self._own.get(key)
        if known is not None and known.mark == mark and known.days.closes == days.closes:
            return known.days, known.ratios
        figures = ratios(daily_returns(days), annualization, track.max_drawdown)
        self._own[key] = _Own(mark, days, figures)
        return days, figures

    def joint(
        self, key: tuple[str, ...], tracks: Sequence[Days], annualization: int
    ) -> tuple[float, float, Ratios]:
        """Return the current and maximum drawdown of several accounts together, and their ratios."""
        known = self._joint.get(key)
        if known is not None and known.annualization == annualization and _same(known.days, tracks):
            return known.found
        returns = joint_returns(tracks)
        current, deepest = drawdown_of(returns)
        found = (current, deepest, ratios(returns, annualization, deepest))
        self._joint[key] = _Joint(tuple(tracks), annualization, found)
        return found


def _same(known: Sequence[Days], tracks: Sequence[Days]) -> bool:
    pairs = zip(known, tracks, strict=False)
    return len(known) == len(tracks) and all(one is other for one, other in pairs)
