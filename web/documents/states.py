"""Bots' kept states and their versions."""

from msgspec import Struct


class StateKey(Struct):
    """One key of a bot's saved state."""

    key: str
    """The SDK's key for `<key>.json`, else the file's path."""
    path: str
    size: int
    sha256: str
    modified: float
    changing: bool = False
    """The bot wrote it again and again while it was read."""


class StateVersionDocument(Struct):
    """One version of a bot's saved state."""

    number: int
    saved_at: float
    node: str
    """Where it was saved; "" for one made by an operator."""
    final: bool
    """The copy that saved it had ended: nothing of it is missing."""
    keys: int
    bytes: int
    by: str = ""
    reason: str = ""


class StateDocument(Struct):
    """A version of a bot's saved state with its keys, and what is not saved with the reason, by path."""

    bot: str
    version: StateVersionDocument
    keys: list[StateKey]
    skipped: dict[str, str]


class RestoreRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/state/restore`."""

    version: int = 0
    """0: the newest saved."""
    reason: str = ""
    accept_loss: bool = False
    """Take it though the newest state was never saved to its end."""
