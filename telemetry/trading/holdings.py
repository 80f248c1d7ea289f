"""What fills left of a symbol, and the round trips that they closed: the average price method."""

from msgspec import Struct

_DUST = 1e-9
"""A rest of this share of what was held or filled is a rounding error, not a position."""
_EVEN = 1e-9
"""A round trip that made less than this share of what it turned over broke even."""


class RoundTrips(Struct):
    """Closed round trips: from flat to flat in one symbol, each with its profit net of its fees."""

    wins: int = 0
    losses: int = 0
    even: int = 0
    won: float = 0.0
    """The sum of what the winners made, net of fees."""
    lost: float = 0.0
    """The sum of what the losers lost, net of fees: zero or negative."""

    @property
    def count(self) -> int:
        """Return how many there are."""
        return self.wins + self.losses + self.even

    def add(self, net: float, turnover: float) -> None:
        """Count one that made `net` on a turnover of `turnover`."""
        if abs(net) <= _EVEN * turnover:
            self.even += 1
        elif net > 0:
            self.wins += 1
            self.won += net
        else:
            self.losses += 1
            self.lost += net

    def join(self, other: "RoundTrips") -> None:
        """Count those of another as well."""
        self.wins += other.wins
        self.losses += other.losses
        self.even += other.even
        self.won += other.won
        self.lost += other.lost


class Holding(Struct):
    """One symbol as its fills left it; `quantity` is negative where it is short."""

    quantity: float = 0.0
    price: float = 0.0
    """The average price of what is held."""
    opened_at: float = 0.0
    made: float = 0.0
    """What the open round trip has realised so far, before fees."""
    fees: float = 0.0
    """The fees of the open round trip."""
    turnover: float = 0.0
    """Quantity times price of the open round trip's fills."""

    def fill(self, quantity: float, price: float, fee: float, at: float, trips: RoundTrips) -> float:
        """Take one fill (`quantity` negative for a sell); return what it realised, before fees."""
        before, size = self.quantity, abs(quantity)
        if before == 0.0 or (before > 0) == (quantity > 0):
            self._add(quantity, price, fee, at)
            return 0.0
        closed = min(size, abs(before))
        realized = (price - self.price) * (closed if before > 0 else -closed)
        share = closed / size
        self.made += realized
        self.fees += fee * share
        self.turnover += closed * price
        left = before + quantity
        if abs(left) <= _DUST * max(size, abs(before)):
            left = 0.0
        if left == 0.0 or (left > 0) != (before > 0):
            trips.add(self.made - self.fees, self.turnover)
            self.quantity = self.price = self.made = self.fees = self.turnover = 0.0
            if left != 0.0:
                self._add(left, price, fee * (1 - share), at)
        else:
            self.quantity = left
        return realized

    def unrealized(self, mark: float | None) -> float:
        """Return what closing it at `mark` would realise; 0 where no mark is known."""
        return 0.0 if mark is None else (mark - self.price) * self.quantity

    def _add(self, quantity: float, price: float, fee: float, at: float) -> None:
        total = self.quantity + quantity
        self.price = (self.price * self.quantity + price * quantity) / total
        if self.quantity == 0.0:
            self.opened_at = at
        self.quantity = total
        self.fees += fee
        self.turnover += abs(quantity) * price
