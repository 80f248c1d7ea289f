"""SIGKILL of the process that holds agent, intake and stores, at any moment."""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

from telemetry.stores import SeriesQuery
from tests.unit.telemetry.bots import BotFiles, Node

CHECKOUT = Path(__file__).resolve().parents[3]
NOW = 1_795_000_000
LIVES = 6


async def test_kill_minus_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """However often the process is killed while bots print, every line is there once at the end."""
    root = tmp_path / "alloc"
    root.mkdir()
    bots = [BotFiles(root, f"a{number}", bot=f"bot-{number}") for number in range(4)]
    chance = random.Random(11)
    written = 0
    for _ in range(LIVES):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.unit.telemetry.follow", str(tmp_path), cwd=CHECKOUT
        )
        before = written
        while written < before + 600 or chance.random() < 0.98:
            for bot in bots:
                line = f'{{"_metric": "price", "symbol": "A", "value": {written}}}\n'
                bot.print(line if written % 2 else f"line {written}\n", index=written // 900)
            written += 1
            await asyncio.sleep(0.001)
        process.kill()
        await process.wait()
    node = Node(tmp_path)
    await node.read_out()
    for bot in bots:
        stored = Counter(event.message for event in await node.stored(bot=bot.labels.bot))
        expected = Counter(f"price A {n}" if n % 2 else f"line {n}" for n in range(written))
        assert stored == expected
        (series,) = await node.series.query(SeriesQuery(bot.labels.bot, "bot_price", 0, 4e9))
        assert series.points[-1][1] == written - 1 - written % 2
    await node.close()
