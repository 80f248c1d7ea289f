"""Whole commands against a web service over fakes: what they print, how they exit, what they ask for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from cli.environments import Environment, Environments, environments_file, write_environments
from cli.main import herdsman, report
from tests.fakes.controller import FakeController
from tests.fakes.web import Running, running
from web.access.scopes import Scope


@dataclass(frozen=True)
class Said:
    """How a command ended, with what it printed; what became an error is the last of `error`."""

    code: int
    out: str
    error: str


@dataclass(frozen=True)
class Terminal:
    """A person's terminal beside a service, and a file with an operator's token for it."""

    web: Running
    home: Path

    @property
    def controller(self) -> FakeController:
        """Return the controller, which notes what it was asked for."""
        return self.web.controller

    async def run(self, *arguments: str, scope: Scope = Scope.OPERATE) -> Said:
        """Run a command with the token of a scope."""
        variables = {"HERDSMAN_URL": self.web.url, "HERDSMAN_TOKEN": self.web.secrets[scope]}
        return await asyncio.to_thread(self._run, arguments, variables)

    async def run_protected(self, *arguments: str) -> Said:
        """Run a command on the service as a protected environment, where nobody can be asked."""
        write_environments(Environments({"desk": Environment("desk", self.web.url, protected=True)}))
        assert environments_file().is_relative_to(self.home)
        options = ("--env", "desk", "--token-file", str(self.home / "token"))
        return await asyncio.to_thread(self._run, (*arguments, *options), {})

    def _run(self, arguments: tuple[str, ...], variables: dict[str, str]) -> Said:
        done = CliRunner().invoke(herdsman, list(arguments), env={"NO_COLOR": "1", **variables})
        failed = done.exception
        if failed is None or isinstance(failed, SystemExit):
            return Said(done.exit_code, done.stdout, done.stderr)
        return Said(report(failed), done.stdout, f"{done.stderr}{failed}")


@asynccontextmanager
async def terminal(home: Path) -> AsyncIterator[Terminal]:
    """Run a service over fakes; nothing of the person's is looked for outside of `home`."""
    async with running(home) as web:
        token = home / "token"
        token.write_text(web.secrets[Scope.OPERATE])
        token.chmod(0o600)
        yield Terminal(web, home)
