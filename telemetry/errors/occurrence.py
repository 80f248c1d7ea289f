"""Which events are errors, and what each one says. Pure, but for a memory of lines that come again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.labels import AllocationLabels
from telemetry.errors.fingerprint import of_line, of_trace, without_prefix
from telemetry.errors.frames import culprit, located
from telemetry.errors.parsing import parse_trace, within_bounds
from telemetry.errors.trace import LONGEST_TYPE, Frame, Thrown, Trace
from telemetry.records import Event

ERROR_LEVELS = frozenset({"error", "critical"})
_GAVE_UP = ("giving up", "gave up", "no more retries", "max retries", "maximum retries")
"""A warning that says this is an error: of tries that failed, the last one did."""
_ENDS = 300
"""Characters of a warning's beginning and end that are looked at."""
LONGEST_MESSAGE = 500
_KINDS = frozenset({"log", "error", "lifecycle", "alert"})
_TYPED = re.compile(
    r"(?<![\w.])(?P<type>(?:[A-Za-z_]\w*\.)*[A-Z][A-Za-z0-9]*(?:Error|Exception|Failure|Timeout|Fault|Interrupt|"
    r"Funds|Nonce|Symbol|Request|Response|Denied|Suspended|Exceeded|Protection|Available|Maintenance|Order|"
    r"NotFound|Supported|Permission|Disabled|Fillable|Immediately|Required))(?:\(|: |:$|$|\. )"
)
"""The name of an exception in a line without a trace, as `Exception` subclasses and ccxt's are called."""
_TOLD_ALREADY = re.compile(
    r"(?!Error: )(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception|Exit|Interrupt|Warning)\b|Node\.js v|note: |"
    r"exit status \d|\s*at |\t|\s*what\(\): |terminate called|.*\b(?:ERROR|CRITICAL|FATAL)\b|\}|    "
)
"""A last line that ends a trace, or shows its level: the bot itself told of the error that ended it."""
_SIGNALS = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 31: "SIGSYS"}
_MOST_REMEMBERED = 4096
_MOST_TRACES = 256


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error is: `fingerprint` is the same for what has the same cause, as far as its text tells."""

    fingerprint: str
    type: str
    message: str
    language: str = ""
    """Of its trace, "" where it came without one."""
    where: Frame | None = None
    """The bot's own frame nearest to where it went wrong."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that an error happened: the event's id, whose it is, when and at which revision."""

    event: str
    bot: str
    program: str
    version: str
    revision: str
    mode: str
    time: float
    facts: ErrorFacts


class ErrorReader:
    """Reads errors out of events; what comes again as it was is read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        """The fingerprints of lines by all that they depend on: a type, and a line without its time."""
        self._traces: dict[str, ErrorFacts] = {}
        """The traces read last that are whole in their text: one in a loop comes again as it was."""

    def read(self, event: Event, labels: AllocationLabels) -> Occurrence | None:
        """Return the error that an event tells of, None where it tells of none."""
        if event.kind not in _KINDS or not is_suspect(event):
            return None
        facts = self._facts(event)
        if facts is None:
            return None
        return Occurrence(
            event.id,
            event.bot,
            labels.program,
            labels.version,
            event.revision,
            event.mode,
            event.time,
            facts,
        )

    def _facts(self, event: Event) -> ErrorFacts | None:
        if event.kind == "lifecycle":
            return _ending(event)
        if "\n" in event.message and event.message in self._traces:
            return self._traces[event.message]
        trace = trace_of(event)
        if trace is not None:
            return self._of_trace(trace, event)
        said = str(event.data.get("error_type") or "") if event.kind == "error" else ""
        return self._of_line(said, event.message)

    def _of_trace(self, trace: Trace, event: Event) -> ErrorFacts:
        facts = _of_trace(trace)
        if not event.data:
            if len(self._traces) >= _MOST_TRACES:
                self._traces.clear()
            self._traces[event.message] = facts
        return facts

    def _of_line(self, said: str, message: str) -> ErrorFacts:
        line = message[:2000]
        type_ = (said or type_in(line))[:LONGEST_TYPE]
        bare = without_prefix(line)
        key = type_, bare
        fingerprint = self._known.get(key)
        if fingerprint is None:
            fingerprint = of_line(type_, line)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = fingerprint
        return ErrorFacts(fingerprint, type_ or "error", _short(bare))


def is_suspect(event: Event) -> bool:
    """Say whether an event may tell of an error: by its level, or a warning that the bot gave up."""
    if event.level != "warning":
        return event.level in ERROR_LEVELS
    text = event.message
    if len(text) > 2 * _ENDS:
        text = text[:_ENDS] + text[-_ENDS:]
    text = text.lower()
    return any(words in text for words in _GAVE_UP)


def trace_of(event: Event) -> Trace | None:
    """Return the trace that an event holds, its frames placed; None where it has none."""
    text = event.message
    stack = _stack(event.data)
    if stack and stack not in text:
        text = f"{text}\n{stack}"
    if "\n" not in text and "panicked" not in text and "Sanitizer" not in text:
        return None
    trace = parse_trace(within_bounds(text))
    return located(trace) if trace is not None else None


def _stack(data: Mapping[str, Any]) -> str:
    """Return the stack in a structured line: `stack`, or as pino and winston nest it."""
    if not data:
        return ""
    for place in (data, data.get("err"), data.get("error"), data.get("exception")):
        if isinstance(place, dict) and isinstance(stack := place.get("stack"), str):
            return stack
    return ""


def _of_trace(trace: Trace) -> ErrorFacts:
    last = trace.last
    return ErrorFacts(of_trace(trace), last.type, _said(last), trace.language, culprit(trace))


def _said(thrown: Thrown) -> str:
    return _short(next((line for line in thrown.message.split("\n") if line.strip()), ""))


def _short(text: str) -> str:
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 1]}…"


def type_in(line: str) -> str:
    """Return the exception that a line without a trace names, "" where it names none."""
    found = _TYPED.search(line)
    return found["type"].rpartition(".")[2] if found else ""


def _ending(event: Event) -> ErrorFacts | None:
    """Return how a bot's process ended, or could not start, where nothing that it printed told of it."""
    data = event.data
    outcome, kind = str(data.get("outcome") or ""), str(data.get("kind") or "")
    message = str(data.get("message") or "")
    number, code = data.get("signal"), data.get("exit_code")
    if kind == "exited" and outcome == "killed":
        return None
    if isinstance(number, int):
        type_ = _SIGNALS.get(number, f"signal {number}")
        said = message if not message.startswith("ended by signal") else f"the process was ended by {type_}"
        return None if _told_of(number, message) else ErrorFacts(of_line(type_, said), type_, _short(said))
    if kind == "exited" and outcome != "timed_out":
        if _TOLD_ALREADY.match(message):
            return None
        type_ = f"exit code {code}" if code is not None else "exit"
        return ErrorFacts(of_line(type_, message), type_, _short(message))
    type_ = {"failed": "LaunchFailed", "lease_lost": "LeaseLost"}.get(kind, "TimedOut")
    return ErrorFacts(of_line(type_, message), type_, _short(message))


def _told_of(number: int, message: str) -> bool:
    """Say whether the end by SIGABRT is that of an exception or panic which was printed."""
    return number == 6 and bool(_TOLD_ALREADY.match(message))
