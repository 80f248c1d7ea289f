"""Environments: the services that a person works with, each by a name, kept in one file of the person's own.

The file holds addresses, never a token. The standard library alone: `git-credential` reads it at every push.
"""

import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from schemas.errors import HerdsmanError, NotFound, UsageError

LOCAL = "local"
"""Stands for the service that is found by itself on this machine; it cannot be added or removed."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Environment:
    """A service that was added by name."""

    name: str
    url: str
    ca_file: str = ""
    """Certificates to trust for it, "" for the system's."""
    protected: bool = False
    """Every command that changes something there asks first."""
    kept_in: str = "file"
    """Where its token is: "keyring" or "file"."""


@dataclass(frozen=True, slots=True)
class Environments:
    """All of a person's environments, and the one that is meant where none is named ("": none)."""

    known: dict[str, Environment] = field(default_factory=dict)
    current: str = ""

    def named(self, name: str) -> Environment:
        """Return the environment of a name. Raises NotFound with the names that there are."""
        found = self.known.get(name)
        if found is None:
            names = ", ".join(sorted(self.known)) or "none yet: `herdsman env add NAME --url URL`"
            raise NotFound(f'there is no environment "{name}"; there are: {names}')
        return found

    def at(self, url: str) -> Environment | None:
        """Return the environment at an address, however the address came to be named."""
        wanted = url.rstrip("/")
        return next((one for one in self.known.values() if one.url == wanted), None)

    def with_one(self, one: Environment) -> "Environments":
        """Return these with one added or changed."""
        return replace(self, known=self.known | {one.name: one})

    def without(self, name: str) -> "Environments":
        """Return these without one; where it was the current one, none is."""
        left = {key: one for key, one in self.known.items() if key != name}
        return Environments(left, "" if self.current == name else self.current)


def checked_name(name: str) -> str:
    """Return a name that an environment can have. Raises UsageError."""
    if name == LOCAL or not _NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" cannot be the name of an environment: use 1 to 63 of a-z, 0-9, ".", "_" and "-", '
            f'with a letter or digit at both ends, and not "{LOCAL}"'
        )
    return name


def config_folder() -> Path:
    """Return where a person's settings of herdsman are (the XDG base directories)."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "herdsman"


def environments_file() -> Path:
    """Return the file with the environments."""
    return config_folder() / "environments.json"


def read_environments() -> Environments:
    """Return the environments; none where there is no file. Raises HerdsmanError where it is no good."""
    file = environments_file()
    try:
        found = json.loads(file.read_text())
        known = {name: Environment(name, **one) for name, one in found["environments"].items()}
        return Environments(known, str(found.get("current", "")))
    except FileNotFoundError:
        return Environments()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HerdsmanError(f"{file} is damaged ({error}): mend it or remove it") from error


def write_environments(environments: Environments) -> None:
    """Keep the environments, whole or not at all, for this person alone."""
    known = {name: asdict(one) for name, one in sorted(environments.known.items())}
    for one in known.values():
        del one["name"]
    document = {"current": environments.current, "environments": known}
    write_private(environments_file(), json.dumps(document, indent=2) + "\n")


def write_private(file: Path, text: str) -> None:
    """Write a file (0600) in a folder (0700 where it is made), whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
    part.replace(file)
