"""Adoption where the web is a process of its own: asked here, carried out by the leader."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from controller.database.requests import Request
from controller.records import Adoptable
from controller.remote.asking import Asking
from controller.remote.documents import Arguments, decode, encode


class Adopts(Protocol):
    """What can be asked; `controller.adopting.Adopting` says what each does."""

    async def adoptable(self) -> Adoptable:
        """Return the jobs that are not this fleet's, and the adoptions that wait."""
        ...

    async def adopt(self, name: str, job: str, seen: str, by: str, reason: str, *, token: str = "") -> None:
        """Have a bot take a job's place once git has it."""
        ...

    async def cancel(self, name: str, by: str, reason: str, *, beside: bool = False, token: str = "") -> None:
        """Take an adoption back that has not been carried out; `beside`: both may live."""
        ...


class RemoteAdopting:
    """Asks the leader. Methods raise what the leader raises, NoController."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def adoptable(self) -> Adoptable:
        """Return the jobs that are not this fleet's, and the adoptions that wait."""
        return decode(await self._asking.ask("adoptable", Arguments()), Adoptable)

    async def adopt(self, name: str, job: str, seen: str, by: str, reason: str, *, token: str = "") -> None:
        """Have a bot take a job's place once git has it."""
        arguments = Arguments(name, names=(job, seen))
        await self._asking.ask("adopt", arguments, who=by, why=reason, token=token)

    async def cancel(self, name: str, by: str, reason: str, *, beside: bool = False, token: str = "") -> None:
        """Take an adoption back that has not been carried out; `beside`: both may live."""
        arguments = Arguments(name, names=("beside",) if beside else ())
        await self._asking.ask("adopt_cancel", arguments, who=by, why=reason, token=token)


class ServedAdopting:
    """Carries out what another process asks for."""

    def __init__(self, adopting: Adopts) -> None:
        self._adopting = adopting
        self.kinds: Mapping[str, Callable[[Request, Arguments], Awaitable[str]]] = {
            "adoptable": self._adoptable,
            "adopt": self._adopt,
            "adopt_cancel": self._cancel,
        }

    async def _adoptable(self, request: Request, arguments: Arguments) -> str:
        del request, arguments
        return encode(await self._adopting.adoptable())

    async def _adopt(self, request: Request, arguments: Arguments) -> str:
        job, seen = arguments.names
        await self._adopting.adopt(arguments.name, job, seen, request.who, request.why, token=request.token)
        return ""

    async def _cancel(self, request: Request, arguments: Arguments) -> str:
        name, beside = arguments.name, "beside" in arguments.names
        await self._adopting.cancel(name, request.who, request.why, beside=beside, token=request.token)
        return ""
