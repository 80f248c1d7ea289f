"""One part of a bot's trading (mode, account, currency) for its limits: what was lost, what is held."""

from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from telemetry.alerts.limits.belief import near
from telemetry.trading.equity import DAY, EquityTrack, begun
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Part, positions_of, track_of

_EXPLAINED = 0.5
"""Where fills made at least this share of a jump of equity, it is believed at once."""
_CLOSE = 1.25
"""The factor between two equities beyond which the next line has to say so as well."""
_SMALL = 0.001
"""The share by which equity falls that is believed at once, whatever explains it."""
HOLD = 0.5
"""Seconds for which a fall that nothing explains may be a transfer whose line comes after it."""
_NOTHING_FOR = 60.0
"""Seconds for which a bot has to say that all is gone: an exchange that is away says so, too."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a part comes to, in its currency; None where it is not known. Losses are zero or positive."""

    account: str
    currency: str
    loss: float | None
    """Lost since the UTC day began, or since the limits were armed again."""
    drawdown: float | None
    exposure: float
    equity: float | None
    day_equity: float | None
    """The equity that the day began with."""
    made: float = 0.0
    """What was made since `began`, transfers taken out. It goes on where the limits are armed again: only the
    difference between two looks says something."""
    change: float | None = None
    """What was made since the day began: `loss` is what of it is below zero."""
    began: float = 0.0
    """When the part was looked at first."""


