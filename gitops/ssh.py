"""Speaking to a git server by ssh: with its known key alone, and with no key but the one that is named.

Nothing of the user's own is used (no settings, no agent), so that a fleet is read in the same way at a
terminal and as a service. A key that the server shows for the first time is never taken on trust.
"""

import os
import re
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gitops.process import CommandTimedOut, plain_environment, run
from schemas.errors import UsageError

CONNECT_TIMEOUT = 15
"""Seconds that a server has to take a connection."""

_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>\[[0-9a-fA-F:.]+\]|[^@/:\s]+):(?!:)(?P<path>.+)")


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Whom an ssh URL speaks to; `port` "" is the usual one."""

    host: str
    port: str = ""

    @property
    def known_as(self) -> str:
        """Return the server's name as it stands in a known_hosts file."""
        return f"[{self.host}]:{self.port}" if self.port not in ("", "22") else self.host

    @property
    def scan(self) -> str:
        """Return the command that shows the server's keys, to be compared before they are trusted."""
        port = f"-p {self.port} " if self.port not in ("", "22") else ""
        return f"ssh-keyscan {port}{self.host}"


def ssh_address(url: str) -> SshAddress | None:
    """Return whom a URL (`ssh://...` or `user@host:path`) speaks to, None where it is no ssh URL.

    Raises UsageError for a name that ssh would take for an option.
    """
    if "://" in url:
        parts = urlsplit(url)
        if parts.scheme != "ssh":
            return None
        try:
            found = SshAddress(parts.hostname or "", str(parts.port or ""))
        except ValueError as error:
            raise UsageError("the port of the source's URL is no number") from error
        user = parts.username or ""
    else:
        match = _SCP_LIKE.fullmatch(url)
        if match is None or Path(url).exists():
            return None
        found, user = SshAddress(match["host"].strip("[]")), match["user"] or ""
    if not found.host or found.host.startswith("-") or user.startswith("-"):
        raise UsageError("the source's URL names no server")
    return found


@dataclass(frozen=True, slots=True)
class SshKeys:
    """The files that ssh works with; without them the user's own known_hosts and usual keys are taken."""

    known_hosts: Path | None = None
    key: Path | None = None

    def check(self) -> None:
        """Raise UsageError where a file is missing, open to others, or of no use without a person."""
        if self.known_hosts is not None and not os.access(self.known_hosts, os.R_OK):
            raise UsageError(f"the known hosts file {self.known_hosts} cannot be read")
        if self.key is None:
            return
        try:
            status = self.key.stat()
        except OSError as error:
            raise UsageError(f"the key file {self.key} cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode) or not os.access(self.key, os.R_OK):
            raise UsageError(f"the key file {self.key} cannot be read")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise UsageError(
                f"the key file {self.key} can be read by others, so ssh will not use it: chmod 600 {self.key}"
            )
        self._check_usable(self.key)

    def _check_usable(self, key: Path) -> None:
        """Ask ssh's own tool for the key's public half, with an empty passphrase."""
        try:
            asked = run(
                ["ssh-keygen", "-y", "-P", "", "-f", key], environment=plain_environment(), timeout=10
            )
        except (OSError, CommandTimedOut):
            return  # no such tool here: ssh itself will say
        if asked.code == 0:
            return
        if "passphrase" in asked.text:
            raise UsageError(
                f"the key file {key} has a passphrase, which nobody is here to type: make a key for this "
                "machine alone, without one (ssh-keygen -t ed25519 -N '' -f FILE)"
            )
        raise UsageError(f"the key file {key} holds no private key")

    def command(self) -> str:
        """Return what git is to run for ssh."""
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "PreferredAuthentications": "publickey",
            "ConnectTimeout": str(CONNECT_TIMEOUT),
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "2",
            "ForwardAgent": "no",
            "ForwardX11": "no",
            "PermitLocalCommand": "no",
        }
        if self.known_hosts is not None:
            options |= {"UserKnownHostsFile": _quoted(self.known_hosts), "GlobalKnownHostsFile": os.devnull}
        if self.key is not None:
            options["IdentityFile"] = _quoted(self.key)
        words = ["ssh", "-F", "none"]
        for name, value in options.items():
            words += ["-o", f"{name}={value}"]
        return shlex.join(words)


def _quoted(path: Path) -> str:
    """Return a path as ssh's options take it: what is in quotes may hold spaces, and %% is a %."""
    text = str(path.absolute()).replace("%", "%%")
    return f'"{text}"'


def explain(text: str, address: SshAddress, keys: SshKeys) -> str:
    """Return what ssh's complaint means and what to do about it, "" where it is none that we know."""
    file = keys.known_hosts.absolute() if keys.known_hosts else "~/.ssh/known_hosts"
    compare = "compare its fingerprint with the one that the server's owner publishes (ssh-keygen -lf -)"
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        return (
            f"the server {address.known_as} shows another key than the one in {file}: it was set up anew, or "
            f"somebody stands in between. Nothing was sent. If the change is announced, see the new key with "
            f"`{address.scan}`, {compare}, and put it into that file in place of the old one"
        )
    if "Host key verification failed" in text or "host key is known for" in text:
        return (
            f"the server {address.known_as} is not in {file}, so its key is not trusted. See its key with "
            f"`{address.scan}`, {compare}, and add the line to that file"
        )
    if "Permission denied" in text:
        key = f"the key {keys.key}" if keys.key else "none of the user's usual keys"
        taken = f"{key} was not taken" if keys.key else f"{key} was taken"
        return f"{taken} by {address.known_as}: add its public half there as a (read-only) deploy key"
    return ""
