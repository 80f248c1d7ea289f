"""Where a repository lies on a forge: from its URL, a pull request's, or a CI job's variables. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlsplit

from schemas.errors import UsageError

_PULL = re.compile(
    r"/(?P<path>.+?)/(?:(?P<github>pull)|(?P<gitea>pulls)|(?:-/)?(?P<gitlab>merge_requests))/(?P<number>\d+)(?:/.*)?"
)
_SCP = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[^@/:\s]+):(?P<path>[^/].*)")
_GITHUB_REF = re.compile(r"refs/pull/(\d+)/")


class ForgeKind(StrEnum):
    """Whose API a forge speaks."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    """Also Forgejo."""


@dataclass(frozen=True, slots=True)
class ForgePlace:
    """A repository on a forge: its API's address, and its path (`desk/fleet`)."""

    kind: ForgeKind
    api: str
    path: str


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request (GitLab: merge request) of a repository."""

    place: ForgePlace
    number: int


def place_of(url: str, kind: str = "") -> ForgePlace:
    """Return where a git URL (https or ssh) leads on its forge; `kind` where its host does not tell.

    Raises UsageError.
    """
    parts = urlsplit(url)
    scheme, host, path = parts.scheme or "https", parts.hostname or "", parts.path
    port = f":{parts.port}" if parts.port and scheme in ("http", "https") else ""
    if "://" not in url and (found := _SCP.fullmatch(url)):
        scheme, host, path, port = "https", found["host"], found["path"], ""
    path = path.strip("/").removesuffix(".git")
    if not host or "/" not in path:
        raise UsageError(f"{url} names no repository of a forge, so no statuses can be written there")
    scheme = scheme if scheme in ("http", "https") else "https"
    return ForgePlace(found_kind := kind_of(host, kind), api_of(found_kind, f"{scheme}://{host}{port}"), path)


def kind_of(host: str, kind: str) -> ForgeKind:
    """Return whose API a host speaks: what was said, else what its name tells. Raises UsageError."""
    if kind:
        return ForgeKind(kind)
    names = {"github": ForgeKind.GITHUB, "gitlab": ForgeKind.GITLAB, "gitea": ForgeKind.GITEA}
    names |= {"forgejo": ForgeKind.GITEA, "codeberg": ForgeKind.GITEA}
    found = next((one for name, one in names.items() if name in host.lower()), None)
    if found is None:
        raise UsageError(f"which kind of forge is {host}? Say it: github, gitlab or gitea (also for Forgejo)")
    return found


def api_of(kind: ForgeKind, server: str) -> str:
    """Return the address of a server's API."""
    if kind is ForgeKind.GITHUB:
        return "https://api.github.com" if server == "https://github.com" else f"{server}/api/v3"
    return f"{server}/api/v4" if kind is ForgeKind.GITLAB else f"{server}/api/v1"


def line_page(place: ForgePlace, commit: str, path: str, line: int) -> str:
    """Return the address at which people read a line of a file at a commit."""
    server = place.api.removesuffix("/api/v3").removesuffix("/api/v4").removesuffix("/api/v1")
    server = "https://github.com" if server == "https://api.github.com" else server
    kinds = {
        ForgeKind.GITHUB: f"blob/{commit}",
        ForgeKind.GITLAB: f"-/blob/{commit}",
        ForgeKind.GITEA: f"src/commit/{commit}",
    }
    return f"{server}/{place.path}/{kinds[place.kind]}/{quote(path)}#L{line}"


def pull_request_of(url: str) -> PullRequest:
    """Return what a pull request's address means. Raises UsageError."""
    parts = urlsplit(url)
    found = _PULL.fullmatch(parts.path)
    if found is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{url} is no address of a pull request: it ends in /pull/N (GitHub), /pulls/N (Gitea) or "
            "/-/merge_requests/N (GitLab)"
        )
    kind = next(kind for kind in ForgeKind if found[kind.value])
    server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return PullRequest(ForgePlace(kind, api_of(kind, server), found["path"]), int(found["number"]))


def pull_request_of_job(variables: Mapping[str, str]) -> PullRequest | None:
    """Return the pull request that a CI job is for, None where its variables name none."""
    if number := variables.get("CI_MERGE_REQUEST_IID"):
        path = variables.get("CI_MERGE_REQUEST_PROJECT_PATH") or variables.get("CI_PROJECT_PATH", "")
        place = ForgePlace(ForgeKind.GITLAB, variables.get("CI_API_V4_URL", ""), path)
    elif found := _GITHUB_REF.match(variables.get("GITHUB_REF", "")):
        ours = variables.get("GITEA_ACTIONS") or variables.get("FORGEJO_ACTIONS")
        kind = ForgeKind.GITEA if ours else ForgeKind.GITHUB
        server = variables.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
        api = api_of(kind, server) if ours else variables.get("GITHUB_API_URL", "") or api_of(kind, server)
        number, place = found[1], ForgePlace(kind, api, variables.get("GITHUB_REPOSITORY", ""))
    else:
        return None
    return PullRequest(place, int(number)) if place.api and place.path else None
