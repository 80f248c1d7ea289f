"""A stand-in for Binance's public REST endpoints on loopback: generated markets, and a switch to go dark."""

import json
import math
import socket
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.engines.ports import free_port

MARKETS = {"BTC": 64000.0, "ETH": 3200.0, "SOL": 180.0}
"""Base currencies, all against USDT, and the price that each begins at."""
_MINUTE = 60


def price(base: str, at: float) -> float:
    """Return a market's price at a moment: BTC climbs by 1% in 8 s, SOL falls by 3% in 20 s, ETH stands."""
    start = MARKETS[base]
    if base == "BTC":
        return start * (1 + 0.01 * (at % 8) / 8)
    if base == "SOL":
        return start * (1.03 - 0.03 * (at % 20) / 20)
    return start * (1 + 0.00001 * math.sin(at))


def candles(base: str, count: int, now: float) -> list[list[Any]]:
    """Return so many candles of a minute in Binance's form, the one under way last; prices climb."""
    newest = int(now) // _MINUTE * _MINUTE
    return [
        _candle(MARKETS[base] * (1 - 0.0001 * back), newest - back * _MINUTE)
        for back in range(count - 1, -1, -1)
    ]


def _candle(close: float, opened: int) -> list[Any]:
    low, high, text = close * 0.9999, close * 1.0001, f"{close:.2f}"
    begins, ends = opened * 1000, (opened + _MINUTE) * 1000 - 1
    return [begins, f"{low:.2f}", f"{high:.2f}", f"{low:.2f}", text, "100", ends, "100", 10, "50", "50", "0"]


def book(base: str, depth: int, now: float) -> dict[str, Any]:
    """Return an order book with so many levels of 1,000 pieces on each side, 0.001% apart."""
    middle = price(base, now)
    steps = range(1, depth + 1)
    return {
        "lastUpdateId": int(now * 1000),
        "bids": [[f"{middle * (1 - 0.00001 * step):.2f}", "1000"] for step in steps],
        "asks": [[f"{middle * (1 + 0.00001 * step):.2f}", "1000"] for step in steps],
    }


def ticker(base: str, now: float) -> dict[str, Any]:
    """Return the numbers of the last day that Binance tells of a market."""
    last = price(base, now)
    numbers = {
        "lastPrice": last,
        "bidPrice": last * 0.99999,
        "askPrice": last * 1.00001,
        "openPrice": last,
        "highPrice": last,
        "lowPrice": last,
        "weightedAvgPrice": last,
        "prevClosePrice": last,
    }
    return {
        "symbol": f"{base}USDT",
        **{name: f"{number:.2f}" for name, number in numbers.items()},
        "volume": "1000",
        "quoteVolume": "1000000",
        "priceChange": "0",
        "priceChangePercent": "0",
        "openTime": int(now - 86400) * 1000,
        "closeTime": int(now * 1000),
        "count": 10,
    }


def market(base: str) -> dict[str, Any]:
    """Return a market's rules in Binance's form."""
    return {
        "symbol": f"{base}USDT",
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "baseAssetPrecision": 8,
        "quoteAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5", "maxNotional": "9000000"},
        ],
    }


def answer(path: str, query: Mapping[str, str]) -> Any:
    """Return what the exchange says to a public request; None where it has no such address."""
    now, base = time.time(), query.get("symbol", "").removesuffix("USDT")
    match path:
        case "/api/v3/ping":
            return {}
        case "/api/v3/time":
            return {"serverTime": int(now * 1000)}
        case "/api/v3/exchangeInfo":
            return {"timezone": "UTC", "serverTime": int(now * 1000), "symbols": [market(m) for m in MARKETS]}
        case "/api/v3/klines":
            return candles(base, int(query.get("limit", "500")), now)
        case "/api/v3/depth":
            return book(base, int(query.get("limit", "100")), now)
        case "/api/v3/ticker/24hr":
            return ticker(base, now) if base else [ticker(one, now) for one in MARKETS]
    return None


class Exchange:
    """The stand-in as it runs; `dark` is how it fails: "", "refuse", "hang" or "503"."""

    def __init__(self) -> None:
        self._dark = ""
        self._light = threading.Event()
        self._light.set()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.port = free_port()
        self.asked: set[str] = set()
        """The addresses that were asked for, and are there."""
        self.unknown: set[str] = set()
        """Those that were asked for, and are not."""
        self._open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v3"

    def go_dark(self, how: str) -> None:
        """Fail from now on: close the port ("refuse"), never answer ("hang"), or answer "503"."""
        self._dark = how
        if how == "refuse":
            self._close()
        elif how == "hang":
            self._light.clear()

    def come_back(self) -> None:
        """Answer again; requests that hang are let go without an answer."""
        was, self._dark = self._dark, ""
        self._light.set()
        if was == "refuse":
            self._open()

    def close(self) -> None:
        """End it, whatever state it is in."""
        self._dark = "closed"
        self._light.set()
        self._close()

    def answer_to(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request, or fail as it must."""
        if self._dark == "hang":
            self._light.wait()
            request.close_connection = True
            return
        address = urlsplit(request.path)
        said = answer(address.path, {name: values[0] for name, values in parse_qs(address.query).items()})
        (self.unknown if said is None else self.asked).add(address.path)
        code = 503 if self._dark == "503" else 404 if said is None else 200
        body = json.dumps(said).encode() if code == 200 else b"<html>upstream is away</html>"
        request.send_response(code)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _open(self) -> None:
        exchange = self

        class Request(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    exchange.answer_to(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Say nothing: the tests look at what the bot says."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = socket.SOMAXCONN

        self._server = Server(("127.0.0.1", self.port), Request)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def _close(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None
