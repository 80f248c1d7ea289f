"""Facts, events and statuses for tests of notifications."""

from dataclasses import replace
from typing import Any

from controller.notifications.conversation import Conversation, Memory, News
from controller.notifications.facts import Fact, fact_of
from controller.status import BotStatus, Health, Reason, Sync
from schemas.alerts import AlertSettings

NOW = 1_800_000_000.0
CRASHING = (Health.DEGRADED, Reason.CRASH_LOOP)
WELL = (Health.HEALTHY, Reason.RUNNING)


def status(
    name: str, health: Health = Health.HEALTHY, reason: Reason = Reason.RUNNING, **more: Any
) -> BotStatus:
    """Return a bot's status."""
    made = BotStatus(
        *(name, "grid", "1.4.2", "realtime", "live", "prod", Sync.SYNCED, health, reason),
        *("exit 1: KeyError", "a" * 40, "a" * 40, 0, None, NOW),
    )
    return replace(made, **more)


class Told:
    """A conversation with its statuses: `become` and `pass_time` return what was told."""

    def __init__(self, settings: AlertSettings | None = None, memory: Memory | None = None) -> None:
        self.settings = settings or AlertSettings()
        self.conversation = Conversation("desk", memory or Memory())
        self.statuses: dict[str, BotStatus] = {}
        self.now = NOW
        self.news: list[News] = []

    def look(self, subject: str) -> Fact | None:
        found = self.statuses.get(subject)
        return fact_of(found, {"team": "trend"}) if found else None

    def become(self, name: str, how: tuple[Health, Reason], **more: Any) -> None:
        self.statuses[name] = status(name, *how, **more)
        self.conversation.fact(fact_of(self.statuses[name], {"team": "trend"}), self.settings, self.now)

    def remove(self, name: str) -> None:
        del self.statuses[name]
        self.conversation.gone(name, self.now)

    def pass_time(self, seconds: float) -> list[News]:
        """Let time pass second by second, and return what was told in it."""
        told: list[News] = []
        for _ in range(int(seconds)):
            self.now += 1
            due = self.conversation.due(self.settings, self.now)
            if due is not None and due <= self.now:
                told += (
                    [news] if (news := self.conversation.close(self.look, self.settings, self.now)) else []
                )
        self.news += told
        return told
