"""The values of the bot's secrets in the launcher: taken once, kept in memory, and never told."""

import posix

from controller.launcher.files import read, replace
from controller.launcher.sealing import NotOurs, open_box
from controller.launcher.text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_BYTES = 1 << 17
SHORTEST = 8
"""Values shorter than this are not looked for in what is told: they would be found in any text."""
CONCEAL_FILE = "herdsman-conceal"
"""In the task's secrets folder (memory, on Nomad): the values that the agent conceals in the bot's output."""


def take(order: "dict[str, Any]") -> None:
    """Put what the service handed over into `order["values"]`, and why not into `order["untaken"]`.

    `order["handed"]` is `{"path": file with a box, "key": its key}`; without a path the values come as JSON
    text on stdin, which is closed then.
    """
    handed = order.pop("handed", None)
    order.setdefault("values", {})
    if handed is None:
        return
    try:
        order["values"] = _opened(handed) if handed.get("path") else _piped()
    except (NotOurs, ValueError, OSError) as trouble:
        order["untaken"] = str(trouble)


def _opened(handed: "dict[str, str]") -> "dict[str, str]":
    text = read(handed["path"])
    if text is None:
        raise NotOurs("Nomad has not written them on this node")
    return open_box(handed["key"], text.strip())


def _piped() -> "dict[str, str]":
    content = b""
    while len(content) < MOST_BYTES and (part := posix.read(0, 65536)):
        content += part
    posix.dup2(posix.open("/dev/null", posix.O_RDONLY), 0)
    values: Any = decode(content.decode())
    return values  # type: ignore[no-any-return]


def tell_agent(order: "dict[str, Any]", values: "dict[str, str]") -> None:
    """Leave the values for this node's agent, which conceals them, where the order names a place for it."""
    folder = order.get("conceal", "")
    if folder and values:
        replace(f"{folder}/{CONCEAL_FILE}", encode(values), 0o600)


def concealed(text: str, values: "dict[str, str]") -> str:
    """Return a text with each value, also as JSON writes it, replaced by its name between asterisks."""
    for name, value in values.items():
        if len(value) >= SHORTEST:
            text = text.replace(value, f"***{name}***").replace(encode(value)[1:-1], f"***{name}***")
    return text
