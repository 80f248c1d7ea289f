"""How bots live, as the terminal shows it."""

from cli.output import ago, paint, printable
from web.documents.bots import Bot
from web.documents.liveness import LivenessDocument

VERDICTS = {
    "not_trading": "alive but not trading",
    "stream_lost": "stream lost",
    "market_closed": "market closed",
    "waiting": "scheduled, waiting",
}
_TOLD_BY_HEALTH = ("crashed",)
"""Verdicts that the health says already."""
_NAMES = {
    "process": "process",
    "loop": "loop",
    "output": "log",
    "market_data": "market data",
    "orders": "orders",
}


def liveness_note(bot: Bot) -> list[str]:
    """Return a line for a row whose bot does not live as it should."""
    found = bot.liveness
    if found is None or found["verdict"] in _TOLD_BY_HEALTH:
        return []
    return [f"           {worded(found['verdict'])}: {printable(found['text'])}"]


def liveness_facts(found: LivenessDocument, now: float) -> dict[str, str]:
    """Return the verdict on a bot, and the age of each sign with the longest that is no news."""
    text = f"  {printable(found.text)}" if found.text else ""
    colour = "yellow" if found.bad else None
    verdict = f"{paint(worded(found.verdict), colour)}, for {ago(now - found.since)}{text}"
    ages = [_age(name, found, now) for name in _NAMES]
    facts = {"liveness": verdict, "ages": ", ".join(filter(None, ages)) or "-"}
    if found.left_open:
        facts["left open"] = paint("; ".join(map(printable, found.left_open)), "yellow")
    return facts


def worded(verdict: str) -> str:
    """Return a verdict as people say it."""
    return VERDICTS.get(verdict, verdict)


def _age(name: str, found: LivenessDocument, now: float) -> str:
    sign = found.signs.get(name)
    if sign is None or sign.at is None:
        return ""
    usual = f"usually every {ago(sign.usual)}" if sign.usual else ""
    limit = f"at most {ago(sign.limit)}" if sign.limit else ""
    said = ", ".join(filter(None, (usual, limit)))
    return f"{_NAMES[name]} {ago(now - sign.at)}" + (f" ({said})" if said else "")
