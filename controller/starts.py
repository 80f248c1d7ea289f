"""How quickly bots of one account and exchange are started, so that many meet no rate limit. Pure."""

import json

from schemas.bot import BotSpec

Key = tuple[str, str]
"""An account and an exchange, either "" where a bot does not say."""


def start_key(spec: BotSpec) -> Key | None:
    """Return whose rate limit a bot's start counts against, None where it names neither.

    The exchange is the label `exchange`, else the parameter of that name.
    """
    exchange = spec.labels.get("exchange", "")
    if not exchange and '"exchange"' in spec.config_json:
        value = json.loads(spec.config_json).get("exchange")
        exchange = value if isinstance(value, str) else ""
    return (spec.account, exchange) if spec.account or exchange else None


class Starts:
    """Hands out moments: a second's worth at once, then one after the other."""

    def __init__(self) -> None:
        self._next: dict[Key, float] = {}

    def reserve(self, key: Key, rate: float, now: float) -> float:
        """Return when the next start of this key may be made, and take that place; seconds as `now`."""
        earliest = now - max(0.0, rate - 1.0) / rate
        moment = max(self._next.get(key, earliest), earliest)
        self._next[key] = moment + 1.0 / rate
        return moment
