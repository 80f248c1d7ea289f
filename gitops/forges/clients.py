"""The forges' APIs, each in its own words, behind one Protocol. Every method blocks."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import quote

import httpx

from gitops.forges.place import ForgeKind, ForgePlace
from schemas.errors import HerdsmanError

TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_A_PAGE = 100
_MOST_PAGES = 20


class ForgeRefused(HerdsmanError):
    """The forge understood, and says no: a token without the right, a repository or commit it has not."""


class ForgeUnavailable(HerdsmanError):
    """The forge does not answer, or asks to be left alone for `wait` seconds."""

    transient = True

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class CommitState(StrEnum):
    """How a commit is told to be."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    OVERTAKEN = "overtaken"
    """A newer revision came before it was applied."""


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What is written on a commit; `context` tells it from other statuses of the same commit."""

    state: CommitState
    context: str
    description: str
    url: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request."""

    id: int
    body: str


class Forge(Protocol):
    """One repository on a forge. Methods raise ForgeRefused and ForgeUnavailable."""

    def set_status(self, commit: str, status: CommitStatus) -> None:
        """Write a status on a commit."""
        ...

    def comments(self, number: int) -> Iterator[Comment]:
        """Yield the comments of a pull request, the oldest first."""
        ...

    def add_comment(self, number: int, body: str) -> None:
        """Write a comment."""
        ...

    def edit_comment(self, number: int, comment: int, body: str) -> None:
        """Replace the text of a comment of ours."""
        ...


def open_forge(place: ForgePlace, token: Callable[[], str], ca_file: Path | None = None) -> Forge:
    """Return a forge's repository; `token` is asked at each call, and is never told to anybody else."""
    http = _Http(place, token, ca_file)
    if place.kind is ForgeKind.GITLAB:
        return GitLab(http)
    return GitHub(http) if place.kind is ForgeKind.GITHUB else Gitea(http)


