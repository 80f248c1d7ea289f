"""Destinations over HTTP and in the terminal: how they are, and a test message, without any address."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from controller.database.notifications import Delivery, Fate
from schemas.errors import NotFound
from tests.fakes.web import running
from web.access.scopes import Scope

TOP = Path(__file__).parents[3]


class FakeDesk:
    """Fulfils `NotificationDesk`: what goes to `desk` arrives, what goes to `dead` does not."""

    def __init__(self) -> None:
        self.asked_by = ""

    async def destinations(self) -> list[Delivery]:
        routes = "warning and above"
        return [
            Delivery("dead", "slack", routes, None, 3, "refused with 429", 2, 7),
            Delivery("desk", "json", routes, 1_800_000_000.0, 0, "", 0, 0),
        ]

    async def test(self, names: Sequence[str], by: str) -> list[Fate]:
        self.asked_by = by
        if "pager" in names:
            raise NotFound("there is no destination pager; there are: dead, desk")
        return [Fate(f"id-{name}", name, "waiting", 0, "") for name in names or ("dead", "desk")]

    async def fate(self, message: str) -> Fate:
        name = message.removeprefix("id-")
        failed = ("failed", "refused with 429") if name == "dead" else ("sent", "")
        return Fate(message, name, failed[0], 1, failed[1])


async def test_destinations_and_tests_in_the_terminal(tmp_path: Path) -> None:
    """The list says what fails and why; a test says what arrived, and ends with 1 where one did not."""
    desk = FakeDesk()
    async with running(tmp_path, notifications=desk) as web:
        token = tmp_path / "token"
        token.write_text(web.secrets[Scope.OPERATE])
        token.chmod(0o600)

        async def run(*words: str) -> tuple[int, str]:
            command = [sys.executable, "-m", "cli.main", "notify", *words, "--url", web.url]
            command += ["--token-file", str(token)]
            ended = await asyncio.to_thread(
                subprocess.run, command, cwd=TOP, capture_output=True, text=True, check=False
            )
            return ended.returncode, ended.stdout + ended.stderr

        _, listed = await run("list")
        assert "refused with 429" in listed
        assert "7, 2 dropped" in listed
        assert "warning and above" in listed
        assert (await run("test", "desk"))[0] == 0
        code, both = await run("test", "--all")
        assert (code, "desk  sent" in both) == (1, True)
        assert "dead  refused with 429" in both
        assert desk.asked_by
        assert "there are: dead, desk" in (await run("test", "pager"))[1]
        assert "say --all" in (await run("test"))[1]
