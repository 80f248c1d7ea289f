"""Real frameworks and real bots, as their users write them: their fills, profit and errors appear."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.service import CHECKOUT, Service, wait_for
from tests.e2e.workloads.desk import PATIENCE, Desk, Fill

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

EXAMPLES = CHECKOUT / "examples"
THE0 = Path(__file__).parent / "workloads" / "the0"
QUICK = {"healthy_after": "1s", "kill_timeout": "60s"}


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Run all of them on one service. Their dependencies are large, so that nothing of it is kept."""
    with tempfile.TemporaryDirectory(prefix="herdsman-workloads-") as folder:
        service = Service(Path(folder) / "home", patience=PATIENCE).start()
        try:
            fleet = Fleet(Path(folder) / "fleet", service)
            fleet.folder.mkdir()
            fleet.git("init", "-q", "-b", "main")
            service.run("init", str(fleet.folder), "--connect-only")
            desk = Desk(service, fleet)
            waves = {"ticks": 1500, "tick_seconds": 0.001, "settle_seconds": 0.2}
            desk.add(EXAMPLES / "nautilus", "nautilus", memory_limit="1Gi", **waves, herdsman=QUICK)
            desk.add(EXAMPLES / "backtrader", "backtrader", bars=200, bar_seconds=0.005, herdsman=QUICK)
            desk.add(THE0 / "trader", "python", herdsman={**QUICK, "currency": "USDT"})
            desk.add(THE0 / "trader-node", "node", herdsman={**QUICK, "currency": "USDT"})
            fleet.write("rules/nautilus.yaml", documented_rule())
            desk.push("bots as their users write them")
            yield desk
        finally:
            service.stop()


def documented_rule() -> str:
    """Return the log rule for nautilus_trader that docs/bots.md shows."""
    (rule,) = re.findall(r"```yaml\n(rules:\n.*?)```", (CHECKOUT / "docs" / "bots.md").read_text(), re.DOTALL)
    return str(rule)


def number(text: str) -> float:
    """Return a number as nautilus_trader prints it: 59_849.70 USDT."""
    return float(text.split()[0].replace("_", ""))


def field(event: str, name: str) -> str:
    """Return a field of an event in nautilus_trader's log."""
    found = re.search(rf"\b{name}=([^,)]*)", event)
    assert found is not None, event
    return found[1]


def logged_fill(event: str) -> Fill:
    """Return a fill as nautilus_trader logs it."""
    side, fee = field(event, "order_side").lower(), number(field(event, "commission"))
    return Fill(side, number(field(event, "last_qty")), number(field(event, "last_px")), fee)


def test_nautilus_trader_in_its_sandbox(desk: Desk) -> None:
    """Fills, positions, equity and profit are those of the framework's own log; SIGTERM ends it in order."""
    desk.service.wait_health("nautilus", "Healthy", PATIENCE)
    desk.wait_fills("nautilus", 5)

    def positions() -> list[tuple[str, float, str]]:
        """Return those that are open: none for the moment in which it turns from long to short."""
        found = desk.service.get("/api/v1/positions", bot="nautilus")["positions"]
        return [(one["symbol"], one["quantity"], one["currency"]) for one in found]

    wait_for(lambda: positions() == [("BTCUSDT-PERP.SIM", 0.1, "USDT")], "its one position")
    wait_for(lambda: "BTCUSDT-PERP.SIM" in desk.service.run("positions").stdout, "it to be listed")
    ended = desk.suspend("nautilus")
    assert (ended["outcome"], ended["exit_code"]) == ("stopped", 0), ended
    assert desk.wait_line("nautilus", "Received SIGTERM")["level"] == "warning"
    desk.wait_line("nautilus", "TradingNode: DISPOSED")
    told = [logged_fill(one["message"]) for one in desk.lines("nautilus", "OrderFilled(")]
    total = number(field(desk.lines("nautilus", "Updated AccountState(")[-1]["message"], "total"))
    figures = desk.wait_equity("nautilus", total)
    assert desk.fills("nautilus") == told
    assert figures["fills"] == len(told)
    closed = desk.lines("nautilus", "PositionClosed(")
    made = sum(number(field(one["message"], "realized_pnl")) for one in closed)
    assert figures["realized_pnl"] - figures["fees"] == pytest.approx(made)
    assert figures["trips"]["count"] == len(closed)
    assert figures["open_positions"] == figures["open_orders"] == 0
    assert abs(figures["reconciliation"]["difference"]) < 1e-6 * figures["equity"]
    shown = desk.service.get("/api/v1/logs", bot="nautilus", kind="log", limit=500)["events"]
    assert [
        one["message"] for one in shown if (one["level"] == "error") != ("[ERROR]" in one["message"])
    ] == []
    names = "bot_log_nautilus_fill_total", "bot_log_nautilus_fill_fee_usdt_total"
    for name, value in zip(names, (len(told), figures["fees"]), strict=True):
        desk.wait_value("nautilus", name, value)
    assert all("\x1b" not in one["message"] for one in desk.lines("nautilus", "TradingNode"))