class _Http:
    """Requests to one API, and what its answers mean."""

    def __init__(self, place: ForgePlace, token: Callable[[], str], ca_file: Path | None) -> None:
        self._place = place
        self._token = token
        self._verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True

    @property
    def path(self) -> str:
        """Return the repository's path."""
        return self._place.path

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return the answer's JSON. Raises ForgeRefused, ForgeUnavailable."""
        try:
            answer = httpx.request(
                method,
                f"{self._place.api}{path}",
                params=query or None,
                json=body,
                headers={**self._headers(), "User-Agent": "herdsman"},
                timeout=TIMEOUT,
                verify=self._verify,
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            raise ForgeUnavailable(f"{self._place.api} does not answer: {type(error).__name__}") from error
        if answer.status_code == 429 or answer.status_code >= 500 or _is_rate_limit(answer):
            wait = answer.headers.get("retry-after", "")
            raise ForgeUnavailable(
                f"{self._place.api} answered {answer.status_code}", float(wait) if wait.isdigit() else 0.0
            )
        if not answer.is_success:
            raise ForgeRefused(self._refusal(method, path, answer))
        return answer.json() if answer.content else None

    def _headers(self) -> dict[str, str]:
        token = self._token()
        if self._place.kind is ForgeKind.GITLAB:
            return {"PRIVATE-TOKEN": token}
        if self._place.kind is ForgeKind.GITEA:
            return {"Authorization": f"token {token}"}
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def _refusal(self, method: str, path: str, answer: httpx.Response) -> str:
        hints = {401: "the token is not known there", 403: "the token may not do that"}
        hints[404] = "there is no such thing, or the token may not see it"
        try:
            said = str(answer.json().get("message", ""))[:300]
        except (ValueError, AttributeError):
            said = ""
        hint = hints.get(answer.status_code, "")
        tail = "".join(f": {text}" for text in (hint, said) if text)
        return f"{self._place.api} refused {method} {path} ({answer.status_code}){tail}"


def _is_rate_limit(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.headers.get("x-ratelimit-remaining") == "0"


class GitHub:
    """GitHub, and GitHub Enterprise Server."""

    _states: ClassVar[dict[CommitState, str]] = {CommitState.OVERTAKEN: "error"}
    _description = 140

    def __init__(self, http: _Http) -> None:
        self._http = http

    def set_status(self, commit: str, status: CommitStatus) -> None:
        """Write a status on a commit."""
        body = {
            "state": self._states.get(status.state, status.state.value),
            "context": status.context,
            "description": shortened(status.description, self._description),
            "target_url": status.url,
        }
        self._http.ask("POST", f"/repos/{self._http.path}/statuses/{commit}", body)

    def comments(self, number: int) -> Iterator[Comment]:
        """Yield the comments of a pull request."""
        path = f"/repos/{self._http.path}/issues/{number}/comments"
        yield from _pages(self._http, path, "per_page")

    def add_comment(self, number: int, body: str) -> None:
        """Write a comment."""
        self._http.ask("POST", f"/repos/{self._http.path}/issues/{number}/comments", {"body": body})

    def edit_comment(self, number: int, comment: int, body: str) -> None:
        """Replace the text of a comment of ours."""
        del number
        self._http.ask("PATCH", f"/repos/{self._http.path}/issues/comments/{comment}", {"body": body})


class Gitea(GitHub):
    """Gitea and Forgejo: as GitHub in all that is asked for here, but for paging."""

    _description = 255

    def comments(self, number: int) -> Iterator[Comment]:
        """Yield the comments of a pull request, which all come at once."""
        for one in self._http.ask("GET", f"/repos/{self._http.path}/issues/{number}/comments"):
            yield Comment(one["id"], one.get("body") or "")


class GitLab:
    """GitLab: projects by their path, merge requests, notes."""

    _states: ClassVar[dict[CommitState, str]] = {
        CommitState.FAILURE: "failed",
        CommitState.OVERTAKEN: "canceled",
    }
    _same = "cannot transition status"

    def __init__(self, http: _Http) -> None:
        self._http = http
        self._project = f"/projects/{quote(http.path, safe='')}"

    def set_status(self, commit: str, status: CommitStatus) -> None:
        """Write a status on a commit; one that is there already is no mistake."""
        body = {
            "state": self._states.get(status.state, status.state.value),
            "name": status.context,
            "description": shortened(status.description, 255),
            "target_url": status.url,
        }
        try:
            self._http.ask("POST", f"{self._project}/statuses/{commit}", body)
        except ForgeRefused as error:
            if self._same not in str(error).lower():
                raise

    def comments(self, number: int) -> Iterator[Comment]:
        """Yield the notes of a merge request."""
        path = f"{self._project}/merge_requests/{number}/notes"
        yield from _pages(self._http, path, "per_page", sort="asc")

    def add_comment(self, number: int, body: str) -> None:
        """Write a note."""
        self._http.ask("POST", f"{self._project}/merge_requests/{number}/notes", {"body": body})

    def edit_comment(self, number: int, comment: int, body: str) -> None:
        """Replace the text of a note of ours."""
        self._http.ask("PUT", f"{self._project}/merge_requests/{number}/notes/{comment}", {"body": body})


def _pages(http: _Http, path: str, size: str, **query: Any) -> Iterator[Comment]:
    for page in range(1, _MOST_PAGES + 1):
        found = http.ask("GET", path, **{**query, size: _A_PAGE, "page": page})
        for one in found:
            yield Comment(one["id"], one.get("body") or "")
        if len(found) < _A_PAGE:
            return


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def put_comment(forge: Forge, number: int, body: str, mark: str) -> bool:
    """Write the one comment that carries a mark, or replace it; say whether it is new.

    A comment with the mark that is not ours cannot be edited, and is passed over. Raises ForgeRefused,
    ForgeUnavailable.
    """
    for comment in forge.comments(number):
        if mark not in comment.body:
            continue
        if comment.body.strip() == body.strip():
            return False
        try:
            forge.edit_comment(number, comment.id, body)
        except ForgeRefused:
            continue
        return False
    forge.add_comment(number, body)
    return True
