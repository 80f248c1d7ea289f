"""What every input must be answered with: a document or placed errors, within a second of work."""

import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

from schemas.bot import BotType
from schemas.errors import ManifestError
from schemas.fleet import parse_fleet
from schemas.instance import parse_instance
from schemas.parameters import ParameterSchema, compile_parameters
from schemas.program import parse_program
from schemas.report import render_errors
from schemas.resolve import resolve_bot
from schemas.source_list import parse_sources
from schemas.trust_policy import parse_trust
from tests.fuzz.inputs import Input, make_input
from tests.unit.schemas.samples import NO_SETTINGS, REALTIME_PROGRAM, SCHEDULED_PROGRAM, SCHEMA, compiled

MOST_SECONDS = 1.0
"""Of this process's own work (CPU) for one input: a busy machine makes no hang."""


class Hang(Exception):
    """An input took too long."""


@dataclass(frozen=True)
class Answer:
    """How one input was answered: `failure` says what was wrong with that ("" where nothing was)."""

    number: int
    seconds: float
    refused: bool
    failure: str = ""


def check(errors: Sequence[ManifestError]) -> None:
    """Assert what holds for every error: a message, a place from 1 or none, and that it can be shown."""
    for error in errors:
        assert error.message
        assert (error.line >= 1) == (error.column >= 1)
        assert error.pointer == "" or error.pointer.startswith("/")
    shown = render_errors(errors)
    assert all(character.isprintable() or character == "\n" for character in shown)


def answer(seed: int, number: int, most: float = MOST_SECONDS) -> Answer:
    """Make one input, read it, and check what comes of it; more than `most` CPU seconds are a hang."""
    given = make_input(seed, number)
    before = time.process_time()
    refused, failure = False, ""
    try:
        with limited(most):
            refused = _read(given)
    except Exception as error:  # noqa: BLE001 - whatever an input leads to is what is looked for
        failure = f"{type(error).__name__}: {error}"[:500]
    seconds = time.process_time() - before
    if not failure and seconds > most:
        failure = f"Hang: {seconds:.1f} s"
    return Answer(number, seconds, refused, failure)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise Hang in the block once this process has worked for so long in it."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Hang(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _read(given: Input) -> bool:
    """Read an input as what it stands for, and say whether it was refused."""
    if given.kind == "instance":
        return _read_instance(given)
    if given.kind == "schema":
        return _read_schema(given)
    if given.kind in ("sources", "trust"):
        parse = parse_sources if given.kind == "sources" else parse_trust
        found, errors = parse(given.file, given.content, Path("/etc/desk"))
    else:
        found, errors = (parse_program if given.kind == "program" else parse_fleet)(given.file, given.content)
    assert errors or found is not None
    check(errors)
    return bool(errors)


def _read_instance(given: Input) -> bool:
    """Read an instance, and together with its program, as a revision does."""
    instance, errors = parse_instance(given.file, given.content)
    check(errors)
    if instance is None:
        assert errors
        return True
    program = REALTIME_PROGRAM if instance.type is BotType.REALTIME else SCHEDULED_PROGRAM
    spec, more = resolve_bot(instance, program, _parameters(), NO_SETTINGS, "prod")
    check(more)
    assert (spec is None) == bool(errors + more)
    if spec is not None:
        assert json.loads(spec.config_json)["name"] == spec.name
    return spec is None


def _read_schema(given: Input) -> bool:
    parameters, errors = compile_parameters("f.json", given.content)
    assert errors or parameters is not None
    check(errors)
    if parameters is not None:
        _, found = parameters.resolve({"symbol": "a" * 40 + "!", "fast": 1}, lambda _: False)
        assert all(violation.message for violation in found)
    return bool(errors)


@cache
def _parameters() -> ParameterSchema:
    return compiled(SCHEMA)
