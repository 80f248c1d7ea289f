"""A query as a process of its own, as scheduled bots answer it: on a copy of the state, without the lease."""

import json
import os
import select
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.launcher.fetch import Unfetched, fetch
from controller.launcher.processes import (
    SIGKILL,
    Program,
    StartFailed,
    adopt_orphans,
    end_strays,
    signal_group,
    start,
)
from controller.launcher.query_answer import NO_ANSWER, RAISED, TIMED_OUT, failure, meaning, parse
from controller.launcher.snapshot import TooLarge, refresh
from controller.launcher.surroundings import (
    LEASE_VARIABLES,
    MissingSecret,
    UnknownRuntime,
    command,
    environment,
    result_folder,
)
from controller.launcher.view import make_view

_MOST_OUTPUT = 4 << 20


def ask_fresh(
    order: dict[str, Any], own: dict[str, str], path: str, params: Any, seconds: float
) -> dict[str, Any]:
    """Run the program's query entrypoint once and return its answer."""
    folder = Path(order["paths"]["work"], "queries", uuid.uuid4().hex)
    folder.mkdir(mode=0o700, parents=True)
    try:
        refresh(Path(order["paths"]["state"]), folder / "state")
        return _run(order, own, folder, {"QUERY_PATH": path, "QUERY_PARAMS": json.dumps(params)}, seconds)
    except (Unfetched, StartFailed, MissingSecret, UnknownRuntime, TooLarge, OSError) as trouble:
        return failure(NO_ANSWER, f"the query could not be started: {trouble}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def query_order(order: dict[str, Any], work: Path, state: Path) -> dict[str, Any]:
    """Return the order as it holds for the query program: its entrypoint, folders and copy of the state."""
    paths = {**order["paths"], "work": str(work), "state": str(state)}
    return {**order, "entrypoint": order["query_entrypoint"], "paths": paths}


def query_environment(
    order: dict[str, Any], own: dict[str, str], code: str, dependencies: str
) -> dict[str, str]:
    """Return the query program's environment: the bot's, but nothing that speaks of the lease."""
    found = environment(order, own, code, dependencies)
    for name in LEASE_VARIABLES:
        found.pop(name, None)
    return found | {"ENTRYPOINT_TYPE": "query"}


def _run(
    order: dict[str, Any], own: dict[str, str], folder: Path, asked: dict[str, str], seconds: float
) -> dict[str, Any]:
    inside = query_order(order, folder, folder / "state")
    for made in ("home", "temporary", "result"):
        (folder / made).mkdir(mode=0o700)
    code, dependencies = _content(order, folder)
    result = Path(result_folder(inside), "result.json")
    given = (
        query_environment(inside, own, code, dependencies) | asked | {"HERDSMAN_QUERY_RESULT": str(result)}
    )
    code_of_exit, output, errors = _carry_out(
        Program(command(inside, dependencies, "query"), given, code), seconds
    )
    if code_of_exit is None:
        return failure(TIMED_OUT, f"the query took longer than {seconds:g} s and was ended", errors)
    document = _document(result, output)
    if document is None:
        if code_of_exit:
            ending = f"signal {-code_of_exit}" if code_of_exit < 0 else f"exit code {code_of_exit}"
            return failure(RAISED, f"the query program ended with {ending} and no answer", errors)
        return failure(NO_ANSWER, "the query program left no answer that is JSON", errors)
    return meaning(document[0], failed=code_of_exit != 0, trace=errors)


def _content(order: dict[str, Any], folder: Path) -> tuple[str, str]:
    """Return the folders of code and dependencies, fetched where the node has them not."""
    code, layer = (_unpacked(order, order[name]) for name in ("code", "dependencies"))
    if layer and order["runtime"].startswith("nodejs"):
        make_view(Path(code), Path(layer), folder / "program")
        return str(folder / "program"), layer
    return code, layer


def _unpacked(order: dict[str, Any], content: dict[str, str] | None) -> str:
    if content is None:
        return ""
    if content["path"]:
        return content["path"]
    return str(fetch(content["url"], content["digest"], Path(order["paths"]["cache"])))


def _carry_out(program: Program, seconds: float) -> tuple[int | None, str, str]:
    """Run a program to its end; return its exit code (None: it took too long), its output and its errors."""
    adopt_orphans()
    readers, writers = zip(os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC), strict=True)
    child = start(program, (writers[0], writers[1]))
    for writer in writers:
        os.close(writer)
    collected = {readers[0]: bytearray(), readers[1]: bytearray()}
    ended = _collect(child, collected, time.monotonic() + seconds)
    signal_group(child, SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    end_strays()
    _collect_rest(collected)
    output, errors = (bytes(collected[reader]).decode("utf-8", "replace") for reader in readers)
    return code if ended else None, output, errors


def _collect(child: int, collected: dict[int, bytearray], deadline: float) -> bool:
    """Read what the program prints until it ends; False where the time is over before."""
    ended = os.pidfd_open(child)
    poll = select.poll()
    for descriptor in (ended, *collected):
        poll.register(descriptor, select.POLLIN)
    try:
        while (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                if descriptor == ended:
                    return True
                if not _read(descriptor, collected[descriptor]):
                    poll.unregister(descriptor)
        return False
    finally:
        os.close(ended)


def _collect_rest(collected: dict[int, bytearray]) -> None:
    for descriptor, into in collected.items():
        os.set_blocking(descriptor, False)
        with suppress(BlockingIOError):
            while _read(descriptor, into):
                pass
        os.close(descriptor)


def _read(descriptor: int, into: bytearray) -> bool:
    """Take a chunk; of too much, the newest is kept."""
    data = os.read(descriptor, 65536)
    into += data
    del into[: max(len(into) - _MOST_OUTPUT, 0)]
    return bool(data)


def _document(result: Path, output: str) -> tuple[Any] | None:
    """Return the answer that was left in the result file, or printed as the last line; None without one."""
    with suppress(OSError, ValueError):
        if not result.is_symlink() and result.stat().st_size <= _MOST_OUTPUT:
            return (parse(result.read_bytes()),)
    lines = output.strip().splitlines()
    with suppress(ValueError):
        if lines and lines[-1].strip().startswith("{"):
            return (parse(lines[-1]),)
    return None
