"""A fleet of real bots on one service, and what herdsman shows of them beside what they say themselves."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.fleet import Fleet
from tests.e2e.service import Service, wait_for

PATIENCE = 600.0
"""Seconds: hundreds of megabytes are installed first, maybe on a machine that is slow."""


@dataclass(frozen=True)
class Fill:
    """One fill, as whoever tells of it has it."""

    side: str
    quantity: float
    price: float
    fee: float


@dataclass(frozen=True)
class Desk:
    """A service, and a clone of its fleet."""

    service: Service
    fleet: Fleet

    def add(self, source: Path, bot: str, **keys: object) -> None:
        """Copy a program byte for byte, and write its one bot in the flat format."""
        name = re.findall(r"^name: (\S+)$", (source / "bot-config.yaml").read_text(), re.MULTILINE)[0]
        shutil.copytree(source, self.fleet.folder / "programs" / name)
        self.add_bot(bot, name, **keys)

    def add_bot(self, bot: str, program: str, version: str = "1.0.0", **keys: object) -> None:
        """Write a bot of a program that the fleet has."""
        written = {"name": bot, "type": f"realtime/{program}", "version": version, **keys}
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in written.items()]
        self.fleet.write(f"bots/{bot}.yaml", "".join(lines))

    def push(self, message: str) -> str:
        """Commit and push all there is, and return the commit."""
        commit = self.fleet.commit(message)
        self.fleet.push()
        return commit

    def figures(self, bot: str) -> dict[str, Any]:
        """Return the figures of a bot that trades in one account and currency, {} before the first."""
        answer = self.service.get(f"/api/v1/bots/{bot}/trading")
        return answer["figures"][0] if len(answer["figures"]) == 1 else {}

    def wait_equity(self, bot: str, equity: float) -> dict[str, Any]:
        """Wait until a bot's equity is this, to a millionth, and return its figures."""

        def look() -> dict[str, Any] | None:
            figures = self.figures(bot)
            shown = figures.get("equity")
            return figures if shown and abs(shown - equity) <= 1e-6 * equity else None

        found = wait_for(look, f"the equity of {bot} to be {equity}", PATIENCE, 0.2)
        assert found is not None
        return found

    def wait_fills(self, bot: str, count: int) -> dict[str, Any]:
        """Wait until so many fills of a bot are counted, and return its figures."""
        look = lambda: figures if (figures := self.figures(bot)).get("fills", 0) >= count else {}  # noqa: E731
        return wait_for(look, f"{count} fills of {bot}", PATIENCE, 0.2)

    def fills(self, bot: str) -> list[Fill]:
        """Return what `herdsman trades` lists, the oldest first."""
        shown = json.loads(self.service.run("trades", bot, "--output", "json").stdout)
        shown = shown["trades"] if isinstance(shown, dict) else shown
        shown.sort(key=lambda one: one["time"])
        return [Fill(one["side"], one["quantity"], one["price"], one["fee"]) for one in shown]

    def lines(self, bot: str, text: str) -> list[dict[str, Any]]:
        """Return the log events of a bot that have this text, the oldest first."""
        found = self.service.get("/api/v1/logs", bot=bot, text=text, kind="log", limit=500)["events"]
        return [one for one in reversed(found) if text in one["message"]]

    def wait_line(self, bot: str, text: str) -> dict[str, Any]:
        """Wait for a log event that has this text, and return the newest."""
        return wait_for(lambda: (self.lines(bot, text) or [{}])[-1], f"{bot} to log {text}", PATIENCE, 0.2)

    def ask(self, what: str, bot: str) -> None:
        """Ask for something of a bot, such as `suspend`, without waiting for what becomes of it."""
        answer = httpx.post(
            f"{self.service.url}/api/v1/bots/{bot}/{what}",
            json={"reason": "end of the day"},
            headers={"Authorization": f"Bearer {self.service.token}"},
            timeout=self.service.patience,
        )
        answer.raise_for_status()

    def suspend(self, bot: str) -> dict[str, Any]:
        """Suspend a bot, wait until its process has ended, and return how: a launcher's report."""
        self.ask("suspend", bot)
        return wait_for(lambda: self._ended(bot), f"{bot} to end", PATIENCE, 0.2)

    def _ended(self, bot: str) -> dict[str, Any]:
        events = self.service.get("/api/v1/logs", bot=bot, kind="lifecycle", limit=50)["events"]
        return next((one["data"] for one in events if one["data"].get("kind") == "exited"), {})

    def wait_value(self, bot: str, series: str, value: float) -> None:
        """Wait until the newest sample of a series, over all of its label sets, has a value."""

        def look() -> bool:
            query = {"metric": series, "start": "-1h", "step": "raw"}
            found = self.service.get(f"/api/v1/bots/{bot}/series", **query)["series"]
            newest = [one["points"][-1][1] for one in found if one["points"]]
            return bool(newest) and abs(sum(newest) - value) <= 1e-6 * abs(value)

        wait_for(look, f"{series} of {bot} to be {value}", PATIENCE, 0.2)

    def wait_alert(self, bot: str, rule: str) -> dict[str, Any]:
        """Wait until an alert of a bot fires, and return it."""

        def look() -> dict[str, Any] | None:
            found = self.service.get("/api/v1/alerts", bot=bot, rule=rule)["alerts"]
            return next((one for one in found if one["state"] == "firing"), None)

        alert = wait_for(look, f"{rule} of {bot}", PATIENCE, 0.2)
        assert alert is not None
        return alert

    def wait_error(self, bot: str, type_: str) -> dict[str, Any]:
        """Wait for an error group of a bot, and return it whole."""

        def look() -> dict[str, Any] | None:
            groups = self.service.get("/api/v1/errors", bot=bot)
            return next((one for one in groups if one["type"] == type_), None)

        group = wait_for(look, f"a {type_} of {bot}", PATIENCE, 0.2)
        assert group is not None
        found: dict[str, Any] = self.service.get(f"/api/v1/errors/{group['id']}")
        return found