class PartTrack(Struct):
    """What is believed of one part."""

    equity: EquityTrack | None = None
    seen_at: float = -1.0
    """The time of the newest equity line that was looked at."""
    moved: float = 0.0
    """The transfers that were looked at."""
    doubt: float | None = None
    """An equity that is too far from the one before to be believed by itself."""
    doubt_at: float = 0.0
    """Since when, by herdsman's clock."""
    waits: bool = False
    """Whether it is a fall that is believed once `HOLD` has passed."""
    flow: float = 0.0
    """Transfers that came with it."""
    pnl: float | None = None
    """What fills made in all."""
    pnl_day: int = -1
    pnl_base: float = 0.0
    """What they had made when the day began."""
    accepted: float = 0.0
    """The exposure that there was when the limits were armed again: only more than that breaks the limit."""
    made: float = 0.0
    """What equity made (where there is none, fills) since it was looked at first, armed again or not."""
    began: float = 0.0
    """When it was looked at first."""

    def take(
        self, part: Part, trading: BotTrading, now: float, *, anew: bool = False, lag: float = 0.0
    ) -> Numbers:
        """Look at a part as its lines left it; `trading` has the marks that are believed.

        `anew`: where nothing is known of it yet, what was lost before counts for nothing. `lag`: by how many
        seconds the bot's clock is behind.
        """
        before, self.began = self.pnl, self.began or now
        self._take_fills(part, trading, now)
        track, made = track_of(part), (self.pnl or 0.0) - (before or 0.0)
        if track is not None:
            at = min(track.newest_at + lag, now)
            if track.newest_at > self.seen_at:
                self._take_equity(track, made, at, now, anew=anew)
            else:
                self._settle(track, at, now)
        elif self.equity is None:
            self.made += made
        held = sum(abs(one.value or 0.0) for one in positions_of(trading, part))
        return self._numbers(part, held, now)

    @property
    def look_at(self) -> float | None:
        """When to look again though no line comes, None where there is nothing to wait for."""
        return self.doubt_at + HOLD if self.waits and self.doubt is not None else None

    def arm(self, now: float, held: float) -> None:
        """Count anew from here on: an operator has seen what there was."""
        if self.equity is not None:
            held = self.doubt if self.waits and self.doubt is not None else self.equity.newest
            self.equity = begun(held, now, None)
        self.doubt, self.flow = None, 0.0
        if self.pnl is not None:
            self.pnl_base, self.pnl_day = self.pnl, int(now // DAY)
        self.accepted = held

    def _take_fills(self, part: Part, trading: BotTrading, now: float) -> None:
        filled = [one for one in part.ledgers if one.fills]
        if not filled:
            return
        made = sum(one.made(trading.marks, part.currency) for one in filled)
        day = int(now // DAY)
        if day != self.pnl_day:
            self.pnl_base, self.pnl_day = made if self.pnl is None else self.pnl, day
        self.pnl = made

    def _take_equity(self, track: EquityTrack, made: float, at: float, now: float, *, anew: bool) -> None:
        flow, value, seen_at = track.moved - self.moved, track.newest, self.seen_at
        self.seen_at, self.moved = track.newest_at, track.moved
        known = self.equity
        if known is None:
            self.equity = begun(track.newest, at, None) if anew else _seeded(track)
            return
        if self.doubt is None and int(seen_at // DAY) < int(track.newest_at // DAY):
            flow -= self._end_day(track, known, flow)
        flow += self.flow
        jump = value - flow - known.newest
        explained = made * jump > 0 and abs(made) >= _EXPLAINED * abs(jump)
        close = near(value - flow, known.newest, _CLOSE)
        if explained or self._is_said_again(value, known, now) or (close and jump >= -_SMALL * known.newest):
            self.flow, self.doubt = 0.0, None
            self._add(known, value, flow, at)
            return
        if self.doubt is None or not near(value, self.doubt):
            self.doubt_at = now
        self.doubt, self.flow, self.waits = value, flow, close

    def _is_said_again(self, value: float, known: EquityTrack, now: float) -> bool:
        """Say whether a line says what was doubted of the one before; that nothing is left, for a minute."""
        if self.doubt is None or not near(value, self.doubt):
            return False
        return value > 0 or known.newest <= 0 or not self.doubt_at <= now < self.doubt_at + _NOTHING_FOR

    def _settle(self, track: EquityTrack, at: float, now: float) -> None:
        """Believe a fall once it was held; a transfer that came meanwhile, and explains it, belongs to it."""
        known, value = self.equity, self.doubt
        if known is None or value is None or not self.waits or self.doubt_at <= now < self.doubt_at + HOLD:
            return
        jump = value - self.flow - known.newest
        late = track.pending if abs(jump - track.pending) < _EXPLAINED * abs(jump) else 0.0
        flow = self.flow + late
        self.moved += late
        self.flow, self.doubt = 0.0, None
        self._add(known, value, flow, at)

    def _end_day(self, track: EquityTrack, known: EquityTrack, flow: float) -> float:
        """Take what a day ended with of which lines came late; return how much was transferred by then."""
        flow -= track.flows[-1]
        if len(track.closes) < 2 or not near(track.closes[-2] - flow, known.newest):
            return 0.0
        self._add(known, track.closes[-2], flow, track.newest_at // DAY * DAY - 1)
        return flow

    def _add(self, known: EquityTrack, value: float, flow: float, at: float) -> None:
        self.made += value - flow - known.newest
        known.pending = flow
        known.add(value, max(at, known.newest_at))
        trim(known)

    def _numbers(self, part: Part, held: float, now: float) -> Numbers:
        known = self.equity
        self.accepted = min(self.accepted, held)
        if known is not None:
            today = known.today(now)
            return Numbers(
                part.account,
                part.currency,
                max(-today, 0.0),
                -known.drawdown,
                held,
                known.newest,
                known.newest - today,
                self.made,
                today,
                self.began,
            )
        change = None if self.pnl is None else self.pnl - self.pnl_base
        lost = None if change is None else max(-change, 0.0)
        return Numbers(
            part.account, part.currency, lost, None, held, None, None, self.made, change, self.began
        )


def _seeded(track: EquityTrack) -> EquityTrack:
    """Return a track to begin with: what is known of this day and of the peak, as far as it is plausible."""
    whole = track.drawdown > -1 + 1 / 2 and (len(track.closes) < 2 or near(track.newest, track.closes[-2]))
    if not whole:
        return begun(track.newest, track.newest_at, None)
    copy = replace(track, closes=list(track.closes), flows=list(track.flows), pending=0.0)
    trim(copy)
    return copy


def trim(track: EquityTrack) -> None:
    """Keep this day and the one before."""
    surplus = len(track.closes) - 2
    if surplus > 0:
        del track.closes[:surplus], track.flows[:surplus]
        track.first_day += surplus
