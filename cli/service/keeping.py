"""How long things are kept: what `--keep NAME=HOW` asks for, checked."""

import re
from collections.abc import Sequence
from dataclasses import fields, replace

from schemas.errors import UsageError
from telemetry.embedded.retention import Retention
from telemetry.levels import LEVELS

NAMES = {
    "samples": "raw_days",
    "steps": "rollup_10s_days",
    "minutes": "rollup_1m_days",
    "events": "events_days",
    "errors": "errors_days",
    "trading": "trading_days",
    "size": "most_bytes",
}
"""What can be said with `--keep` -> the field of Retention."""
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(h|d|w|y)", re.ASCII)
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.0}
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(MiB|GiB|TiB)", re.ASCII)
_BYTES = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_LEAST_BYTES = 64 << 20
_LEAST_DAYS = 1 / 24


def parse_keep(asked: Sequence[str]) -> Retention:
    """Return what several `NAME=HOW` ask for, over the defaults. Raises UsageError."""
    kept = Retention()
    for one in asked:
        name, _, how = one.partition("=")
        if name in LEVELS:
            kept = replace(kept, level_days={**kept.level_days, name: _days(one, how)})
            continue
        if name not in NAMES:
            known = ", ".join([*NAMES, *LEVELS])
            raise UsageError(f'--keep "{one}": say NAME=HOW with one of {known}, as in events=30d')
        value = _bytes(one, how) if name == "size" else _days(one, how)
        kept = replace(kept, **{NAMES[name]: value})  # type: ignore[arg-type]
    if not kept.raw_days <= kept.rollup_10s_days <= kept.rollup_1m_days:
        raise UsageError(
            "--keep: samples become steps of 10 s, and those steps of a minute, so that samples must not be "
            f"kept longer than steps, nor steps longer than minutes (now {kept.raw_days:g}, "
            f"{kept.rollup_10s_days:g} and {kept.rollup_1m_days:g} days)"
        )
    return kept


def kept_words(kept: Retention) -> dict[str, str]:
    """Return by name, in words, how long each is kept."""
    found = {name: getattr(kept, field) for name, field in NAMES.items()}
    assert set(NAMES.values()) <= {field.name for field in fields(kept)}
    words = {
        name: f"{value / (1 << 30):g} GiB" if name == "size" else f"{value:g} d"
        for name, value in found.items()
    }
    return words | {level: f"{days:g} d" for level, days in kept.level_days.items()}


def _days(one: str, how: str) -> float:
    found = _TIME.fullmatch(how)
    days = float(found[1]) * _DAYS[found[2]] if found else 0.0
    if days < _LEAST_DAYS:
        raise UsageError(f'--keep "{one}": give a time of at least 1h, such as 12h, 30d, 8w or 2y')
    return days


def _bytes(one: str, how: str) -> int:
    found = _SIZE.fullmatch(how)
    size = int(float(found[1]) * _BYTES[found[2]]) if found else 0
    if size < _LEAST_BYTES:
        raise UsageError(f'--keep "{one}": give a size of at least 64MiB, such as 500MiB or 8GiB')
    return size
