"""Errors as RFC 9457 problem details: what happened, why, and the next step, one shape for the whole API."""

import difflib
import logging
import math
from collections.abc import Iterable
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import UNSET

from controller.database import DatabaseUnavailable
from controller.remote.trouble import NoController
from gitops.sources import NothingPushed
from schemas.errors import (
    BotRuns,
    BuildFailed,
    Conflict,
    HerdsmanError,
    InvalidManifests,
    NotFound,
    QueryFailed,
    QueryRefused,
    QueryTimedOut,
    SchedulerRefused,
    SchedulerUnavailable,
    SourceUnavailable,
    StateDamaged,
    StateRefused,
    StoreUnavailable,
    TooBusy,
    UsageError,
)
from web.access.denied import AccessDenied
from web.documents.system import Problem

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("herdsman.web")


class NotTaken(HerdsmanError):
    """A batch of telemetry that was not taken; `wait` says after how many seconds to send it again."""

    def __init__(self, status: int, message: str, wait: float) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait


class UnknownName(NotFound):
    """A name that is not there, and the nearest one that is."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
        self.suggestion = near[0] if near else ""
        tail = f'; did you mean "{near[0]}"?' if near else ""
        super().__init__(f'there is no {kind} named "{name}"{tail}')


_KINDS: dict[type[HerdsmanError], tuple[int, str, str, str]] = {
    UsageError: (400, "BadRequest", "The request makes no sense as it was made", ""),
    NotFound: (404, "NotFound", "There is no such thing here", ""),
    BotRuns: (
        409,
        "Conflict",
        "The bot runs",
        "suspend it first, or say --restart",
    ),
    Conflict: (409, "Conflict", "It changed in between", "read it again, then repeat what you asked for"),
    InvalidManifests: (
        422,
        "InvalidManifests",
        "Documents of the fleet are wrong",
        "correct them and push again",
    ),
    SchedulerRefused: (422, "SchedulerRefused", "The scheduler says no", ""),
    BuildFailed: (422, "BuildFailed", "A bundle could not be built", "see the end of the build's log"),
    NothingPushed: (
        409,
        "NothingPushed",
        "There is no revision yet",
        "push a fleet to this service: `herdsman init` starts one and connects it",
    ),
    StateRefused: (
        403,
        "StateRefused",
        "The state is another bot's",
        "look at that allocation on its node: its bot writes what only its launcher should",
    ),
    StateDamaged: (422, "StateDamaged", "A saved state is damaged", "restore another version of it"),
    SourceUnavailable: (
        503,
        "SourceUnavailable",
        "The git source cannot be read",
        "it is tried again by itself",
    ),
    SchedulerUnavailable: (
        503,
        "SchedulerUnavailable",
        "The scheduler does not answer",
        "it is tried again by itself",
    ),
    QueryRefused: (409, "QueryRefused", "The bot answers no queries now", ""),
    QueryFailed: (502, "QueryFailed", "The bot's query program failed", ""),
    QueryTimedOut: (504, "QueryTimedOut", "The query took too long", "ask for less at once"),
    TooBusy: (429, "TooBusy", "Too much at once; send it again later", ""),
    NoController: (503, "NoController", "No controller leads", "ask again once one does"),
    DatabaseUnavailable: (
        503,
        "DatabaseUnavailable",
        "The database does not answer",
        "ask again once it does",
    ),
    StoreUnavailable: (
        503,
        "StoreUnavailable",
        "A store does not answer",
        "what the bots print and keep stays on their nodes until it does",
    ),
}

_STATUS_WORDS = {
    400: ("BadRequest", "The request makes no sense as it was made"),
    404: ("NotFound", "There is nothing at this address"),
    405: ("MethodNotAllowed", "This address does not know that method"),
    413: ("TooLarge", "The request is too large"),
    429: ("TooBusy", "Too much at once; send it again later"),
    503: ("StoreUnavailable", "A telemetry store does not answer"),
}

AnyRequest = Request[Any, Any, Any]


def herdsman_problem(request: AnyRequest, error: HerdsmanError) -> Response[Problem]:
    """Turn one of our own errors into its problem document."""
    path = request.url.path
    if isinstance(error, AccessDenied):
        return _response(denied_problem(path, error), error.wait, challenge(path, error))
    if isinstance(error, NotTaken):
        reason, title = _STATUS_WORDS.get(error.status, ("Refused", "The batch was refused"))
        return _response(problem_of(path, error.status, reason, title, str(error)), error.wait)
    known = next((_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS), None)
    status, reason, title, step = known or (500, "Failed", "It failed", "")
    problem = problem_of(path, status, reason, title, str(error), step)
    if isinstance(error, InvalidManifests):
        problem.errors = [str(one) for one in error.errors]
    if isinstance(error, UnknownName) and error.suggestion:
        problem.suggestion = error.suggestion
    if isinstance(error, QueryFailed):
        problem.trace = error.trace or UNSET
        problem.available = list(error.available) or UNSET
    return _response(problem, 1.0 if status in (429, 503) else 0.0)


def http_problem(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    """Turn the web framework's own errors (no such route, wrong method, bad parameter) into problems."""
    status = error.status_code
    reason, title = _STATUS_WORDS.get(status, ("Refused", "The request was refused"))
    detail = _validation_text(error) if isinstance(error, ValidationException) else error.detail
    problem = problem_of(request.url.path, status, reason, title, detail or title)
    return _response(problem, headers=dict(error.headers or {}))


