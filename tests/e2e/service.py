"""The product under test, as a person runs it: the installed command, its data folder, its API."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.engines.ports import free_port

T = TypeVar("T")
CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).parent / "herdsman")
ENGINES = CHECKOUT / ".engines" / "bin"
_TRUST = ssl.create_default_context()
"""Made once: httpx would read all authorities for each request, 30 ms of work in loops that wait."""
PATIENCE = 120.0
"""Seconds that anything may take which is really awaited: a machine may be many times slower than another."""


def wait_for(look: Callable[[], T], what: str, seconds: float = PATIENCE, every: float = 0.05) -> T:
    """Look again and again until something true is seen, and return it; a busy machine is waited for."""
    seconds = max(seconds, PATIENCE)
    until = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < until, f"waited {seconds:g} s for {what}"
        time.sleep(every)


@dataclass
class Service:
    """One `herdsman up` with its own home, data folder and port."""

    home: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    command: str = COMMAND
    """The installed herdsman: this checkout's, where nothing else is said."""
    process_kind: str = "up"
    """up, controller or web."""
    begun_at: float = 0.0
    """When it was started last (Unix seconds)."""
    patience: float = PATIENCE
    """Seconds within which it is ready, has ended, or has carried out a command, also on a busy machine."""
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    """What else is in its environment, such as Nomad's token."""

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return (self.data / "admin-token").read_text().strip()

    @property
    def log(self) -> Path:
        return self.home / f"{self.process_kind}-{self.port}.log"

    def environment(self) -> dict[str, str]:
        """Return the environment of a person with an empty home."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("XDG_", "HERDSMAN_", "GIT_"))
        }
        return kept | {
            "HOME": str(self.home),
            "HERDSMAN_DATA": str(self.data),
            "NO_COLOR": "1",
            "GIT_AUTHOR_NAME": "desk",
            "GIT_AUTHOR_EMAIL": "desk@example.com",
            "GIT_COMMITTER_NAME": "desk",
            "GIT_COMMITTER_EMAIL": "desk@example.com",
            "GIT_CONFIG_NOSYSTEM": "1",
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            **self.variables,
        }

    def start(self) -> "Service":
        """Start the service and wait until it is ready."""
        self.begin()
        try:
            wait_for(self.is_ready, "herdsman to be ready", self.patience)
        except AssertionError:
            self.kill()
            raise
        return self

    def begin(self) -> None:
        """Start the service."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [self.command, *self.arguments()]
        self.begun_at = time.time()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=self.environment(), cwd=self.home
            )

    def arguments(self) -> list[str]:
        """Return what stands behind the command."""
        listen = f"127.0.0.1:{self.port}"
        return [self.process_kind, "--data", str(self.data), "--listen", listen, *self.options]

    def is_ready(self) -> bool:
        """Tell whether it answers; a process that ended fails the test with what it said."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/readyz", timeout=20, verify=_TRUST).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """Ask it to end, as Ctrl-C does, and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=self.patience)

    def kill(self) -> None:
        """End it without a chance to clean up."""
        assert self.process is not None
        self.end()

    def end(self) -> None:
        """Kill it where it still runs; nothing of it is left then, whatever happened before."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=self.patience)

    def get(self, path: str, **query: Any) -> Any:
        """Return a document of the API."""
        answer = httpx.get(
            f"{self.url}{path}",
            params=query,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            verify=_TRUST,
        )
        answer.raise_for_status()
        return answer.json()

    def bots(self) -> dict[str, dict[str, Any]]:
        """Return the fleet by name."""
        return {bot["name"]: bot for bot in self.get("/api/v1/bots")}

    def wait_health(
        self, name: str, health: str, seconds: float = PATIENCE, revision: str = ""
    ) -> dict[str, Any]:
        """Wait until a bot has this health, at a revision (a push may end before that); return it."""

        def look() -> dict[str, Any] | None:
            bot = self.bots().get(name)
            there = bot and bot["health"] == health and revision in ("", bot["applied_revision"])
            return bot if there else None

        try:
            found = wait_for(look, f"{name} to be {health}", seconds, 0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.bots().get(name)}") from None
        assert found is not None
        return found

    def wait_back(self, name: str) -> dict[str, Any]:
        """Wait until a local bot was started by this life of herdsman and is healthy, and return it.

        What an earlier life, or a restored backup, told of it is still told until it was looked at.
        """

        def look() -> dict[str, Any] | None:
            bot = self.bots().get(name)
            back = bot and bot["health"] == "Healthy" and (bot["started_at"] or 0.0) > self.begun_at
            return bot if back else None

        found = wait_for(look, f"{name} to be back", every=0.1)
        assert found is not None
        return found

    def run(
        self, *arguments: str, check: bool = True, cwd: Path | None = None, **extra: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run another command of the product as the same person, in their home where nothing else is said."""
        done = subprocess.run(
            [self.command, *arguments],
            capture_output=True,
            text=True,
            env=self.environment() | extra,
            cwd=cwd or self.home,
            timeout=max(90.0, self.patience),
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def status(self) -> dict[str, dict[str, Any]]:
        """Return what `herdsman status --output json` prints, by name."""
        return {bot["name"]: bot for bot in json.loads(self.run("status", "--output", "json").stdout)}
