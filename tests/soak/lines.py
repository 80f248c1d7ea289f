"""What a bot of a soak prints: numbered lines of four kinds in turn, two of them with samples."""

import json

FIRST = 3_600_000
"""Milliseconds before the soak's start at which line 0 was printed, as it says; the others 1 ms apart."""


def line(number: int, started: int) -> bytes:
    """Return a bot's line of a number; `started` is the soak's start in Unix milliseconds."""
    at = moment(number, started)
    match number % 4:
        case 0:
            text = f"line {number}"
        case 1:
            text = json.dumps({"level": "info", "message": f"line {number}", "timestamp": at})
        case 2:
            text = json.dumps({"_metric": "soak", "n": number, "ts_event": at})
        case _:
            order = {"order_id": f"o{number}", "symbol": "A", "side": "buy", "status": "submitted"}
            text = json.dumps({"_metric": "order", **order, "quantity": number, "ts_event": at})
    return text.encode() + b"\n"


def moment(number: int, started: int) -> int:
    """Return when a line says that it was printed, in Unix milliseconds: each has one of its own."""
    return started - FIRST + number


SERIES = {2: "bot_soak_n", 3: "bot_order_quantity"}
"""Number modulo 4 -> the series that holds the number."""


def number_of(kind: str, message: str, data: dict[str, object]) -> int:
    """Return the number of a stored event, -1 where it is no line of a soak."""
    if kind == "soak":
        return int(str(data["n"]))
    if kind == "order":
        return int(str(data["order_id"])[1:])
    return int(message[5:]) if message.startswith("line ") else -1
