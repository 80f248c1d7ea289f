"""The series of liveness: four ages, and one number to alert on."""

from collections.abc import Mapping

from telemetry.liveness.signs import BotSigns
from telemetry.liveness.verdict import BAD, Verdict
from telemetry.records import Sample

LIVENESS: Mapping[str, str] = {
    "bot_liveness_ok": "Is 1 while nothing is wrong with how the bot lives, else 0",
    "bot_liveness_process_age_seconds": "Seconds since the bot's process was last seen to live",
    "bot_liveness_loop_age_seconds": "Seconds since the last pass of the bot's loop",
    "bot_liveness_output_age_seconds": "Seconds since the bot last printed anything",
    "bot_liveness_market_data_age_seconds": "Seconds since the bot's last market data",
}
"""Written every half minute for each bot that runs."""


def liveness_samples(
    signs: BotSigns, verdict: Verdict, labels: Mapping[str, str], now: float
) -> list[Sample]:
    """Return what is known of a bot's ages at a moment."""
    moments = {
        "bot_liveness_process_age_seconds": signs.stream.at,
        "bot_liveness_loop_age_seconds": signs.loop.at,
        "bot_liveness_output_age_seconds": signs.output.at,
        "bot_liveness_market_data_age_seconds": signs.market.at,
    }
    ages = [Sample(name, labels, now, max(now - at, 0.0)) for name, at in moments.items() if at]
    return [Sample("bot_liveness_ok", labels, now, float(verdict not in BAD)), *ages]
