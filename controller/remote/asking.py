"""The web asks the leader: a row in the database, answered in the database, told of by a notice."""

import time
import uuid
from collections.abc import AsyncIterator, Callable

from controller.database import Database
from controller.database.notices import Channel
from controller.database.requests import (
    Request,
    RequestState,
    add_request,
    drop_request,
    find_request,
    load_steps,
    withdraw_request,
)
from controller.remote.bell import Bell, rung
from controller.remote.documents import Arguments, decode_error, encode
from controller.remote.trouble import NoController

_LOOK_EVERY = 0.5
PATIENCE = 10.0
"""Seconds in which a leader must begin with a request; then it is withdrawn."""
_ENDED = (RequestState.DONE, RequestState.FAILED, RequestState.WITHDRAWN)


class Asking:
    """Asks, and waits for the answer; a request that no leader begins with in time is withdrawn."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ) -> None:
        self._database = database
        self._bell = bell
        self._clock = clock
        self._patience = patience

    async def ask(
        self,
        kind: str,
        arguments: Arguments,
        *,
        who: str = "",
        why: str = "",
        token: str = "",
        forget: bool = False,
    ) -> str:
        """Return the answer (JSON). Raises what the leader raised, and NoController where none began.

        `forget`: keep neither the request nor its answer.
        """
        request = await self._add(kind, arguments, who, why, token)
        while True:
            ring = self._bell.next(Channel.ANSWERS)
            found = await self._look(request)
            if found.state in _ENDED:
                if forget:
                    await self._database.run(lambda connection: drop_request(connection, request.id))
                return _answer_of(found)
            await rung(ring, _LOOK_EVERY)

    async def follow(self, kind: str, arguments: Arguments, *, who: str = "") -> AsyncIterator[str]:
        """Yield the answer as soon as there is one, then every step, until the request has ended."""
        request = await self._add(kind, arguments, who, "", "")
        answered, last = False, 0
        while True:
            ring = self._bell.next(Channel.ANSWERS)
            found = await self._look(request)
            if found.answer and not answered:
                answered = True
                yield found.answer
            for number, step in await self._steps(request, last):
                last = number
                yield step
            if found.state in _ENDED:
                _answer_of(found)
                return
            await rung(ring, _LOOK_EVERY)

    async def _steps(self, request: Request, after: int) -> list[tuple[int, str]]:
        return await self._database.run(lambda connection: load_steps(connection, request.id, after))

    async def _add(self, kind: str, arguments: Arguments, who: str, why: str, token: str) -> Request:
        request = Request(uuid.uuid4().hex, kind, encode(arguments), who, why, token, self._clock())
        await self._database.run(lambda connection: add_request(connection, request))
        return request

    async def _look(self, request: Request) -> Request:
        """Return a request as it stands, withdrawn where it waited too long."""
        found = await self._database.run(lambda connection: find_request(connection, request.id))
        if found is None:
            raise NoController("the request is not in the database any more: ask again")
        now = self._clock()
        if found.state is not RequestState.ASKED or now < request.asked_at + self._patience:
            return found
        await self._database.run(lambda connection: withdraw_request(connection, request.id, now))
        again = await self._database.run(lambda connection: find_request(connection, request.id))
        return again or found


def _answer_of(request: Request) -> str:
    if request.state is RequestState.WITHDRAWN:
        raise NoController(
            "no controller leads, so this was not done and will not be: start `herdsman controller`, "
            "or wait until a stand-by has taken over, then ask again"
        )
    if request.error:
        raise decode_error(request.error)
    return request.answer
