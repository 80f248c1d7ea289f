"""The leader carries out what operators ask for through the web, and answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from controller.clock import Clock
from controller.consent import NO_CONSENT, Consent
from controller.database import Database
from controller.database.notices import Channel
from controller.database.requests import (
    Request,
    add_steps,
    end_request,
    fail_lost_requests,
    take_requests,
)
from controller.passes import NO_WISHES, Pass
from controller.plan import Plan
from controller.records import KillProgress, Wishes
from controller.remote.adoptions import Adopts, ServedAdopting
from controller.remote.bell import Bell, rung
from controller.remote.documents import Arguments, Planned, decode, encode, encode_error
from controller.remote.rollbacks import Rolling, ServedRollbacks
from controller.remote.trouble import NoController
from controller.schedulers.protocol import Placed
from controller.state.changing import StateChange
from schemas.errors import HerdsmanError, UsageError
from schemas.state import StateVersion

_LOG = logging.getLogger(__name__)
_LOOK_EVERY = 1.0
_FOLLOWED_FOR = 600.0
"""Seconds for which the changes of a sync are told of."""
_LOST = NoController(
    "the controller that was carrying this out has ended, and another one leads now: look whether it was "
    "done, and ask again if not"
)


class Asked(Protocol):
    """What can be asked of a controller."""

    @property
    def adopting(self) -> Adopts:
        """Return what has bots take the place of jobs that herdsman did not start."""
        ...

    @property
    def rollbacks(self) -> Rolling:
        """Return what holds bots at other revisions than git's newest."""
        ...

    def request_pass(
        self, trigger: str, *, by: str = "", consent: Consent = NO_CONSENT, wishes: Wishes = NO_WISHES
    ) -> Pass:
        """Ask for a pass."""
        ...

    async def plan(self) -> Plan:
        """Return what a pass would do now."""
        ...

    async def restart(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Restart a bot's process."""
        ...

    async def suspend(
        self, name: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Keep a bot from running."""
        ...

    async def resume(self, name: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End a suspension."""
        ...

    async def suspend_scope(
        self, scope: str, by: str, reason: str, until: float | None = None, *, token: str = ""
    ) -> None:
        """Keep every bot of a scope from running, also those to come."""
        ...

    async def resume_scope(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """End the suspension of exactly this scope."""
        ...

    async def kill(self, scope: str, by: str, reason: str, *, token: str = "") -> KillProgress:
        """Turn the kill switch of a scope on; return how far it has come."""
        ...

    async def release(self, scope: str, by: str, reason: str = "", *, token: str = "") -> None:
        """Turn the kill switch of a scope off."""
        ...

    async def recover(self, by: str, reason: str = "", *, token: str = "") -> list[str]:
        """Take over jobs that the database does not know."""
        ...

    async def query(self, name: str, path: str, params: Mapping[str, Any]) -> str:
        """Return what a bot's query program answers."""
        ...

    async def outdated(self, names: Sequence[str] = ()) -> list[str]:
        """Return the bots whose jobs would be rendered otherwise now."""
        ...

    async def refresh(self, name: str, by: str, reason: str = "", *, token: str = "") -> bool:
        """Apply a bot's job as it is rendered now."""
        ...

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is."""
        ...

    async def change_state(
        self, name: str, change: StateChange, by: str, reason: str, *, token: str = ""
    ) -> StateVersion:
        """Change a bot's saved state while no copy of it runs."""
        ...


class Serving:
    """Takes requests in the order in which they were asked and carries them out side by side."""

    def __init__(self, controller: Asked, database: Database, bell: Bell, clock: Clock, epoch: int) -> None:
        self._controller = controller
        self._database = database
        self._bell = bell
        self._clock = clock
        self._epoch = epoch
        self._kinds: dict[str, Callable[[Request, Arguments], Awaitable[str]]] = {
            "sync": self._sync,
            "plan": self._plan,
            "restart": self._restart,
            "suspend": self._suspend,
            "resume": self._resume,
            "suspend_scope": self._suspend_scope,
            "resume_scope": self._resume_scope,
            "kill": self._kill,
            "release": self._release,
            "recover": self._recover,
            "query": self._query,
            "outdated": self._outdated,
            "refresh": self._refresh,
            "state": self._change_state,
            "placed": self._placed,
            **ServedRollbacks(controller.rollbacks).kinds,
            **ServedAdopting(controller.adopting).kinds,
        }

    async def run(self) -> None:
        """Serve for ever."""
        error, now = encode_error(_LOST), self._clock.time()
        await self._database.run(lambda db: fail_lost_requests(db, self._epoch, now, error))
        async with asyncio.TaskGroup() as group:
            while True:
                ring = self._bell.next(Channel.REQUESTS)
                for request in await self._take():
                    group.create_task(self._carry_out(request))
                await rung(ring, _LOOK_EVERY)

    async def _take(self) -> list[Request]:
        try:
            return await self._database.run(lambda connection: take_requests(connection, self._epoch))
        except HerdsmanError as error:
            _LOG.warning("requests could not be read: %s", error)
            return []

    async def _carry_out(self, request: Request) -> None:
        answer, error = "", ""
        try:
            answer = await self._answer(request)
        except HerdsmanError as failure:
            error = encode_error(failure)
        except Exception as failure:  # noqa: BLE001 - whoever asked hears of it, the others are served
            _LOG.exception("request %s (%s) failed", request.id, request.kind)
            error = encode_error(failure)
        await self._end(request, answer, error)

    async def _end(self, request: Request, answer: str, error: str) -> None:
        """Answer, for as long as we lead if need be: whoever asked waits for it, and it was carried out."""
        now = self._clock.time()
        while True:
            try:
                await self._database.run(
                    lambda db: end_request(db, request.id, now, answer=answer, error=error)
                )
            except HerdsmanError as failure:
                _LOG.warning(
                    "request %s (%s) could not be answered yet: %s", request.id, request.kind, failure
                )
                await self._clock.sleep(_LOOK_EVERY)
            else:
                return

    async def _answer(self, request: Request) -> str:
        carry_out = self._kinds.get(request.kind)
        if carry_out is None:
            raise UsageError(f"this controller cannot {request.kind}: it is of another version than the web")
        try:
            arguments = decode(request.arguments, Arguments)
        except msgspec.MsgspecError as error:
            raise UsageError(f"the request to {request.kind} cannot be read: {error}") from error
        return await carry_out(request, arguments)

    async def _plan(self, request: Request, arguments: Arguments) -> str:
        del request, arguments
        return encode(await self._controller.plan())

    async def _restart(self, request: Request, arguments: Arguments) -> str:
        await self._controller.restart(arguments.name, request.who, request.why, token=request.token)
        return ""

    async def _suspend(self, request: Request, arguments: Arguments) -> str:
        await self._controller.suspend(
            arguments.name, request.who, request.why, arguments.until, token=request.token
        )
        return ""

    async def _resume(self, request: Request, arguments: Arguments) -> str:
        await self._controller.resume(arguments.name, request.who, request.why, token=request.token)
        return ""

    async def _suspend_scope(self, request: Request, arguments: Arguments) -> str:
        scope, until = arguments.name, arguments.until
        await self._controller.suspend_scope(scope, request.who, request.why, until, token=request.token)
        return ""

    async def _resume_scope(self, request: Request, arguments: Arguments) -> str:
        await self._controller.resume_scope(arguments.name, request.who, request.why, token=request.token)
        return ""

    async def _kill(self, request: Request, arguments: Arguments) -> str:
        return encode(
            await self._controller.kill(arguments.name, request.who, request.why, token=request.token)
        )

    async def _release(self, request: Request, arguments: Arguments) -> str:
        await self._controller.release(arguments.name, request.who, request.why, token=request.token)
        return ""

    async def _recover(self, request: Request, arguments: Arguments) -> str:
        del arguments
        return encode(await self._controller.recover(request.who, request.why, token=request.token))

    async def _query(self, request: Request, arguments: Arguments) -> str:
        del request
        return await self._controller.query(arguments.name, arguments.path, arguments.params)

    async def _outdated(self, request: Request, arguments: Arguments) -> str:
        del request
        return encode(await self._controller.outdated(arguments.names))

    async def _refresh(self, request: Request, arguments: Arguments) -> str:
        changed = await self._controller.refresh(
            arguments.name, request.who, request.why, token=request.token
        )
        return encode(changed)

    async def _placed(self, request: Request, arguments: Arguments) -> str:
        del request
        return encode(await self._controller.placed(arguments.name))

    async def _change_state(self, request: Request, arguments: Arguments) -> str:
        if arguments.change is None:
            raise UsageError("the request says no change of the state")
        return encode(
            await self._controller.change_state(
                arguments.name, arguments.change, request.who, request.why, token=request.token
            )
        )

    async def _tell(self, request: Request, step: str) -> None:
        await self._database.run(lambda connection: add_steps(connection, request.id, (step,)))

    async def _sync(self, request: Request, arguments: Arguments) -> str:
        """Carry out a pass: the plan is told at once, then each change as it happens."""
        started = self._controller.request_pass(
            arguments.trigger,
            by=request.who,
            consent=arguments.consent,
            wishes=arguments.wishes,
        )
        plan = await started.planned()
        answer = encode(Planned(plan, tuple(started.changes)))
        await self._database.run(lambda db: add_steps(db, request.id, (), answer))
        try:
            async with asyncio.timeout(_FOLLOWED_FOR):
                async for change in started.follow("running"):
                    await self._tell(request, encode(change))
        except TimeoutError:
            _LOG.info("request %s: its changes are told of no longer; they go on", request.id)
        return ""
