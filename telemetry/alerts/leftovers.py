"""How rules stand for bots that are under none now: not set up yet in this life, or gone. Pure."""

from collections.abc import Callable, Collection, Container, Iterable, Mapping

from msgspec import structs

from telemetry.alerts.builtin import LEFT_OPEN
from telemetry.alerts.ports import Kept, What
from telemetry.alerts.states import AlertState, State

_LEFT_FOR = 7 * 86400.0
"""Seconds for which it is told what a bot that is gone left open."""


class Leftovers:
    """What was kept of such bots, by bot and rule. Whatever moves is returned: it is to be kept, too."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Kept]] = {}

    def add(self, one: Kept) -> None:
        """Take in how a rule stands: of an earlier life, or of a bot that is gone."""
        self._known.setdefault(one.bot, {})[one.rule] = one

    def take(self, bot: str, names: Collection[str] | None) -> dict[str, AlertState]:
        """Take out how a bot's rules stood, or these alone."""
        known = self._known.pop(bot, {})
        if names is not None and (rest := {name: one for name, one in known.items() if name not in names}):
            self._known[bot] = rest
        return {name: one.state for name, one in known.items() if names is None or name in names}

    def find(self, bot: str, rule: str) -> Kept | None:
        """Return how a rule stood for a bot, None where nothing was kept of it."""
        return self._known.get(bot, {}).get(rule)

    def standing(
        self, watched: Container[str], states: Collection[State], bot: str = "", rule: str = ""
    ) -> list[Kept]:
        """Return the rules that stand so, of bots that are not watched; "" is any bot, any rule."""
        return [
            one
            for name, known in self._known.items()
            if name not in watched
            for one in known.values()
            if one.state.state in states and bot in ("", one.bot) and rule in ("", one.rule)
        ]

    def note(
        self, bot: str, rule: str, what: What, text: str, changes: Mapping[str, object], now: float
    ) -> Kept | None:
        """Note what was done of an alert; return how it stands then, None where there is none of the name."""
        known = self.find(bot, rule)
        if known is None:
            return None
        state = structs.replace(known.state, **changes)
        kept = self._known[bot][rule] = structs.replace(known, state=state, at=now, what=what, text=text)
        return kept

    def end(self, is_gone: Callable[[str], bool], now: float) -> Iterable[Kept]:
        """End the alerts of bots that are gone; what one left open stays for a week."""
        for bot in [bot for bot in self._known if bot and is_gone(bot)]:
            known = self._known.pop(bot)
            for name, one in known.items():
                if name == LEFT_OPEN.name and now < one.state.since + _LEFT_FOR:
                    self.add(one)
                else:
                    yield ended(bot, name, one.state, "the bot is gone", now)

    def mute(self, watched: Container[str], muted: Callable[[str], bool], now: float) -> Iterable[Kept]:
        """Tell again of what bots that are not watched left open, where a mute began or is over."""
        for bot, known in self._known.items():
            left = known.get(LEFT_OPEN.name) if bot not in watched else None
            if left is not None and muted(bot) is not left.muted:
                known[left.rule] = structs.replace(
                    left, muted=not left.muted, at=now, what=What.NOTHING, text=""
                )
                yield known[left.rule]


def ended(bot: str, rule: str, state: AlertState, why: str, now: float) -> Kept:
    """Return that a rule does not stand as it stood any more."""
    what = What.RECOVERED if state.state is State.FIRING else What.NOTHING
    return Kept(bot, rule, "info", AlertState(since=now, text=why), now, what, why)
