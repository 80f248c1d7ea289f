"""How a command speaks to the running service."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from cli.approval import approved, ask
from cli.known_service import Service, named
from cli.output import printable
from schemas.errors import HerdsmanError, NotFound, UsageError
from web.documents import STREAM_POSITION

T = TypeVar("T")
CHANGE_NOTHING = ("/sign-in-links", "/query", "/explain", "/trials")
"""How the paths end that are asked for with POST and change nothing of the fleet."""


class ServiceUnavailable(HerdsmanError):
    """The service does not answer."""

    transient = True


class RequestRefused(HerdsmanError):
    """The service answered with a problem; `status` is that of its answer."""

    status = 0


def service_options(command: Any) -> Any:
    """Add the options that say which service is meant; the variables are read where it is looked for."""
    from cli.env_names import env_names

    options: list[Callable[[Any], Any]] = [
        click.option(
            "--yes",
            "-y",
            is_flag=True,
            expose_value=False,
            callback=lambda _context, _option, value: approved.set(value),
            help="Change a protected environment without being asked.",
        ),
        click.option(
            "--env",
            metavar="NAME",
            default="",
            expose_value=False,
            callback=lambda _context, _option, value: named.set(value),
            shell_complete=env_names,
            help="The environment that is meant (else HERDSMAN_ENV, else the current one).",
        ),
        click.option("--url", help="The service's address (else HERDSMAN_URL)."),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            help="A file with a token (else HERDSMAN_TOKEN_FILE, or HERDSMAN_TOKEN itself).",
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path),
            help="The service's data folder (else HERDSMAN_DATA).",
        ),
    ]
    for option in options:
        command = option(command)
    return command


class Client:
    """Speaks to the service's API; every answer that is no success becomes an error for people.

    `patience`: seconds that an answer may take.
    """

    def __init__(self, service: Service, *, patience: float = 60.0) -> None:
        # httpx brings a command line of its own, whose imports (rich, pygments) take longer than all of its
        # others; without it httpx does the same for us.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: not to be imported
        import httpx

        self._service = service
        self._approved = not service.protected
        headers = {"Authorization": f"Bearer {service.token}"}
        self._http = httpx.Client(
            base_url=service.url, headers=headers, timeout=patience, trust_env=False, verify=trust(service)
        )
        if (command := click.get_current_context(silent=True)) is not None:
            command.call_on_close(self._http.close)

    def approve(self, *changes: str) -> None:
        """Ask the person once before a protected environment is changed. Raises UsageError and Declined."""
        if not self._approved:
            ask(self._service, changes)
            self._approved = True

    def approve_always(self, *changes: str) -> None:
        """Ask the person, also where the service is not protected. Raises UsageError and Declined."""
        ask(self._service, changes)
        self._approved = True

    def get(self, path: str, kind: type[T], /, **query: Any) -> T:
        """Return a document of the API."""
        return self._decode(self._request("GET", path, params=clean(query)), kind)

    def get_at(self, path: str, kind: type[T], /, **query: Any) -> tuple[T, str]:
        """Return a document and the place in the live stream that it is as of, to go on from there."""
        answer = self._request("GET", path, params=clean(query))
        return self._decode(answer, kind), answer.headers.get(STREAM_POSITION, "")

    def post(self, path: str, kind: type[T], body: Any = None, **query: Any) -> T:
        """Ask for something to be done and return the answer's document; see `approve`."""
        if not path.endswith(CHANGE_NOTHING):
            self.approve(f"{path.removeprefix('/api/v1/')} {json.dumps(body) if body else ''}".strip())
        return self._decode(self._request("POST", path, params=clean(query), json=body), kind)

    def content(self, path: str, **query: Any) -> bytes:
        """Return what lies at a path as it is."""
        content: bytes = self._request("GET", path, params=clean(query)).content
        return content

    def download(self, path: str, /, **query: Any) -> Iterator[bytes]:
        """Yield what lies at a path, piece by piece as it comes."""
        import httpx

        try:
            with self._http.stream("GET", path, params=clean(query)) as answer:
                if answer.is_error:
                    answer.read()
                    raise problem(answer)
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            raise self._unavailable(error) from error

    def send(self, path: str, kind: type[T], content: bytes, form: str, **query: Any) -> T:
        """Post a content that changes nothing there, of a media type, and return the answer's document."""
        headers = {"Content-Type": form}
        answer = self._request("POST", path, params=clean(query), content=content, headers=headers)
        return self._decode(answer, kind)

    def put(self, path: str, kind: type[T], content: bytes, **query: Any) -> T:
        """Send a content and return the answer's document; see `approve`."""
        self.approve(path.removeprefix("/api/v1/"))
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._request("PUT", path, params=clean(query), content=content, headers=headers)
        return self._decode(answer, kind)

    def delete_as(self, path: str, kind: type[T], **query: Any) -> T:
        """Remove something and return the answer's document; see `approve`."""
        self.approve(f"{path.removeprefix('/api/v1/')} is removed")
        return self._decode(self._request("DELETE", path, params=clean(query)), kind)

    def delete(self, path: str) -> None:
        """Remove something; see `approve`."""
        self.approve(f"remove {path.removeprefix('/api/v1/')}")
        self._request("DELETE", path)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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
        reason = reason_of(error)
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            reason += (
                "; where it has a certificate of its own, name its authority with HERDSMAN_CA_FILE, or "
                "`herdsman env add NAME --url URL --ca-file FILE`"
            )
        elif not self._service.environment:
            reason += "; start it with `herdsman up`, or name another with --url"
        return ServiceUnavailable(f"herdsman at {self._service.url} does not answer: {reason}")

    @staticmethod
    def _decode(answer: Any, kind: type[T]) -> T:
        return msgspec.json.decode(answer.content, type=kind)


def reason_of(error: Exception) -> str:
    """Return why there was no answer, without the system's number for it: "connection refused"."""
    said = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return said[0].lower() + said[1:] if said.startswith("Connection ") else said


def trust(service: Service) -> Any:
    """Return what certificates a connection to the service trusts. Raises UsageError."""
    if service.url.startswith("http://"):
        return False  # there is no certificate, and loading the known authorities takes its time
    if not service.ca_file:
        return True
    import ssl

    try:
        return ssl.create_default_context(cafile=service.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"the certificates in {service.ca_file} cannot be read: {error}") from error


def clean(query: dict[str, Any]) -> dict[str, Any]:
    """Drop what was not given."""
    return {key: value for key, value in query.items() if value not in (None, "")}


def problem(answer: Any) -> HerdsmanError:
    """Return the error that an RFC 9457 answer describes."""
    try:
        document = answer.json()
        text = document.get("detail") or document.get("title") or answer.text
        tail = f"\n  {document['next']}" if document.get("next") else ""
        tail += f"\n{printable(str(document['trace']))}" if document.get("trace") else ""
    except ValueError:
        text, tail = answer.text[:500] or answer.reason_phrase, ""
    kind = NotFound if answer.status_code == 404 else RequestRefused
    error = kind(f"{text}{tail}")
    if isinstance(error, RequestRefused):
        error.status = answer.status_code
    return error


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