def test_backtrader_live(desk: Desk) -> None:
    """What it made is what its own analyzer says at its end; the position that it leaves open is named."""
    desk.service.wait_health("backtrader", "Healthy", PATIENCE)
    desk.wait_fills("backtrader", 5)
    ended = desk.suspend("backtrader")
    assert (ended["outcome"], ended["exit_code"]) == ("stopped", 0), ended
    said = desk.wait_line("backtrader", "ended: value")
    value, closed, net = re.findall(
        r"(-?[\d.]+)(?: trades closed|,|$)", said["message"].partition("value")[2]
    )
    figures = desk.wait_equity("backtrader", float(value))
    assert figures["trips"]["count"] == int(closed)
    trips = figures["trips"]
    won = desk.lines("backtrader", "trade closed")
    assert len(won) == int(closed)
    assert trips["expectancy"] is None or trips["expectancy"] * trips["count"] == pytest.approx(float(net))
    assert figures["net_pnl"] == pytest.approx(float(value) - 100_000)
    assert len(desk.fills("backtrader")) == figures["fills"]
    (position,) = desk.service.get("/api/v1/positions", bot="backtrader")["positions"]
    assert (position["symbol"], position["quantity"]) == ("BTC/USDT", 0.5)
    left = desk.wait_alert("backtrader", "left-open")
    assert f"{position['side']} 0.5 BTC/USDT" in left["text"]


@pytest.mark.parametrize(
    ("bot", "error", "file"), [("python", "KeyError", "main.py"), ("node", "TypeError", "main.js")]
)
def test_bots_of_the0(desk: Desk, bot: str, error: str, file: str) -> None:
    """Fills, position, profit and an error that was only logged, of programs in the0's own idiom."""
    said = desk.wait_line(bot, "Summary")["data"]
    figures = desk.wait_equity(bot, said["value"])
    assert (figures["fills"], figures["currency"]) == (said["fills"], "USDT")
    assert figures["realized_pnl"] == pytest.approx(said["realized"])
    assert figures["fees"] == pytest.approx(said["fees"])
    assert len(desk.fills(bot)) == said["fills"]
    (position,) = desk.service.get("/api/v1/positions", bot=bot)["positions"]
    assert (position["side"], position["quantity"], position["symbol"]) == ("long", said["held"], "BTC")
    group = desk.wait_error(bot, error)
    assert (group["error"]["file"], group["error"]["count"]) == (file, 1)


def with_a_mistake(folder: Path, handler: str) -> int:
    """Put a mistake into a strategy's handler, raise the program's version, and return the mistake's line."""
    text = (folder / "strategy.py").read_text()
    head = re.search(rf"^( +)def {handler}\(.*\n", text, re.MULTILINE)
    assert head is not None
    text = text.replace(head[0], f"{head[0]}{head[1]}    edge = 1 / (self.spread - 0.5)\n")
    text = text.replace("    def __init__(self", "    spread = 0.5\n\n    def __init__(self")
    (folder / "strategy.py").write_text(text)
    config = (folder / "bot-config.yaml").read_text()
    (folder / "bot-config.yaml").write_text(config.replace("version: 1.0.0", "version: 1.0.1"))
    return text[: text.index("edge = ")].count("\n") + 1


@pytest.mark.parametrize(
    ("program", "handler", "quickly"),
    [
        ("nautilus-ema", "on_bar", {"tick_seconds": 0.001}),
        ("backtrader-sma", "next", {"bar_seconds": 0.005}),
    ],
)
def test_an_exception_in_a_strategy_is_an_error_at_its_commit(
    desk: Desk, program: str, handler: str, quickly: dict[str, float]
) -> None:
    """The frame is the strategy's own line in the revision that brought it, whatever framework is around."""
    bot = f"hasty-{handler.replace('_', '-')}"
    line = with_a_mistake(desk.fleet.folder / "programs" / program, handler)
    desk.add_bot(bot, program, version="1.0.1", **quickly, herdsman=QUICK)
    commit = desk.push("an edge")
    group = desk.wait_error(bot, "ZeroDivisionError")
    error = group["error"]
    assert (error["file"], error["line"], error["version"]) == ("strategy.py", line, "1.0.1")
    assert (error["since_revision"], "division" in error["message"]) == (commit, True)
    own = [frame["file"] for frame in group["trace"][0]["frames"] if frame["in_app"]]
    assert own[-1] == "strategy.py"
    assert set(own) <= {"strategy.py", "main.py"}
    where = {"program": program, "version": "1.0.1", "revision": commit, "file": "strategy.py", "line": line}
    code = desk.service.get("/api/v1/code", **where)["lines"]
    assert ["edge = 1 /" in one["text"] for one in code if one["number"] == line] == [True]
    assert "ZeroDivisionError" in desk.service.run("errors", bot).stdout
    why = "ZeroDivisionError: float division"
    wait_for(lambda: why in desk.service.bots()[bot]["message"], f"{bot} to say why", PATIENCE, 0.2)
    desk.ask("suspend", bot)
