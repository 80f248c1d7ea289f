"""How bots live and what they leave open, told to the alerts: verdicts, ends and removals."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cli.service.liveness_parts import Liveness
from controller.status import Health, Reason
from telemetry.alert_desk import AlertDesk
from telemetry.alerts.ports import Muting, Setup, What
from telemetry.alerts.states import State
from telemetry.alerts.watch import BotProfile
from telemetry.liveness.watch import LivenessView
from telemetry.liveness_desk import LivenessDesk
from telemetry.records import Sample
from telemetry.resources_desk import ResourcesDesk
from telemetry.trading_desk import TradingDesk
from tests.fakes.controller import FakeController, bot_status
from tests.fakes.telemetry import MemoryEvents, MemoryLiveness, MemorySeries, MemoryTrading
from tests.unit.telemetry.alerts.test_desk import Book, FakeHands, Risks
from tests.unit.telemetry.trading.lines import Printer

NOW = 1_790_000_000.0


@dataclass
class Screen:
    """Who looks."""

    views: list[LivenessView] = field(default_factory=list)

    def lives(self, view: LivenessView) -> None:
        self.views.append(view)

    def derived(self, bot: str, samples: Any) -> None:
        """Look at no sample."""


class Service:
    """A fleet of one bot that trades, and its alerts; time moves as a test says."""

    def __init__(self, book: Book | None = None, mode: str = "live") -> None:
        self.now = NOW
        self.book = book or Book()
        self.controller = FakeController({"sma": bot_status("sma", started_at=NOW, mode=mode)})
        self.liveness = LivenessDesk(MemoryLiveness(), MemorySeries(), None, self.clock, self.clock)
        self.trading = TradingDesk(MemoryEvents(), MemoryTrading(), MemorySeries(), clock=self.clock)
        self.resources = ResourcesDesk(MemorySeries(), clock=self.clock)
        self.alerts = AlertDesk(self.book, FakeHands(), Risks(), clock=self.clock)
        self.alerts.setup, self.alerts.fleet = self.setup, lambda: ()
        self.alerts.bots = lambda: list(self.controller.bots)
        self.screen = Screen()
        self.parts = Liveness(
            self,  # type: ignore[arg-type]
            self.controller,
            self.screen,  # type: ignore[arg-type]
            self.alerts,
            lambda _: {},
            self.clock,
        )
        self.says = Printer("sma", mode="live")

    def clock(self) -> float:
        return self.now

    def setup(self, bot: str) -> Setup | None:
        status = self.controller.bots.get(bot)
        known = self.__dict__.setdefault("known", {})
        return (
            known.setdefault(bot, Setup(BotProfile(bot, "trend", "main", mode=status.mode)))
            if status
            else None
        )

    def becomes(self, **status: Any) -> None:
        """Have the controller tell another status of the bot."""
        self.controller.bots["sma"] = replace(self.controller.bots["sma"], **status)
        self.liveness.changed("sma")

    async def passes(self, seconds: float) -> None:
        """Let time pass: judge, tell, keep."""
        for _ in range(int(seconds)):
            self.now += 1.0
            self.liveness.samples("sma", [Sample("bot_up", {"bot": "sma"}, self.now, 1.0)])
            await self.liveness.look()
            await self.parts._tell_all()
            await self.alerts.refresh(everyone=self.now == NOW + 1)
            while self.alerts.engine.due(self.now):
                pass
            await self.alerts.flush()

    async def trades(self) -> None:
        """Buy, and let the bot hold what it bought."""
        await self.trading.catch_up()
        await self.alerts.load()
        self.trading.events("sma", [self.says.fill("buy", 0.5, 64000, account="main")])
        await self.passes(3)

    def fired(self, rule: str = "left-open") -> list[str]:
        """Return what was told of a rule, in order."""
        return [f"{one.what.value}: {one.text}" for one in self.book.past if one.rule == rule]


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (
            {"health": Health.SUSPENDED, "reason": Reason.SUSPENDED, "message": 'by ops: "x"'},
            'suspended: by ops: "x"',
        ),
        (
            {"health": Health.SUSPENDED, "reason": Reason.KILL_SWITCH, "message": "kill switch"},
            "suspended: kill switch",
        ),
        ({"health": Health.DEGRADED, "reason": Reason.CRASH_LOOP, "message": "crashed"}, "crashed: crashed"),
        ({"health": Health.MISSING, "reason": Reason.NOT_APPLIED, "message": "stopped"}, "finished: stopped"),
    ],
)
async def test_a_bot_that_ends_with_an_open_position_is_told_once(status: dict[str, Any], how: str):
    """Suspended, killed, crashing for good or ended: the alert names what is open, until the bot is back."""
    service = Service()
    await service.trades()
    service.becomes(started_at=None, **status)
    await service.passes(60)
    (told,) = service.fired()
    assert told.startswith(
        f"fired: it ended ({how}) and left open: long 0.5 BTC/USDT at 64000 (live, account main)"
    )
    service.becomes(health=Health.HEALTHY, reason=Reason.RUNNING, message="", started_at=service.now)
    await service.passes(125)
    assert service.fired() == [told, "recovered: healthy"]


async def test_a_bot_that_closes_all_within_its_last_lines_is_not_told():
    """What it prints while it ends may arrive a moment after its end."""
    service = Service()
    await service.trades()
    service.becomes(started_at=None, health=Health.SUSPENDED, reason=Reason.SUSPENDED)
    await service.passes(5)
    service.trading.events("sma", [service.says.fill("sell", 0.5, 64000, account="main")])
    await service.passes(30)
    assert service.fired() == []


@pytest.mark.parametrize(
    ("printed", "mode", "severity"),
    [("dry", "dry", ["warning"]), ("live", "live", ["critical"]), ("dry", "live", [])],
)
@pytest.mark.parametrize("removed", [False, True])
async def test_what_is_open_on_paper_is_a_warning_and_no_matter_of_a_live_bot(
    printed: str,
    mode: str,
    severity: list[str],
    removed: bool,
):
    """The mode of the manifest counts: paper is nobody's money, and the dry past of a live bot is past."""
    service = Service(mode=mode)
    service.says = Printer("sma", mode=printed)
    await service.trades()
    if removed:
        service.controller.bots.pop("sma")
        service.liveness.removed("sma")
        service.alerts.attend("sma")
    else:
        service.becomes(started_at=None, health=Health.SUSPENDED, reason=Reason.SUSPENDED)
    for _ in range(30):
        service.now += 1.0
        await service.liveness.look()
        await service.parts._tell_all()
        await service.alerts.refresh()
        while service.alerts.engine.due(service.now):
            pass
        await service.alerts.flush()
    found = [one.severity for one in service.book.past if one.rule == "left-open"]
    assert found == severity


