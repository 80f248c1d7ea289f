"""The conditions of alert rules: what `when:` says, as values (`condition_checks` says what is wrong).

All are about one bot. A condition is true, false or not known (there is no data to tell it by).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.quantities import parse_duration

FIGURES: Mapping[str, str] = {
    "equity": "What the account is worth, as the bot says",
    "change_today": "The change of equity since the UTC day began, less transfers",
    "daily_loss": "What was lost since the UTC day began: 0 on a day that made money",
    "drawdown": "How far equity is below its peak, as a share (10% or 0.1)",
    "max_drawdown": "The deepest drawdown so far, as a share",
    "net_pnl": "Realised and unrealised less fees",
    "realized_pnl": "What fills realised",
    "unrealized_pnl": "What open positions would realise now",
    "fees": "The fees paid",
    "exposure": "The value of all open positions, long and short added up",
    "net_exposure": "The value of open positions, short ones subtracted",
    "positions": "How many positions are open",
    "orders": "How many orders are open",
    "sharpe": "The Sharpe ratio",
    "sortino": "The Sortino ratio",
    "calmar": "The Calmar ratio",
    "win_rate": "The share of round trips that won",
    "profit_factor": "What winners made over what losers lost",
    "expectancy": "What a round trip made on average",
}
"""The trading figures that a condition may be about, with a text each."""
SHARES = frozenset({"drawdown", "max_drawdown", "win_rate"})
"""Figures that are shares: `10%` of them is 0.1."""
LIMITED: Mapping[str, str] = {
    "bot_memory_bytes": "bot_memory_limit_bytes",
    "bot_memory_pss_bytes": "bot_memory_limit_bytes",
    "bot_cpu_percent": "bot_cpu_limit_percent",
}
"""Series -> the series that holds the bot's limit of it: of these a condition may speak in percent."""
RISKY: Mapping[str, str] = {"daily_loss": "daily_loss", "exposure": "exposure"}
"""Figures of which the bot's `risk:` may hold a limit."""


@dataclass(frozen=True, slots=True)
class Level:
    """A number to compare with; `percent`: of the bot's limit, or of what was before."""

    amount: float
    percent: bool = False

    @property
    def text(self) -> str:
        """Return it as a person writes it."""
        return f"{self.amount:g}%" if self.percent else f"{self.amount:,.10g}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: a series, or a trading figure; its labels must hold `labels`."""

    name: str
    figure: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Threshold:
    """True while a value is above or below a level; once true, until it is back at `clear`."""

    of: Subject
    above: Level | None = None
    below: Level | None = None
    clear: Level | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """True where a value rose or fell by so much within `over` seconds."""

    of: Subject
    over: float
    rises: Level | None = None
    falls: Level | None = None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """True where a value's robust z is beyond `score`: among its own `over` seconds, or among siblings."""

    of: Subject
    score: float
    siblings: bool = False
    over: float = 3600.0


@dataclass(frozen=True, slots=True)
class NoData:
    """True where nothing came for `after` seconds: no line at all, or none of a kind, or no sample."""

    after: float
    kind: str = ""
    metric: str = ""


@dataclass(frozen=True, slots=True)
class Happens:
    """True where at least `count` events of a kind came within `within` seconds."""

    kind: str = ""
    level: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    """A pattern (RE2) that is found in the event's message."""
    count: int = 1
    within: float = 60.0


@dataclass(frozen=True, slots=True)
class Errs:
    """True where `count` error groups became `what` (new, regressed or any) within `within` seconds."""

    what: str = "new"
    count: int = 1
    within: float = 300.0


@dataclass(frozen=True, slots=True)
class IsJudged:
    """True while herdsman judges the bot's life as one of these, such as "stream_lost"."""

    verdicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Breaks:
    """True once a risk limit was broken; people write the limit, and herdsman this condition."""

    limit: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """True where every part is."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where a part is."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True where its part is false."""

    part: "Condition"


Leaf = Threshold | Change | Anomaly | NoData | Happens | Errs | IsJudged | Breaks
Condition = Leaf | AllOf | AnyOf | Not


def leaves(condition: Condition) -> list[Leaf]:
    """Return the conditions that a condition is made of, from left to right."""
    if isinstance(condition, AllOf | AnyOf):
        return [leaf for part in condition.parts for leaf in leaves(part)]
    return leaves(condition.part) if isinstance(condition, Not) else [condition]


def read_level(value: object) -> Level:
    """Return a level from `5`, `-5` or `"80%"`. Raises ValueError."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return Level(float(value.strip()[:-1]), percent=True)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Level(float(value))
    raise ValueError(value)


def read_condition(value: Mapping[str, Any]) -> Condition:
    """Return a sound condition as a value."""
    if "all" in value:
        return AllOf(tuple(read_condition(one) for one in value["all"]))
    if "any" in value:
        return AnyOf(tuple(read_condition(one) for one in value["any"]))
    if "not" in value:
        return Not(read_condition(value["not"]))
    return _leaf(value)


def _leaf(value: Mapping[str, Any]) -> Leaf:
    if "no_data" in value:
        return NoData(parse_duration(value["no_data"]), value.get("event", ""), value.get("metric", ""))
    if "metric" in value or "figure" in value:
        return _measured(value)
    count, within = value.get("count", 1), value.get("within")
    if "error" in value:
        return Errs(value["error"], count, parse_duration(within) if within is not None else Errs().within)
    if "verdict" in value:
        said = value["verdict"]
        return IsJudged((said,) if isinstance(said, str) else tuple(said))
    return Happens(
        value.get("event", ""),
        value.get("level", ""),
        {name: _word(field) for name, field in value.get("fields", {}).items()},
        value.get("text", ""),
        count,
        parse_duration(within) if within is not None else Happens().within,
    )


def _measured(value: Mapping[str, Any]) -> Threshold | Change | Anomaly:
    figure = "figure" in value
    labels = {name: value[name] for name in ("account", "currency") if name in value}
    of = Subject(value["figure" if figure else "metric"], figure, {**value.get("labels", {}), **labels})
    given = {
        name: read_level(value[name])
        for name in ("above", "below", "clear", "rises", "falls")
        if name in value
    }
    over = parse_duration(value["over"]) if "over" in value else 3600.0
    if "anomaly" in value:
        return Anomaly(of, float(value["anomaly"]), value.get("against") == "siblings", over)
    if "rises" in given or "falls" in given:
        return Change(of, over, given.get("rises"), given.get("falls"))
    return Threshold(of, given.get("above"), given.get("below"), given.get("clear"))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
