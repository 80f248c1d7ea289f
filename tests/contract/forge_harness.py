"""Forges under one contract: a real Gitea, and stand-ins that answer as GitHub and GitLab document it."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from gitops.forges.place import ForgeKind, ForgePlace
from tests.engines.gitea import GiteaServer
from tests.unit.gitops.fleets import Clone

SHA = re.compile(r"[0-9a-f]{40}")


class Desk(Protocol):
    """A repository on a forge, seen from its other side."""

    place: ForgePlace
    token: str
    commit: str
    number: int

    def statuses(self) -> list[tuple[str, str, str, str]]:
        """Return (state, context, description, target) of the commit, the oldest first."""
        ...

    def bodies(self) -> list[str]:
        """Return the comments of the pull request, the oldest first."""
        ...

    def say(self, body: str) -> None:
        """Have somebody else write a comment."""
        ...


@dataclass
class GiteaDesk:
    """A real repository with a real pull request."""

    server: GiteaServer
    place: ForgePlace
    token: str
    commit: str
    number: int

    def statuses(self) -> list[tuple[str, str, str, str]]:
        path = f"/repos/{self.place.path}/commits/{self.commit}/statuses"
        found = sorted(self.server.api("GET", path), key=lambda one: one["id"])
        return [(one["status"], one["context"], one["description"], one["target_url"]) for one in found]

    def bodies(self) -> list[str]:
        path = f"/repos/{self.place.path}/issues/{self.number}/comments"
        return [one["body"] for one in self.server.api("GET", path)]

    def say(self, body: str) -> None:
        path = f"/repos/{self.place.path}/issues/{self.number}/comments"
        self.server.api("POST", path, {"body": body})


def gitea_desk(server: GiteaServer, folder: Path) -> GiteaDesk:
    """Make a repository with a pull request."""
    name = f"fleet-{folder.name[-40:]}".lower()
    remote = server.make_repository(name)
    clone = Clone(folder / "clone")
    clone.commit({"README.md": "first\n"})
    clone.git("push", "-q", remote, "main")
    clone.git("switch", "-q", "-c", "next")
    commit = clone.commit({"README.md": "second\n"})
    clone.git("push", "-q", remote, "next")
    number = server.open_pull_request(name, "next")
    place = ForgePlace(ForgeKind.GITEA, f"{server.url}/api/v1", f"desk/{name}")
    return GiteaDesk(server, place, server.token, commit, number)


@dataclass
class StandIn:
    """What a stand-in was told; `token` alone is let in, and `strangers` are comments of others."""

    place: ForgePlace = field(init=False)
    token: str = "t0ken-of-ours"
    commit: str = "c" * 40
    number: int = 7
    written: list[tuple[str, str, str, str]] = field(default_factory=list)
    comments: dict[int, str] = field(default_factory=dict)
    strangers: set[int] = field(default_factory=set)
    refuse_with: int = 0

    def statuses(self) -> list[tuple[str, str, str, str]]:
        return self.written

    def bodies(self) -> list[str]:
        return [self.comments[number] for number in sorted(self.comments)]

    def say(self, body: str) -> None:
        self.strangers.add(number := len(self.comments) + 1)
        self.comments[number] = body

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Answer one request; each kind of forge has its own paths."""
        raise NotImplementedError

    def page(self, query: dict[str, str]) -> tuple[int, Any]:
        """Answer with one page of comments."""
        size, page = int(query.get("per_page", 20)), int(query.get("page", 1))
        numbers = sorted(self.comments)[(page - 1) * size : page * size]
        return 200, [{"id": number, "body": self.comments[number]} for number in numbers]

    def add(self, body: str) -> tuple[int, Any]:
        number = len(self.comments) + 1
        self.comments[number] = body
        return 201, {"id": number}

    def edit(self, number: int, body: str) -> tuple[int, Any]:
        if number in self.strangers:
            return 403, {"message": "Must have admin rights"}
        self.comments[number] = body
        return 200, {"id": number}


class GitHubStandIn(StandIn):
    """The part of GitHub's REST API (2022-11-28) that is asked for."""

    authorization = ("authorization", "Bearer t0ken-of-ours")

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        base = "/repos/desk/fleet"
        if method == "POST" and path == f"{base}/statuses/{self.commit}":
            known = ("pending", "success", "failure", "error")
            if body["state"] not in known or len(body["description"]) > 140:
                return 422, {"message": "Validation Failed"}
            self.written.append((body["state"], body["context"], body["description"], body["target_url"]))
            return 201, {"id": 1}
        if path == f"{base}/issues/{self.number}/comments":
            return self.page(query) if method == "GET" else self.add(body["body"])
        if method == "PATCH" and (found := re.fullmatch(rf"{base}/issues/comments/(\d+)", path)):
            return self.edit(int(found[1]), body["body"])
        return 404, {"message": "Not Found"}


class GitLabStandIn(StandIn):
    """The part of GitLab's REST API (v4) that is asked for."""

    authorization = ("private-token", "t0ken-of-ours")

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        base = "/projects/desk%2Ffleet"
        if method == "POST" and path == f"{base}/statuses/{self.commit}":
            if body["state"] not in ("pending", "running", "success", "failed", "canceled"):
                return 400, {"message": "state does not have a valid value"}
            if self.written and self.written[-1][:2] == (body["state"], body["name"]):
                return 400, {"message": "Cannot transition status via :enqueue from :pending"}
            self.written.append((body["state"], body["name"], body["description"], body["target_url"]))
            return 201, {"id": 1}
        notes = f"{base}/merge_requests/{self.number}/notes"
        if path == notes:
            return self.page(query) if method == "GET" else self.add(body["body"])
        if method == "PUT" and (found := re.fullmatch(rf"{notes}/(\d+)", path)):
            return self.edit(int(found[1]), body["body"])
        return 404, {"message": "404 Not Found"}


@contextmanager
def stand_in(desk: "GitHubStandIn | GitLabStandIn", kind: ForgeKind) -> Iterator[StandIn]:
    """Answer over real HTTP for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            name, value = desk.authorization
            if desk.refuse_with:
                status, said = desk.refuse_with, {"message": "later"}
            elif self.headers.get(name) != value:
                status, said = 401, {"message": "Bad credentials"}
            else:
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                status, said = desk.answer(self.command, parts.path, query, body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    desk.place = ForgePlace(kind, f"http://127.0.0.1:{server.server_address[1]}", "desk/fleet")
    try:
        yield desk
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