def unexpected_problem(request: AnyRequest, error: Exception) -> Response[Problem]:
    """Log an error that nobody foresaw, and tell the client no more than that it happened."""
    path = shown_path(request.url.path)
    _log.error("%s %s failed", request.method, path, exc_info=error)
    detail = f"herdsman failed at this request ({type(error).__name__}); its own log says more"
    return _response(
        problem_of(path, 500, "Unexpected", "An error in herdsman", detail, "read herdsman's log")
    )


def denied_problem(path: str, error: AccessDenied) -> Problem:
    """Return the document of a refused request."""
    title = {401: "Sign in first", 421: "Not one of our names", 429: "Too many wrong credentials"}
    return problem_of(
        path, error.status, error.reason, title.get(error.status, "Not allowed"), str(error), error.next_step
    )


def challenge(path: str, error: AccessDenied) -> dict[str, str]:
    """Return the headers that ask for a credential: Basic for git, Bearer elsewhere (no browser dialog)."""
    if error.status != 401:
        return {}
    # The mount may have cut its own part off the path: what git asks for is known by the repository's name.
    kind = "Basic" if ".git/" in path else "Bearer"
    return {"WWW-Authenticate": f'{kind} realm="herdsman"'}


def problem_of(path: str, status: int, reason: str, title: str, detail: str, step: str = "") -> Problem:
    """Build a problem document; its `instance` is the path, without anything secret in it."""
    kind = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in reason).strip("-")
    return Problem(
        type=f"urn:herdsman:problem:{kind}",
        title=title,
        status=status,
        detail=detail,
        instance=shown_path(path),
        reason=reason,
        next=step or UNSET,
    )


def shown_path(path: str) -> str:
    """Return a path as it may be logged and shown: a bundle's capability is cut out."""
    parts = path.split("/")
    if len(parts) > 3 and parts[1] == "bundles":
        return "/".join(["", "bundles", "…", *parts[3:]])
    return path


def retry_after(seconds: float) -> str:
    """Return the value of a Retry-After header: whole seconds, rounded up, at least one."""
    return str(max(1, math.ceil(seconds)))


def _response(
    problem: Problem, wait: float = 0.0, headers: dict[str, str] | None = None
) -> Response[Problem]:
    extra = dict(headers or {})
    if wait > 0:
        extra["Retry-After"] = retry_after(wait)
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=extra)


def _validation_text(error: ValidationException) -> str:
    """Say which parameter is wrong and why, in one line."""
    entries = error.extra if isinstance(error.extra, list) else []
    parts = [
        f"{entry.get('key', 'request')}: {entry.get('message', 'is not valid')}"
        for entry in entries
        if isinstance(entry, dict)
    ]
    return "; ".join(parts) or error.detail


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    HerdsmanError: herdsman_problem,
    HTTPException: http_problem,
    Exception: unexpected_problem,
}