async def test_a_crash_that_is_started_again_is_not_told():
    """One crash among good runs leaves nothing to itself."""
    service = Service()
    await service.trades()
    service.becomes(started_at=None, health=Health.PROGRESSING, reason=Reason.RESTARTING)
    await service.passes(60)
    assert service.fired() == []


async def test_a_removed_bot_is_told_and_stays_told_until_it_is_back():
    """Removal ends its other alerts; what it left open is told over a restart, and over once it is back."""
    service = Service()
    await service.trades()
    status = service.controller.bots.pop("sma")
    service.liveness.removed("sma")
    service.alerts.attend("sma")
    for _ in range(30):
        service.now += 1.0
        await service.alerts.refresh()
        await service.parts._tell_all()
        await service.alerts.flush()
    (told,) = service.fired()
    assert told.startswith("fired: it ended (removed from git) and left open: long 0.5 BTC/USDT")
    again = Service(service.book)
    again.controller.bots.clear()
    again.now = service.now
    await again.alerts.load()
    await again.alerts.refresh(everyone=True)
    await again.alerts.flush()
    assert service.book.rows["sma", "left-open"].state.state is State.FIRING
    (left,) = again.alerts.standing([State.FIRING], "sma")
    assert (left.rule, left.severity) == ("left-open", "critical")
    again.alerts.note("sma", "left-open", What.ACKNOWLEDGED, "closing it", acked_by="ann")
    again.alerts.mutings["m1"] = Muting("m1", "sma", "", again.now + 5, "ann", "known", again.now)
    again.alerts.look_at_mutes()
    found = again.alerts.find("sma", "left-open")
    assert found is not None
    assert (found.state.acked_by, found.muted) == ("ann", True)
    again.controller.bots["sma"] = status
    again.alerts.attend("sma")
    await again.passes(125)
    assert again.fired()[1:] == ["acknowledged: closing it", "recovered: healthy"]


async def test_a_bot_that_was_never_heard_of_is_told_of():
    """Placed, and no word from its node's agent: it is unknown, with what to look at; an alert says so."""
    service = Service()
    await service.alerts.load()
    asks = "no report from the node yet: is `herdsman agent` running there"
    unheard = {"health": Health.UNKNOWN, "reason": Reason.AWAITING_REPORT, "started_at": None}
    service.becomes(**unheard, message=asks, since=service.now)
    await service.passes(5)
    assert service.fired("stream-lost") == []
    service.becomes(since=service.now - 100)
    await service.passes(5)
    assert service.screen.views[-1].verdict == "stream_lost"
    (told,) = service.fired("stream-lost")
    assert told == f"fired: {asks}: how it is, is not known"


async def test_verdicts_reach_alerts_that_were_set_up_later():
    """A verdict that was found before the bot's rules were known fires all the same, and once."""
    service = Service()
    await service.alerts.load()
    service.becomes(health=Health.UNKNOWN, reason=Reason.NODE_LOST, message="node n1 is silent")
    await service.passes(5)
    assert service.screen.views[-1].verdict == "stream_lost"
    assert service.fired("stream-lost") == []  # the status tells of lost nodes already
    service.becomes(health=Health.HEALTHY, reason=Reason.RUNNING, message="")
    await service.passes(60)
    service.liveness.samples = lambda *_: None  # type: ignore[method-assign]
    await service.passes(60)
    (told,) = service.fired("stream-lost")
    assert told.startswith("fired: no word of its process for more than 30 s")
