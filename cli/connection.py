"""How a command finds the running service and its token, and speaks to it."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from schemas.errors import HerdsmanError, NotFound, UsageError

T = TypeVar("T")
SERVICE_FILE = "service.json"
"""In the data folder while the service runs: `{"url", "pid", "fleet"}`."""
TOKEN_FILE = "admin-token"  # noqa: S105


class ServiceUnavailable(HerdsmanError):
    """The service does not answer."""

    transient = True


class RequestRefused(HerdsmanError):
    """The service answered with a problem."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the service is, and the token for it (never printed)."""

    url: str
    token: str = field(repr=False)


def default_data() -> Path:
    """Return the data folder where none is named."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "herdsman"


def current_file() -> Path:
    """Return the file that names the data folder of the service started last by this user."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "herdsman" / "current"


def service_options(command: Any) -> Any:
    """Add the options that say which service is meant."""
    options: list[Callable[[Any], Any]] = [
        click.option("--url", envvar="HERDSMAN_URL", help="The service's address."),
        click.option(
            "--token-file",
            envvar="HERDSMAN_TOKEN_FILE",
            type=click.Path(path_type=Path),
            help="A file with a token.",
        ),
        click.option(
            "--data",
            envvar="HERDSMAN_DATA",
            type=click.Path(path_type=Path),
            help="The service's data folder.",
        ),
    ]
    for option in options:
        command = option(command)
    return command


def find_service(url: str | None = None, token_file: Path | None = None, data: Path | None = None) -> Service:
    """Return the service that is meant: by option, environment, or the one this user started last."""
    folder = data or known_folder()
    known = read_service(folder) if folder else None
    address = url or (known or {}).get("url")
    if not address:
        raise UsageError(
            "no running herdsman found: start one with `herdsman up`, or give --url and --token-file"
        )
    return Service(str(address).rstrip("/"), find_token(str(address), token_file, folder, known))


def find_token(url: str, token_file: Path | None, folder: Path | None, known: dict[str, Any] | None) -> str:
    """Return the token for an address; a known folder's token goes to its own address alone."""
    if token_file:
        return token_file.read_text().strip()
    token = os.environ.get("HERDSMAN_TOKEN")
    if token:
        return token
    if folder and known and known.get("url", "").rstrip("/") == url.rstrip("/"):
        return (folder / TOKEN_FILE).read_text().strip()
    raise UsageError(f"no token for {url}: give --token-file, or set HERDSMAN_TOKEN")


def known_folder() -> Path | None:
    """Return the data folder of the service started last, if it is recorded."""
    try:
        return Path(current_file().read_text().strip())
    except OSError:
        return default_data() if (default_data() / SERVICE_FILE).exists() else None


def read_service(folder: Path) -> dict[str, Any] | None:
    """Return what the service in this folder wrote of itself."""
    try:
        found = json.loads((folder / SERVICE_FILE).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


class Client:
    """Speaks to the service's API; every answer that is no success becomes an error for people."""

    def __init__(self, service: Service) -> None:
        import httpx

        self._service = service
        headers = {"Authorization": f"Bearer {service.token}"}
        self._http = httpx.Client(base_url=service.url, headers=headers, timeout=60, trust_env=False)

    def get(self, path: str, kind: type[T], **query: Any) -> T:
        """Return a document of the API."""
        return self._decode(self._request("GET", path, params=clean(query)), kind)

    def post(self, path: str, kind: type[T], body: Any = None, **query: Any) -> T:
        """Ask for something to be done and return the answer's document."""
        return self._decode(self._request("POST", path, params=clean(query), json=body), kind)

    def delete(self, path: str) -> None:
        """Remove something."""
        self._request("DELETE", path)

    def stream(self, topics: str, last: str = "") -> Iterator[tuple[str, str, bytes]]:
        """Yield (id, event, data) of the live stream until the service ends it."""
        import httpx

        headers = {"Last-Event-ID": last} if last else {}
        try:
            with self._http.stream(
                "GET", "/api/v1/stream", params={"topics": topics}, headers=headers, timeout=httpx.Timeout(60)
            ) as answer:
                if answer.is_error:
                    answer.read()
                    raise problem(answer)
                yield from parse_stream(answer.iter_lines())
        except httpx.HTTPError as error:
            raise self._unavailable(error) from error

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        import httpx

        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise self._unavailable(error) from error
        if answer.is_error:
            raise problem(answer)
        return answer

    def _unavailable(self, error: Exception) -> ServiceUnavailable:
        reason = str(error) or type(error).__name__
        return ServiceUnavailable(f"herdsman at {self._service.url} does not answer: {reason}")

    @staticmethod
    def _decode(answer: Any, kind: type[T]) -> T:
        return msgspec.json.decode(answer.content, type=kind)


def clean(query: dict[str, Any]) -> dict[str, Any]:
    """Drop what was not given."""
    return {key: value for key, value in query.items() if value not in (None, "")}


def problem(answer: Any) -> HerdsmanError:
    """Return the error that an RFC 9457 answer describes."""
    try:
        document = answer.json()
        text = document.get("detail") or document.get("title") or answer.text
        tail = f"\n  {document['next']}" if document.get("next") else ""
    except ValueError:
        text, tail = answer.text[:500] or answer.reason_phrase, ""
    kind = NotFound if answer.status_code == 404 else RequestRefused
    return kind(f"{text}{tail}")


def parse_stream(lines: Iterator[str]) -> Iterator[tuple[str, str, bytes]]:
    """Parse server-sent events (the HTML standard's event stream format)."""
    identity, event = "", "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield identity, event, "\n".join(data).encode()
            event, data = "message", []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif line.startswith("event:"):
            event = line[6:].strip()
        elif line.startswith("id:"):
            identity = line[3:].strip()
