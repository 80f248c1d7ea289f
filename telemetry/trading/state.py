"""One bot's trading: its events, one after another, move it on. The same event twice counts once."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from msgspec import Struct, field

from telemetry.bot_lines import MOST_IDS
from telemetry.records import Event
from telemetry.taken import untaken
from telemetry.trading.belonging import belonging
from telemetry.trading.currencies import account_of, currency_of, number_of, text_of
from telemetry.trading.ledger import Ledger

KINDS = frozenset({"order", "trade", "position", "equity", "balance", "transfer", "price"})
"""The kinds of events that say something of trading."""
_COUNTED = frozenset({"trade", "transfer"})
"""The kinds that add up: the same line twice would count twice."""
_LONGEST_ID = 1 << 16
_MOST_LEDGERS = 100
"""Accounts and currencies of one bot; lines of more are passed over."""
_MOST_MARKS = 5000
_MOST_BALANCES = 1000


class Balance(Struct):
    """What an account has of an asset."""

    mode: str
    account: str
    asset: str
    total: float
    free: float | None
    used: float | None
    at: float


class BotTrading(Struct):
    """What is known of one bot's trading; `ledgers` by mode, account and currency."""

    bot: str
    labels: dict[str, str] = field(default_factory=dict)
    """The labels of its series: fleet, bot, program, env."""
    ledgers: dict[tuple[str, str, str], Ledger] = field(default_factory=dict)
    balances: dict[str, Balance] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)
    """The newest price of each symbol."""
    read: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How far each stream of an allocation was taken: file index and offset of its newest event."""
    newest_at: float = 0.0
    """The time of the newest event."""
    mode: str = ""
    """The mode that the newest event is of: the one that the bot runs in."""
    ids: dict[int, None] = field(default_factory=dict)
    """The newest `event_id`s of fills and transfers, as digests: each counts once, also after a restart."""
    account: str = ""
    """The account that the manifest says, "" where it says none, or was not read yet."""
    currency: str = ""
    """The currency that the manifest says, likewise."""

    def take(self, events: Sequence[Event]) -> bool:
        """Take events of one stream, in its order, without those taken before; say whether anything moved."""
        wanted = [event for event in events if event.kind in KINDS]
        new = untaken(self.read, wanted) if wanted else wanted
        for event in new:
            self._apply(event.kind, event.data, event.time, event.mode)
        return bool(new)

    def _apply(self, kind: str, line: Mapping[str, Any], at: float, mode: str) -> None:
        if at >= self.newest_at:
            self.newest_at, self.mode = at, mode
        if kind in _COUNTED and self._is_repeated(line, mode):
            return
        if kind == "price":
            value = number_of(line, "value")
            if value is not None:
                self._mark(line, value)
            return
        if kind == "balance":
            self._balance(mode, line, at)
            return
        ledger = self._ledger(mode, account_of(line), currency_of(line))
        if ledger is None:
            return
        if kind == "trade":
            self._mark(line, ledger.trade(line, at, ledger.currency or self._belonging(ledger)[1]))
        elif kind == "order":
            ledger.order(line, at)
        elif kind == "position":
            self._mark(line, ledger.position(line, at))
        elif kind == "equity":
            ledger.sample(line, at, self._made(mode, ledger))
        else:
            self._transfer(ledger, line)

    def _is_repeated(self, line: Mapping[str, Any], mode: str) -> bool:
        """Say whether a line's `event_id` was taken already; note it."""
        name = text_of(line, "event_id", _LONGEST_ID)
        if not name:
            return False
        digest = int.from_bytes(blake2b(f"{mode} {name}".encode(errors="replace"), digest_size=7).digest())
        if digest in self.ids:
            return True
        self.ids[digest] = None
        if len(self.ids) > MOST_IDS:
            del self.ids[next(iter(self.ids))]
        return False

    def _transfer(self, ledger: Ledger, line: Mapping[str, Any]) -> None:
        """Take a transfer: it moved its own account's equity, or the only one that it can have moved.

        It may name an account or a currency where the equity lines name none, or the other way round.
        """
        if ledger.equity is None:
            able = [one for one in self.ledgers.values() if self._may_move(ledger, one)]
            near = [one for one in able if one.account == ledger.account] or able
            if len(near) != 1:
                return
            ledger = near[0]
        ledger.transfer(line)

    def _may_move(self, transfer: Ledger, other: Ledger) -> bool:
        """Say whether a transfer of one ledger can be of the equity of another."""
        if other.equity is None or other.mode != transfer.mode:
            return False
        accounts = {transfer.account or self.account, other.account or self.account}
        currency = self._belonging(other)[1]
        return ("" in accounts or len(accounts) == 1) and transfer.currency in ("", currency)

    def _balance(self, mode: str, line: Mapping[str, Any], at: float) -> None:
        total, account, asset = number_of(line, "total"), account_of(line), text_of(line, "asset", 32)
        key = f"{mode} {account} {asset}"
        if total is not None and (key in self.balances or len(self.balances) < _MOST_BALANCES):
            free, used = number_of(line, "free"), number_of(line, "used")
            self.balances[key] = Balance(mode, account, asset, total, free, used, at)

    def _mark(self, line: Mapping[str, Any], price: float | None) -> None:
        symbol = text_of(line, "symbol")
        if price is None or not symbol:
            return
        if symbol not in self.marks and len(self.marks) >= _MOST_MARKS:
            del self.marks[next(iter(self.marks))]
        self.marks[symbol] = price

    def _ledger(self, mode: str, account: str, currency: str) -> Ledger | None:
        key = (mode, account, currency)
        known = self.ledgers.get(key)
        if known is None and len(self.ledgers) < _MOST_LEDGERS:
            known = self.ledgers[key] = Ledger(mode, account, currency)
        return known

    def _made(self, mode: str, own: Ledger) -> float | None:
        """Return what the fills made that an equity line of `own` speaks of, None where there are none."""
        filled = [ledger for ledger in self.ledgers.values() if ledger.fills and ledger.mode == mode]
        if not filled:
            return None
        found, belongs = None, self._belonging(own)
        for ledger in filled:
            if self._belonging(ledger) == belongs:
                found = (found or 0.0) + ledger.made(self.marks, belongs[1])
        return found

    def _belonging(self, ledger: Ledger) -> tuple[str, str]:
        return belonging(ledger, self.ledgers.values(), self.account, self.currency)
