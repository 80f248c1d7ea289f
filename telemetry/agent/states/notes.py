"""Notes between a launcher and the agent of its node, in the allocation's shared folder.

A bot can write there too, so that every file is opened through no link and taken for no more than a word
about this one bot.
"""

import os
import secrets
from pathlib import Path

import msgspec

from schemas.state import ANSWER_FILE, STATE_FILE, HeldState, StateAnswer
from telemetry.agent.opening import open_plain, opened

_MOST = 1 << 16
_decode = msgspec.json.Decoder(HeldState).decode


def read_held(folder: Path) -> tuple[HeldState, os.stat_result] | None:
    """Return what the launcher of an allocation says, and the file's status (its owner is the launcher's)."""
    try:
        with opened(folder, "alloc") as inside, os.fdopen(open_plain(STATE_FILE, inside), "rb") as file:
            return _decode(file.read(_MOST)), os.fstat(file.fileno())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def write_answer(folder: Path, answer: StateAnswer) -> None:
    """Answer a launcher. Raises OSError."""
    part = f".{ANSWER_FILE}.{secrets.token_hex(6)}"
    with opened(folder, "alloc") as inside:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(part, flags, 0o644, dir_fd=inside), "wb") as file:
            file.write(msgspec.json.encode(answer))
        os.replace(part, ANSWER_FILE, src_dir_fd=inside, dst_dir_fd=inside)
