"""How git reaches another server: its environment with whatever credential is needed, and what went wrong."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import httpx

from gitops.process import git_environment, scrub
from gitops.ssh import SshAddress, SshKeys, explain, ssh_address
from schemas.errors import SourceUnavailable, UsageError

_SCHEMES = frozenset({"", "file", "http", "https", "ssh"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PROBE_TIMEOUT = 5.0

# A shell's `printf` is built in: the token is in no process's arguments, only in the environment of git's.
_ANSWER = """!f() { test "$1" = get || exit 0;
printf 'username=%s\\npassword=%s\\n' "$HERDSMAN_SOURCE_USER" "$HERDSMAN_SOURCE_TOKEN"; }; f"""

_HINTS = (
    ("could not read Username", "set a token for the source"),
    ("Authentication failed", "check the source's token"),
    ("error: 403", "the source's token may not read this repository"),
    ("not found", "check the URL (it may have moved), and that the token may read it"),
    ("error: 404", "check the URL (it may have moved), and that the token may read it"),
    ("does not appear to be a git repository", "check the path"),
    ("dubious ownership", "the repository belongs to another user of this machine"),
    ("certificate", "name the authority that signed the server's certificate as the source's CA file"),
)


class GivesTokens(Protocol):
    """Gives out tokens that live for a while, such as a GitHub App's."""

    def token(self) -> str:
        """Return a token that is good now; may block. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to sign in at a git server: a token in a file (read at each use, since it may change) or given."""

    user: str = "git"
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    app: "GivesTokens | None" = field(default=None, repr=False)

    def read(self) -> str:
        """Return the token, "" for none. Raises SourceUnavailable where its file cannot be read."""
        if self.app is not None:
            return self.app.token()
        if self.token_file is None:
            return self.token
        try:
            return self.token_file.read_text().strip()
        except OSError as error:
            raise SourceUnavailable(f"The token file {self.token_file} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Transport:
    """The way to one repository. `ca_file` is the authority to trust for this server (https).

    Raises UsageError for a URL that would be unsafe, and for keys that cannot be used.
    """

    url: str
    credentials: Credentials = Credentials()
    ca_file: Path | None = None
    keys: SshKeys = SshKeys()

    def __post_init__(self) -> None:
        _check_url(self.url, self.credentials)
        if self.ssh is not None:
            self.keys.check()
        elif self.keys != SshKeys():
            raise UsageError(f"known hosts and keys are for ssh sources, and {scrub(self.url)} is none")

    @property
    def ssh(self) -> SshAddress | None:
        """Whom ssh speaks to, None where the URL is of another kind."""
        return ssh_address(self.url)

    def environment(self, timeout: float) -> dict[str, str]:
        """Return what git is run with. A redirect is not followed: a credential stays with its server."""
        extra = {
            "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
            "GIT_SSH_COMMAND": self.keys.command(),
            "GIT_SSH_VARIANT": "ssh",
            "GIT_HTTP_LOW_SPEED_LIMIT": "1",
            "GIT_HTTP_LOW_SPEED_TIME": str(max(1, int(timeout))),
        }
        settings = {"http.followRedirects": "false"}
        if self.ca_file:
            extra["GIT_SSL_CAINFO"] = str(self.ca_file)
        if token := self.credentials.read():
            extra |= {"HERDSMAN_SOURCE_USER": self.credentials.user, "HERDSMAN_SOURCE_TOKEN": token}
            settings |= _answering(self.url)
        return git_environment({**extra, **_as_environment(settings)})

    def explain(self, text: str) -> str:
        """Return what git complained of in one line, and what to do about it where that is known."""
        if self.ssh is not None and (said := explain(text, self.ssh, self.keys)):
            return said
        complaint = _complaint(text)
        if any(f"error: {code}" in complaint for code in (301, 302, 303, 307, 308)):
            return f"the repository has moved{self._moved_to()}: set the source to its new URL"
        hint = next((f"; {hint}" for sign, hint in _HINTS if sign.lower() in text.lower()), "")
        return f"{complaint}{hint}"

    def _moved_to(self) -> str:
        """Ask, without any credential, where the server points to; "" where it is silent."""
        refs = f"{self.url.rstrip('/')}/info/refs?service=git-upload-pack"
        try:
            trust = ssl.create_default_context(cafile=self.ca_file)
            answer = httpx.get(refs, verify=trust, follow_redirects=False, timeout=_PROBE_TIMEOUT)
        except (httpx.HTTPError, OSError, ValueError):
            return ""
        target = urljoin(refs, answer.headers.get("location", "")).partition("/info/refs")[0]
        return f" to {scrub(target)}" if answer.is_redirect and target else ""


def _as_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return git settings in the form in which they are in no process's arguments."""
    found = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def _answering(url: str) -> Mapping[str, str]:
    """Return settings with which git asks our helper, and only for this server."""
    parts = urlsplit(url)
    return {"credential.helper": "", f"credential.{parts.scheme}://{parts.netloc}.helper": _ANSWER}


def _complaint(text: str) -> str:
    """Return what ended git, else the first thing it complains of; the rest is advice to a person."""
    for sign in ("fatal: ", "error: ", "remote: "):
        for line in text.splitlines():
            if line.startswith(sign):
                return line.removeprefix(sign)
    return text


def _check_url(url: str, credentials: Credentials) -> None:
    parts = urlsplit(url)
    is_path = "://" not in url
    if url.startswith("-") or "::" in url.partition("/")[0] or (not is_path and parts.scheme not in _SCHEMES):
        raise UsageError(
            f"{parts.scheme or url}: not a kind of URL that a source may have; use https, ssh or file"
        )
    if not is_path and (parts.password or (parts.username and parts.scheme in ("http", "https"))):
        raise UsageError("The source's URL holds a user name or password; put the token into a file instead")
    has_token = bool(credentials.token or credentials.token_file or credentials.app)
    if has_token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError("A token is not sent over http, where anyone could read it; use an https URL")
