"""SIGKILL of the process that follows trading, at any moment."""

import asyncio
import sys
from pathlib import Path

from tests.unit.telemetry.bots import BotFiles
from tests.unit.telemetry.trading.follow import TradingNode

CHECKOUT = Path(__file__).resolve().parents[4]
LIVES = 4
LINES = 250
FILL = '{"_metric": "trade", "symbol": "A/USDT", "side": "buy", "quantity": 1, "price": 2}\n'


async def test_kill_minus_9_loses_and_doubles_no_fill(tmp_path: Path) -> None:
    """However often it is killed between telling, storing and keeping, every fill counts once at the end."""
    root = tmp_path / "alloc"
    root.mkdir()
    bots = [BotFiles(root, f"a{number}", bot=f"bot-{number}") for number in range(3)]
    written = 0
    for life in range(LIVES):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.unit.telemetry.trading.follow", str(tmp_path)),
            stdout=asyncio.subprocess.PIPE,
            cwd=CHECKOUT,
        )
        assert process.stdout
        if life % 2:  # what is printed meets a process that starts, or one that runs, and then its end
            assert await process.stdout.readline() == b"kept\n"
        for number in range(LINES):
            for bot in bots:
                bot.print(FILL)
                bot.print(f"line {number}\n")
            written += 1
            await asyncio.sleep(0.002)
        process.kill()
        await process.communicate()
    node = TradingNode(tmp_path)
    await node.desk.catch_up()
    await node.read_out()
    for bot in bots:
        (view,) = node.desk.accounts(bot.labels.bot)
        (position,) = view.positions
        assert (view.fills, position.quantity) == (written, written)
    await node.close()
