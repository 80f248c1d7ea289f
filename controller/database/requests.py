"""What operators ask of the leader: rows that the web adds, the leader takes, carries out and answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from controller.database.notices import Channel, notify
from controller.database.tables import request_steps, requests


class RequestState(StrEnum):
    """How far a request has come."""

    ASKED = "asked"
    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """Nobody took it in time; it is never carried out."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `arguments`, `answer` and `error` are JSON text, "" where there is none."""

    id: str
    kind: str
    arguments: str
    who: str
    why: str
    token: str
    asked_at: float
    state: RequestState = RequestState.ASKED
    epoch: int = 0
    ended_at: float | None = None
    answer: str = ""
    error: str = ""


def add_request(connection: Connection, request: Request) -> None:
    """Ask."""
    row = {name: getattr(request, name) for name in _COLUMNS}
    connection.execute(insert(requests).values(row | {"state": request.state.value}))
    notify(connection, Channel.REQUESTS)


def find_request(connection: Connection, request: str) -> Request | None:
    """Return one request by its id."""
    row = connection.execute(select(requests).where(requests.c.id == request)).mappings().first()
    return Request(**{**row, "state": RequestState(row["state"])}) if row else None


def take_requests(connection: Connection, epoch: int) -> list[Request]:
    """Take every request that waits, oldest first, for the leader of an epoch."""
    waiting = update(requests).where(requests.c.state == RequestState.ASKED.value)
    taken = waiting.values(state=RequestState.TAKEN.value, epoch=epoch).returning(*requests.c)
    found = [
        Request(**{**row, "state": RequestState(row["state"])})
        for row in connection.execute(taken).mappings()
    ]
    return sorted(found, key=lambda one: one.asked_at)


def withdraw_request(connection: Connection, request: str, now: float) -> bool:
    """Take a request back; False where somebody has begun to carry it out."""
    mine = update(requests).where(requests.c.id == request, requests.c.state == RequestState.ASKED.value)
    gone = mine.values(state=RequestState.WITHDRAWN.value, ended_at=now)
    return connection.execute(gone).rowcount > 0


def add_steps(connection: Connection, request: str, steps: Sequence[str], answer: str = "") -> None:
    """Tell how a request goes on: its answer as soon as there is one, and further steps (JSON)."""
    if answer:
        connection.execute(update(requests).where(requests.c.id == request).values(answer=answer))
    if steps:
        connection.execute(insert(request_steps), [{"request": request, "step": step} for step in steps])
    notify(connection, Channel.ANSWERS)


def load_steps(connection: Connection, request: str, after: int) -> list[tuple[int, str]]:
    """Return the steps that came after one, with their numbers."""
    mine = select(request_steps.c.id, request_steps.c.step).where(request_steps.c.request == request)
    found = connection.execute(mine.where(request_steps.c.id > after).order_by(request_steps.c.id))
    return [(row.id, row.step) for row in found]


def end_request(
    connection: Connection, request: str, now: float, *, answer: str = "", error: str = ""
) -> None:
    """Answer a request for good; an empty answer leaves one that was given before."""
    state = RequestState.FAILED if error else RequestState.DONE
    row = {"state": state.value, "ended_at": now, "error": error} | ({"answer": answer} if answer else {})
    connection.execute(update(requests).where(requests.c.id == request).values(row))
    notify(connection, Channel.ANSWERS)


def fail_lost_requests(connection: Connection, epoch: int, now: float, error: str) -> int:
    """Fail what earlier leaders took and never answered; return how many."""
    lost = update(requests).where(requests.c.state == RequestState.TAKEN.value, requests.c.epoch < epoch)
    row = {"state": RequestState.FAILED.value, "ended_at": now, "error": error}
    count = connection.execute(lost.values(row)).rowcount
    notify(connection, Channel.ANSWERS)
    return count


def drop_request(connection: Connection, request: str) -> None:
    """Forget a request and its answer."""
    connection.execute(delete(requests).where(requests.c.id == request))


def trim_requests(connection: Connection, before: float) -> None:
    """Forget requests that ended before a Unix time: the audit keeps what was done."""
    old = select(requests.c.id).where(requests.c.ended_at < before)
    connection.execute(delete(request_steps).where(request_steps.c.request.in_(old)))
    connection.execute(delete(requests).where(requests.c.ended_at < before))


_COLUMNS = tuple(Request.__dataclass_fields__)
