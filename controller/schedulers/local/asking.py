"""Asking a bot on this machine: the launcher's query program, as a child of ours for as long as it takes."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.launcher.archive import QUERY, launcher_root
from controller.schedulers.answers import answer_of
from controller.schedulers.local.registry import Job
from controller.schedulers.protocol import Question
from schemas.errors import QueryTimedOut

_PYTHON = str(Path(sys.executable).resolve())
_SLACK = 10.0
"""Seconds beyond its own time after which the query program itself is killed."""


async def ask(
    job: Job, question: Question, environment: Mapping[str, str], values: Mapping[str, str] | None = None
) -> str:
    """Return the answer of a job's bot as JSON text. `environment` is the launcher's, with the bot's secrets.

    `values` are the secrets that are handed over.

    Raises QueryRefused, QueryFailed, QueryTimedOut.
    """
    asked = {
        "order": {key: value for key, value in job.order.items() if key != "handed"}
        | ({"values": dict(values)} if values else {}),
        "path": question.path,
        "params": dict(question.params),
        "seconds": question.seconds,
    }
    process = await asyncio.create_subprocess_exec(
        *(_PYTHON, "-I", "-S", str(launcher_root() / QUERY)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(question.seconds + _SLACK):
            printed, _ = await process.communicate(_line(asked))
    except TimeoutError:
        raise QueryTimedOut(f"{job.name}: the query took longer than {question.seconds:g} s") from None
    finally:
        await _end(process)
    return answer_of(job.name, printed)


def _line(asked: dict[str, Any]) -> bytes:
    return json.dumps(asked).encode() + b"\n"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind: what the program started dies with it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
