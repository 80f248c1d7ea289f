"""The series of one bot: label sets that are made once and shared, and the ceiling on their number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.labels import AllocationLabels
from telemetry.metric_types import LABEL_FIELDS, series_name

SERIES_LIMIT = 1000
_MAX_VALUE = 128
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_NOT_IN_VALUES = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_TypeKey = tuple[str, tuple[tuple[str, Any], ...]]


@dataclass(frozen=True, slots=True)
class SeriesIdentity:
    """A series' name and labels; the labels mapping is shared by all samples of one label set."""

    name: str
    labels: Mapping[str, str]


class KnownSeries(dict[str, SeriesIdentity]):
    """The series that lines of one type and label set have: field -> series."""

    __slots__ = ("labels",)

    def __init__(self, labels: Mapping[str, str]) -> None:
        super().__init__()
        self.labels = labels


def base_labels(labels: AllocationLabels) -> dict[str, str]:
    """Return the labels that every series of a bot carries; empty ones are left out."""
    base = {"fleet": labels.fleet, "bot": labels.bot, "program": labels.program, "env": labels.env}
    return {key: value for key, value in base.items() if value}


class BotSeries:
    """Hands out the series of one bot, at most `limit` of them."""

    __slots__ = ("_count", "_known", "base", "limit")

    def __init__(self, base: Mapping[str, str], limit: int = SERIES_LIMIT) -> None:
        self.base = base
        self.limit = limit
        self._count = 0
        self._known: dict[_TypeKey, KnownSeries] = {}

    def of_line(self, kind: str, line: Mapping[str, Any]) -> KnownSeries:
        """Return the known series of a line's type and labels."""
        own = tuple([(name, line[name]) for name in LABEL_FIELDS if name in line])
        try:
            return self._known[kind, own]
        except (KeyError, TypeError):
            return self._of_label_set(kind, own)

    def _of_label_set(self, kind: str, own: tuple[tuple[str, Any], ...]) -> KnownSeries:
        fit = tuple([(name, value) for name, value in own if type(value) is str or type(value) is int])
        known = self._known.get((kind, fit))
        if known is None:
            texts = {name: label_value(str(value)) for name, value in fit}
            known = KnownSeries({**self.base, **{name: text for name, text in texts.items() if text}})
            if self._count < self.limit:
                self._known[kind, fit] = known
        return known

    def admit(self, known: KnownSeries, kind: str, name: str) -> SeriesIdentity | None:
        """Add a series to those of `known`, or return None where the bot has too many."""
        if self._count >= self.limit:
            return None
        self._count += 1
        clean = _NOT_IN_NAMES.sub("_", series_name(kind, name))[:_MAX_VALUE]
        identity = known[name] = SeriesIdentity(clean, known.labels)
        return identity


def label_value(text: str) -> str:
    """Return text fit for a label: no control characters, at most 128 characters."""
    return _NOT_IN_VALUES.sub(" ", text)[:_MAX_VALUE].strip()
