"""An account's equity: its days, its drawdown, and the transfers that are taken out of both."""

from msgspec import Struct, field

DAY = 86400
_MOST_DAYS = 3660
"""Days that are kept of an account: ten years."""


class EquityTrack(Struct):
    """The equity of one account in one currency, sample by sample. Times are Unix seconds.

    A sample that is older than the newest one is passed over. A transfer belongs to the next sample: that
    is the first one that may hold it.
    """

    first: float
    first_at: float
    newest: float
    newest_at: float
    first_day: int
    """The day of `closes[0]`, in days since 1970 (UTC)."""
    closes: list[float]
    """The last sample of each day so far, carried forward over days without one."""
    flows: list[float]
    """What was transferred in (negative: out) on each of these days."""
    divisor: float
    """Equity over this is the value of one unit: transfers change the divisor and not the value."""
    peak: float = 1.0
    """The highest value of one unit."""
    peak_at: float = 0.0
    drawdown: float = 0.0
    """Now, as a share of the peak: zero or negative."""
    max_drawdown: float = 0.0
    longest_under: float = 0.0
    """The longest time between a peak and the next, or now, in seconds."""
    pending: float = 0.0
    """Transfers since the newest sample."""
    moved: float = 0.0
    """All transfers between the first sample and the newest."""
    made_at_first: float | None = None
    """What fills had made when the first sample came, marked then; None where there were none."""
    made: float = 0.0
    """What fills had made when the newest sample came."""
    resting: float = 0.0
    """The value of one unit when all was withdrawn, until there is equity again; 0 at other times."""

    def add(self, equity: float, at: float) -> bool:
        """Take a sample; say whether it counts."""
        if at < self.newest_at:
            return False
        flow, self.pending = self.pending, 0.0
        self.moved += flow
        self._value(equity, flow, at)
        self._close(equity, flow, int(at // DAY))
        self.newest, self.newest_at = equity, at
        return True

    @property
    def under_water(self) -> float:
        """Return for how many seconds it has been below its peak; 0 at the peak."""
        return self.newest_at - self.peak_at if self.drawdown < 0 else 0.0

    def today(self, now: float) -> float:
        """Return the change of this UTC day less its transfers: since the day before, or the first sample."""
        if int(self.newest_at // DAY) < int(now // DAY):
            return 0.0
        if len(self.closes) == 1:
            return self.newest - self.first - self.moved
        return self.newest - self.closes[-2] - self.flows[-1]

    def _value(self, equity: float, flow: float, at: float) -> None:
        if self.resting:
            if equity <= 0:
                return
            self.divisor, self.resting = equity / self.resting, 0.0
            flow = 0.0
        before = equity - flow
        value = max(before, 0.0) / self.divisor
        if flow and equity > 0:
            if before > 0:
                self.divisor *= equity / before
            else:  # nothing was left, and this is fresh money: it begins anew
                if self.peak > 0:  # there had been something, and it was lost
                    self.drawdown = self.max_drawdown = -1.0
                self.divisor, self.peak, value = equity, 1.0, 1.0
        elif flow and before > 0:
            self.resting = value
        if value >= self.peak:
            self.longest_under = max(self.longest_under, at - self.peak_at if self.drawdown < 0 else 0.0)
            self.peak, self.peak_at, self.drawdown = value, at, 0.0
            return
        self.drawdown = value / self.peak - 1.0
        self.max_drawdown = min(self.max_drawdown, self.drawdown)
        self.longest_under = max(self.longest_under, at - self.peak_at)

    def _close(self, equity: float, flow: float, day: int) -> None:
        missing = day - self.first_day - len(self.closes) + 1
        if missing > 0:
            self.closes += [self.closes[-1]] * missing
            self.flows += [0.0] * missing
        self.closes[-1] = equity
        self.flows[-1] += flow
        surplus = len(self.closes) - _MOST_DAYS
        if surplus > 0:
            del self.closes[:surplus], self.flows[:surplus]
            self.first_day += surplus


def begun(equity: float, at: float, made: float | None) -> EquityTrack:
    """Return a track that begins with this sample."""
    day = int(at // DAY)
    divisor = equity if equity > 0 else 1.0
    peak = 1.0 if equity > 0 else 0.0
    return EquityTrack(
        equity, at, equity, at, day, [equity], [0.0], divisor, peak, at, made_at_first=made, made=made or 0.0
    )


class Days(Struct, frozen=True):
    """Daily equity: `closes[i]` and `flows[i]` are those of the day `first + i` (days since 1970, UTC)."""

    first: int
    closes: list[float] = field(default_factory=list)
    flows: list[float] = field(default_factory=list)


def whole_days(track: EquityTrack, now: float) -> Days:
    """Return the days of a track that are over at `now`."""
    count = max(0, min(len(track.closes), int(now // DAY) - track.first_day))
    return Days(track.first_day, track.closes[:count], track.flows[:count])
