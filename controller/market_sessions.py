"""Prints when markets are open, as JSON: `python -m controller.market_sessions NOW CALENDAR...`.

A program of its own: `exchange_calendars` brings pandas, 80 MB and seconds that no service should carry.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

_BEFORE, _AFTER = timedelta(days=10), timedelta(days=400)


def main(arguments: list[str]) -> int:
    """Print each calendar's sessions of the next 400 days, in Unix seconds, a break at noon left out."""
    try:
        import exchange_calendars
    except ImportError:
        print('market calendars need the extra "calendars": install herdsman[calendars]', file=sys.stderr)  # noqa: T201
        return 1
    now = datetime.fromtimestamp(float(arguments[0]), UTC)
    first, last = (now - _BEFORE).date(), (now + _AFTER).date()
    found = {
        name: _spans(exchange_calendars.get_calendar(name, start=first, end=last).schedule)
        for name in arguments[1:]
    }
    print(json.dumps(found))  # noqa: T201
    return 0


def _spans(schedule: Any) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    for row in schedule.itertuples():
        moments = [row.open, row.break_start, row.break_end, row.close]
        known = [moment.timestamp() for moment in moments if moment == moment]  # NaT is not itself
        for start, end in zip(known[::2], known[1::2], strict=True):
            if spans and spans[-1][1] == start:
                start = spans.pop()[0]
            spans.append((start, end))
    return spans


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
