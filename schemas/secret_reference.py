"""Where the value of a bot's secret is: a reference as a manifest writes it, and the one form that we keep.

Written as a mapping (`{from: sops, file: secrets/desk.yaml, key: api_key}`) or as text
(`sops:secrets/desk.yaml#api_key`); both mean the same and are kept as the text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.suggestions import nearest
from schemas.words import alternatives, quoted

IN_GIT = frozenset({"sops", "age"})
"""Kinds whose values are in the fleet's own files, encrypted."""
OUTSIDE = frozenset({"env-file", "nomad", "vault"})
"""Kinds whose values the service reads elsewhere."""
ON_NODE = frozenset({"env", "file"})
"""Kinds that the launcher reads on the bot's own node."""
HANDED = IN_GIT | OUTSIDE
"""Kinds whose values the service hands to the launcher."""
KINDS = (*sorted(IN_GIT), *sorted(OUTSIDE), *sorted(ON_NODE))

_VARIABLE_PATH = re.compile(r"[A-Za-z0-9_~/-]{1,128}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "sops": ("file",),
    "age": ("file",),
    "env-file": ("file", "key"),
    "nomad": ("path", "key"),
    "vault": ("path", "key"),
    "file": ("file",),
    "env": ("key",),
}
_TAKES: Mapping[str, tuple[str, ...]] = {**_NEEDS, "sops": ("file", "key")}


class InvalidReference(ValueError):
    """A text or mapping that is no reference; its words never repeat what may be a value."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class SecretReference:
    """An environment variable of the bot, and where its value is; the value itself never travels with it.

    `restart_on_change` asks to restart the bot where a value outside git changes. `digest` is a keyed digest
    of the value that was found, "" where the bot does not depend on it: equal values of one variable have the
    same under one fleet's key, and without the key it says nothing.
    """

    variable: str
    reference: str
    restart_on_change: bool = False
    digest: str = field(default="", repr=False)

    @property
    def kind(self) -> str:
        """The reference's first word."""
        return self.reference.partition(":")[0]

    @property
    def place(self) -> str:
        """The file, path or name behind the kind, without the key."""
        rest = self.reference.partition(":")[2]
        return rest.rpartition("#")[0] if "#" in rest else rest

    @property
    def key(self) -> str:
        """The key within the place, "" for the whole of it."""
        rest = self.reference.partition(":")[2]
        return rest.rpartition("#")[2] if "#" in rest else ""

    @property
    def handed(self) -> bool:
        """Whether the service hands over its value, instead of the launcher looking for it."""
        return self.kind in HANDED

    @property
    def watched(self) -> bool:
        """Whether its value can change without a push, and the bot is restarted then."""
        return self.kind in OUTSIDE and self.restart_on_change

    @property
    def decides(self) -> bool:
        """Whether another value is another bot, which is restarted for it."""
        return self.kind in IN_GIT or self.watched


def read_reference(variable: str, written: Any) -> SecretReference:
    """Return a reference as it was written. Raises InvalidReference."""
    if isinstance(written, Mapping):
        parts = {str(key): value for key, value in written.items() if key != "restart_on_change"}
        return _checked(variable, parts, bool(written.get("restart_on_change", False)))
    kind, _, rest = str(written).partition(":")
    if kind not in KINDS:
        raise InvalidReference(f"there is no secret of the kind {_shown_kind(kind)}", nearest(kind, KINDS))
    place, mark, key = rest.rpartition("#") if kind not in ON_NODE else (rest, "", "")
    if not mark:
        place, key = rest, ""
    name = "key" if kind == "env" else _NEEDS[kind][0]
    return _checked(variable, {"from": kind, name: place, **({"key": key} if mark else {})}, False)


def _shown_kind(kind: str) -> str:
    """Return the kind for people; what is longer than any kind may be a value."""
    return quoted(kind) if len(kind) <= 12 else "that is written there"


def _checked(variable: str, parts: Mapping[str, Any], restart: bool) -> SecretReference:
    kind = str(parts.get("from", ""))
    if not kind:
        raise InvalidReference('"from" is missing: it says where the value is', "from: sops")
    takes = _TAKES[kind]
    for name in parts:
        if name not in (*takes, "from"):
            raise InvalidReference(f'"{name}" is not for "from: {kind}", which takes {_listed(takes)}')
    for name in _NEEDS[kind]:
        if not parts.get(name):
            raise InvalidReference(f'"from: {kind}" needs "{name}"')
    if restart and kind not in OUTSIDE:
        raise InvalidReference(
            f'"restart_on_change" is for {alternatives(sorted(OUTSIDE))}: '
            + ("a change in git restarts the bot anyway" if kind in IN_GIT else "nobody watches a node's own")
        )
    _check_place(kind, parts)
    first = str(parts[_NEEDS[kind][0]])
    key = str(parts["key"]) if kind != "env" and "key" in parts else ""
    return SecretReference(variable, f"{kind}:{first}#{key}" if key else f"{kind}:{first}", restart)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f'"{name}"' for name in names)


def _check_place(kind: str, parts: Mapping[str, Any]) -> None:
    file, path = str(parts.get("file", "")), str(parts.get("path", ""))
    if kind in IN_GIT and (file.startswith("/") or ".." in file.split("/") or "#" in file):
        raise InvalidReference(f'the file of "from: {kind}" lies in the fleet\'s folder: "secrets/desk.yaml"')
    if kind in ("env-file", "file") and not file.startswith(("/", "$")):
        raise InvalidReference(f'the file of "from: {kind}" lies on the machine: begin it with "/"')
    if kind == "nomad" and (not _VARIABLE_PATH.fullmatch(path) or path.startswith("/")):
        raise InvalidReference('a Nomad variable\'s path has letters, digits, "-", "_", "~" and "/"')
    if kind == "vault" and ("/" not in path.strip("/") or ".." in path.split("/") or path.startswith("/")):
        raise InvalidReference(
            'Vault\'s path begins with the mount of its KV engine: "secret/desk/binance" (without "data/")'
        )
    if kind == "env" and not _NAME.fullmatch(str(parts.get("key", ""))):
        raise InvalidReference('"env" names an environment variable such as "env:BINANCE_KEY"')
