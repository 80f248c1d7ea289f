"""The launcher's stand-alone files, as every scheduler ships them."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LAUNCHER = "controller/launcher/launcher.py"
"""What to run inside the unpacked archive: `python -I -S <archive>/controller/launcher/launcher.py`."""
QUERY = "controller/launcher/query.py"
"""What to run beside it to ask a bot something, see there."""

_FILES = (
    "controller/__init__.py",
    "controller/launcher/__init__.py",
    "controller/launcher/launcher.py",
    "controller/launcher/lease.py",
    "controller/launcher/custody.py",
    "controller/launcher/file_lease.py",
    "controller/launcher/nomad_lease.py",
    "controller/launcher/fence.py",
    "controller/launcher/fetch.py",
    "controller/launcher/files.py",
    "controller/launcher/first_file.py",
    "controller/launcher/guard.py",
    "controller/launcher/handed.py",
    "controller/launcher/keeper.py",
    "controller/launcher/kill_switch.py",
    "controller/launcher/loop.py",
    "controller/launcher/memory.py",
    "controller/launcher/nomad_socket.py",
    "controller/launcher/preparation.py",
    "controller/launcher/processes.py",
    "controller/launcher/query.py",
    "controller/launcher/query_answer.py",
    "controller/launcher/query_fresh.py",
    "controller/launcher/query_live.py",
    "controller/launcher/query_server.py",
    "controller/launcher/query_shim.py",
    "controller/launcher/reporting.py",
    "controller/launcher/run.py",
    "controller/launcher/sealing.py",
    "controller/launcher/shim.mjs",
    "controller/launcher/shim.py",
    "controller/launcher/slots.py",
    "controller/launcher/snapshot.py",
    "controller/launcher/streams.py",
    "controller/launcher/supervisor.py",
    "controller/launcher/surroundings.py",
    "controller/launcher/text.py",
    "controller/launcher/view.py",
)


def launcher_root() -> Path:
    """Return the folder that holds `LAUNCHER` on this machine (the installed product itself)."""
    return Path(__file__).parents[2]


@cache
def launcher_files() -> Mapping[str, bytes]:
    """Return the launcher's files by path; those in Python import the standard library alone."""
    root = launcher_root()
    return {name: (root / name).read_bytes() for name in _FILES}


def launcher_digest() -> str:
    """Return the hex SHA-256 over names and contents: the key for `BundleStore.files`."""
    digest = hashlib.sha256()
    for name, content in sorted(launcher_files().items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
