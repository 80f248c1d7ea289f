"""herdsman as a process that ends itself, as by `kill -9`, at the n-th call of a named function.

The product knows nothing of it: `main` runs in place of the installed command and wraps it. The file
`die-at` in the person's home says where, once: `module:Class.method:before 2`. Where that file is gone before
the call is reached, nothing happens any more.
"""

import functools
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE = "die-at"
_METHODS = (
    "controller.reconcile:Reconciler._fetch",
    "controller.reconcile:Reconciler._reconcile",
    "controller.pass_records:PassRecords.write",
    "controller.apply:Applier._intend",
    "controller.apply:Applier._record",
    "controller.apply:Applier._save",
    "controller.apply:Applier._drop",
    "controller.schedulers.local.scheduler:LocalScheduler.apply",
    "controller.schedulers.local.scheduler:LocalScheduler.stop",
    "controller.schedulers.local.scheduler:LocalScheduler.remove",
    "controller.schedulers.local.registry:Registry.save",
    "controller.schedulers.local.registry:Registry.forget",
)
LOCAL, NOMAD = "schedulers.local.scheduler:LocalScheduler", "schedulers.nomad.scheduler:NomadScheduler"
POINTS = tuple(f"{method}:{when}" for method in _METHODS for when in ("before", "after"))


def main() -> None:
    """Run herdsman's command line, wrapped where the file says so."""
    file = Path.home() / FILE
    if len(sys.argv) > 1 and sys.argv[1] in ("up", "controller") and file.exists():
        point, call = file.read_text().split()
        wrap(point, int(call), file)
    from cli.entry import main as herdsman

    sys.exit(herdsman())


def wrap(point: str, call: int, file: Path) -> None:
    """Let this process end at the n-th call of a method, before or after it, while there is the file."""
    place, when = point.rsplit(":", 1)
    module, name = place.split(":")
    owner_name, method_name = name.split(".")
    owner = getattr(importlib.import_module(module), owner_name)
    setattr(owner, method_name, _wrapped(getattr(owner, method_name), when == "before", call, file))


def _wrapped(method: Callable[..., Any], before: bool, call: int, file: Path) -> Callable[..., Any]:
    left = [call]

    def reached(now: bool) -> None:
        if now:
            left[0] -= 1
            if left[0] <= 0 and file.exists():
                file.unlink()
                os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(method)
    async def waiting(*arguments: Any, **named: Any) -> Any:
        reached(before)
        found = await method(*arguments, **named)
        reached(not before)
        return found

    @functools.wraps(method)
    def direct(*arguments: Any, **named: Any) -> Any:
        reached(before)
        found = method(*arguments, **named)
        reached(not before)
        return found

    return waiting if inspect.iscoroutinefunction(method) else direct


def install(folder: Path, checkout: Path) -> str:
    """Write the command that stands for herdsman's, and return its path."""
    command = folder / "herdsman"
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(checkout)!r})\n"
        "from tests.faults.runs.dying import main\nmain()\n"
    )
    command.chmod(0o755)
    return str(command)
