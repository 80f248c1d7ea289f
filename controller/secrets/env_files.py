"""Secrets in environment files of the service's own machine: `NAME=value`, one a line."""

import os
import stat
from pathlib import Path

from schemas.document import MOST_BYTES
from schemas.errors import SecretUnavailable


class EnvFiles:
    """Reads files that only their owner may read."""

    def read(self, place: str, key: str) -> str:
        """Return the value of a name in the file at `place`. Raises SecretUnavailable."""
        values = parse_env_file(_content(Path(place)))
        if key not in values:
            raise SecretUnavailable(f"it has no {key}")
        return values[key]


def _content(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SecretUnavailable(f"the service cannot read it: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode) or len(content) > MOST_BYTES:
        raise SecretUnavailable("it is no plain file of at most 1 MiB")
    if status.st_mode & 0o077:
        raise SecretUnavailable("others can read it", f"chmod 600 {path}")
    return content.decode("utf-8", "surrogateescape")


def parse_env_file(text: str) -> dict[str, str]:
    """Return names and values; `export`, quotes around a whole value, and comments are understood."""
    values = {}
    for line in text.splitlines():
        name, mark, value = line.strip().removeprefix("export ").partition("=")
        if not mark or name.startswith("#"):
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name.strip()] = value
    return values
