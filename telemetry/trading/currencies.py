"""In which currency a line's amounts are."""

import re
from collections.abc import Mapping
from typing import Any

_PAIR = re.compile(r"([A-Za-z0-9.]+)/([A-Za-z0-9]+)(?::([A-Za-z0-9]+))?")
_DASHED = re.compile(r"([A-Za-z0-9.]+)[-_]([A-Za-z0-9]+)")
_FIAT = (
    "USD",
    "EUR",
    "GBP",
    "JPY",
    "CHF",
    "AUD",
    "CAD",
    "NZD",
    "SEK",
    "NOK",
    "DKK",
    "SGD",
    "HKD",
    "CNY",
    "KRW",
)
_COINS = ("USDT", "USDC", "FDUSD", "TUSD", "DAI", "BTC", "ETH", "BNB")
_QUOTES = frozenset((*_FIAT, *_COINS))
"""What may stand behind a dash: `BTC-USDT` is a pair, `ES-DEC` is not."""
_MOST = 16
LONGEST = 128
"""Characters of a symbol, an account or an id that are kept."""
_WIDEST = 128
"""Bits of a number that is an id."""
_ABSURD = 1e100
"""No price, quantity or equity is as large; and what is below it can be multiplied and summed without end."""


def pair_of(symbol: str) -> tuple[str, str]:
    """Return base and currency of a symbol: `BTC/USDT`, `BTC/USDT:USDT`, `BTC-USDT`; ("", "") of another."""
    if found := _PAIR.fullmatch(symbol):
        return found[1].upper(), (found[3] or found[2]).upper()
    if (found := _DASHED.fullmatch(symbol)) and found[2].upper() in _QUOTES:
        return found[1].upper(), found[2].upper()
    return "", ""


def currency_of(line: Mapping[str, Any]) -> str:
    """Return the currency of a line: its own field, else its symbol's; "" where neither says it."""
    if own := currency_named(line, "currency"):
        return own
    symbol = line.get("symbol")
    return pair_of(symbol)[1] if type(symbol) is str else ""


def currency_named(line: Mapping[str, Any], name: str) -> str:
    """Return the currency that a field of a line names, "" where it names none."""
    value = line.get(name)
    return value[:_MOST] if type(value) is str else ""


def text_of(line: Mapping[str, Any], name: str, most: int = LONGEST) -> str:
    """Return a field as text that is cut at `most` characters, "" where it is neither text nor a number."""
    value = line.get(name)
    if type(value) is str:
        return value[:most]
    if type(value) is float or (type(value) is int and value.bit_length() <= _WIDEST):
        return str(value)
    return ""


def account_of(line: Mapping[str, Any]) -> str:
    """Return the account that a line names, "" where it names none."""
    return text_of(line, "account")


def number_of(line: Mapping[str, Any], name: str) -> float | None:
    """Return a field as a number, None where it is none, or an absurd one."""
    value = line.get(name)
    if type(value) is not float and type(value) is not int:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if -_ABSURD < number < _ABSURD else None
