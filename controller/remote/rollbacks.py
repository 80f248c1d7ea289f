"""Going back where the web is a process of its own: asked here, carried out by the leader."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from controller.database import Database
from controller.database.deployments import load_deployments
from controller.database.requests import Request
from controller.remote.asking import Asking
from controller.remote.documents import Arguments, decode, encode
from controller.remote.mirror import Mirror
from controller.rollback.records import Deployment, WentBack
from controller.status import Hold


class Rolling(Protocol):
    """What can be asked; `controller.rollback.operating.Rollbacks` says what each does."""

    async def roll_back(
        self,
        name: str,
        to: str,
        by: str,
        reason: str,
        until: float | None = None,
        *,
        allow_major: bool = False,
        token: str = "",
    ) -> WentBack:
        """Hold a bot at what it was at a revision."""
        ...

    async def roll_back_all(
        self,
        to: str,
        by: str,
        reason: str,
        until: float | None = None,
        *,
        allow_major: bool = False,
        confirm_prune: bool = False,
        token: str = "",
    ) -> WentBack:
        """Hold all bots at what they were at a revision."""
        ...

    async def unpin(
        self, subject: str, by: str, reason: str, *, confirm_prune: bool = False, token: str = ""
    ) -> WentBack:
        """End a pin."""
        ...

    async def retry(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Apply once more what did not get healthy."""
        ...

    async def deployments(self, name: str) -> list[Deployment]:
        """Return what was applied to a bot, the newest first."""
        ...

    def fleet_holds(self) -> list[Hold]:
        """Return what holds all bots."""
        ...


class RemoteRollbacks:
    """Asks the leader. Methods raise what the leader raises, NoController."""

    def __init__(self, mirror: Mirror, asking: Asking, database: Database) -> None:
        self._mirror = mirror
        self._asking = asking
        self._database = database

    async def roll_back(
        self,
        name: str,
        to: str,
        by: str,
        reason: str,
        until: float | None = None,
        *,
        allow_major: bool = False,
        token: str = "",
    ) -> WentBack:
        """Hold a bot at what it was at a revision."""
        arguments = Arguments(name, until, to=to, allow_major=allow_major)
        return decode(
            await self._asking.ask("roll_back", arguments, who=by, why=reason, token=token), WentBack
        )

    async def roll_back_all(
        self,
        to: str,
        by: str,
        reason: str,
        until: float | None = None,
        *,
        allow_major: bool = False,
        confirm_prune: bool = False,
        token: str = "",
    ) -> WentBack:
        """Hold all bots at what they were at a revision."""
        arguments = Arguments(until=until, to=to, allow_major=allow_major, confirm_prune=confirm_prune)
        return decode(
            await self._asking.ask("roll_back_all", arguments, who=by, why=reason, token=token), WentBack
        )

    async def unpin(
        self, subject: str, by: str, reason: str, *, confirm_prune: bool = False, token: str = ""
    ) -> WentBack:
        """End a pin."""
        arguments = Arguments(subject, confirm_prune=confirm_prune)
        return decode(await self._asking.ask("unpin", arguments, who=by, why=reason, token=token), WentBack)

    async def retry(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Apply once more what did not get healthy."""
        await self._asking.ask("retry", Arguments(name), who=by, why=reason, token=token)

    async def deployments(self, name: str) -> list[Deployment]:
        """Return what was applied to a bot, the newest first."""
        return await self._database.run(lambda connection: load_deployments(connection, name))

    def fleet_holds(self) -> list[Hold]:
        """Return what holds all bots."""
        return list(self._mirror.fleet.holds)


class ServedRollbacks:
    """Carries out what another process asks for."""

    def __init__(self, rollbacks: Rolling) -> None:
        self._rollbacks = rollbacks
        self.kinds: Mapping[str, Callable[[Request, Arguments], Awaitable[str]]] = {
            "roll_back": self._roll_back,
            "roll_back_all": self._roll_back_all,
            "unpin": self._unpin,
            "retry": self._retry,
        }

    async def _roll_back(self, request: Request, arguments: Arguments) -> str:
        return encode(
            await self._rollbacks.roll_back(
                arguments.name,
                arguments.to,
                request.who,
                request.why,
                arguments.until,
                allow_major=arguments.allow_major,
                token=request.token,
            )
        )

    async def _roll_back_all(self, request: Request, arguments: Arguments) -> str:
        return encode(
            await self._rollbacks.roll_back_all(
                arguments.to,
                request.who,
                request.why,
                arguments.until,
                allow_major=arguments.allow_major,
                confirm_prune=arguments.confirm_prune,
                token=request.token,
            )
        )

    async def _unpin(self, request: Request, arguments: Arguments) -> str:
        return encode(
            await self._rollbacks.unpin(
                arguments.name,
                request.who,
                request.why,
                confirm_prune=arguments.confirm_prune,
                token=request.token,
            )
        )

    async def _retry(self, request: Request, arguments: Arguments) -> str:
        await self._rollbacks.retry(arguments.name, request.who, request.why, token=request.token)
        return ""
