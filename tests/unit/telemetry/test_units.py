"""Numbers of series and figures as people read them."""

import math

import pytest

from schemas.conditions import FIGURES
from telemetry.alerts.states import AlertState
from telemetry.names import all_series
from telemetry.units import measured, unit_of
from tests.unit.telemetry.alerts.desk import NOW, Judge, rule


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("bot_memory_bytes", 268_435_456, "256 MiB"),
        ("bot_memory_bytes", -1536, "-1.5 KiB"),
        ("bot_disk_read_bytes_per_second", 2_500_000, "2.4 MiB/s"),
        ("bot_cpu_percent", 93.46, "93.46%"),
        ("bot_memory_seconds_to_limit", 5400, "90 min"),
        ("bot_order_latency_ms", 120, "120 ms"),
        ("bot_order_latency_ms", 90_000, "90 s"),
        ("bot_price", 61_234.5, "61,234.50"),
        ("bot_memory_bytes", 1e300, "1e+300 bytes"),
        ("bot_loop_ms", math.inf, "inf ms"),
    ],
)
def test_series_are_told_in_their_unit(name: str, value: float, said: str) -> None:
    """What a series is of is in its name; an absurd number stays short."""
    assert measured(value, unit_of(name)) == said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("drawdown", 0.1234, "12.34%"),
        ("equity", -9400, "-9,400.00 USDT"),
        ("equity", 0.0512, "0.0512 USDT"),
        ("sharpe", 1.25, "1.25"),
        ("orders", 3, "3"),
    ],
)
def test_figures_are_told_in_their_unit(name: str, value: float, said: str) -> None:
    """Money has its currency, shares are percents, ratios and counts plain."""
    assert measured(value, unit_of(name, figure=True, currency="USDT")) == said


@pytest.mark.parametrize("value", [0.0, -0.5, 1e-9, 1023.999, 1e14, 1e300, math.nan, -math.inf])
def test_no_number_of_any_unit_is_long(value: float) -> None:
    """Whatever a bot prints, a message stays a message."""
    units = {unit_of(name) for name in all_series()} | {unit_of(name, figure=True) for name in FIGURES}
    for unit in units:
        assert len(measured(value, unit)) <= 30


def test_messages_speak_in_units_and_keep_the_raw_numbers() -> None:
    """Bytes, shares, money and rates in words; the value beside them as it was printed."""
    judge = Judge(
        rule({"metric": "bot_memory_bytes", "above": "90%"}, "memory"),
        rule({"metric": "bot_state_bytes", "rises": 1_048_576, "over": "1h"}, "state"),
        rule({"figure": "drawdown", "above": "10%"}, "drawdown"),
        rule({"figure": "daily_loss", "above": 500}, "loss"),
    )
    judge.value("bot_memory_limit_bytes", 268_435_456)
    judge.value("bot_memory_bytes", 257_949_696)
    judge.value("bot_state_bytes", 1_048_576)
    judge.now += 61
    judge.value("bot_state_bytes", 3_145_728)
    figures = {"drawdown": 0.125, "daily_loss": 612.5}
    judge.engine.figures("sma", [({"account": "main", "currency": "USDT"}, figures)], judge.now)
    assert [text for state, text in judge.moves if state == "firing"] == [
        "bot_memory_bytes is 246 MiB, above 90% (230.4 MiB)",
        "bot_state_bytes rose by 2 MiB within 1 h, from 1 MiB to 3 MiB",
        "drawdown (account main, currency USDT) is 12.5%, above 10%",
        "daily_loss (account main) is 612.50 USDT, above 500",
    ]
    assert judge.told[0].state == AlertState(
        "firing", NOW, judge.told[0].state.text, 257_949_696, samples=((NOW, 257_949_696),), unit="bytes"
    )
