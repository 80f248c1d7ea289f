"""A hard end of the process that judges, while bots live on: silences and verdicts go on."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.unit.telemetry.bots import BotFiles

CHECKOUT = Path(__file__).resolve().parents[4]
PRICE = '{"_metric": "price", "symbol": "A", "value": 1}\n'
BEAT = '{"_metric": "heartbeat", "state": "running"}\n'


class Process:
    """The process with agent, intake and desk, and what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[str] = []

    async def says(self, *wanted: str) -> str:
        """Return the next line that is one of these."""
        assert self._process.stdout is not None
        async with asyncio.timeout(100):
            while line := (await self._process.stdout.readline()).decode().strip():
                self.said.append(line)
                if line in wanted:
                    return line
        raise AssertionError(f"it ended, and said only {self.said}")


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Process]:
    """Run it, and kill it at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.telemetry.liveness.watched", str(folder)),
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
    finally:
        process.kill()
        await process.wait()


def a_bot(folder: Path) -> BotFiles:
    """Return a bot whose process is measured: this one."""
    (folder / "alloc").mkdir()
    bot = BotFiles(folder / "alloc", "a1", bot="sma")
    bot.report(t=4e9, kind="started", pid=os.getpid(), launcher_pid=os.getpid())
    return bot


async def trades(bot: BotFiles, process: Process) -> None:
    """Let a bot print prices until it is found well."""

    async def print_prices() -> None:
        while True:
            bot.print(PRICE)
            await asyncio.sleep(0.2)

    printing = asyncio.create_task(print_prices())
    await process.says("verdict healthy")
    await process.says("kept")
    printing.cancel()
    await asyncio.gather(printing, return_exceptions=True)


async def test_a_silence_goes_on_over_a_hard_end(tmp_path: Path) -> None:
    """A bot that was silent before is accused when its own time is over, and not after another warm-up."""
    bot = a_bot(tmp_path)
    async with running(tmp_path) as before:
        await trades(bot, before)
    async with running(tmp_path) as again:
        assert await again.says("verdict not_trading", "verdict healthy") == "verdict not_trading"


async def test_a_verdict_holds_over_a_hard_end(tmp_path: Path) -> None:
    """A bot that was found not to trade is so at once, is not told anew, and is well once it has data."""
    bot = a_bot(tmp_path)
    async with running(tmp_path) as before:
        await trades(bot, before)
        bot.print(BEAT)
        await before.says("verdict not_trading")
        await before.says("kept")
    async with running(tmp_path) as again:
        bot.print(BEAT)
        await again.says("heard heartbeat")
        bot.print(PRICE)
        await again.says("heard price")
        await again.says("verdict healthy")
        assert [line for line in again.said if line.startswith("verdict")] == ["verdict healthy"]
