"""From error groups, trails and source lines to the documents of the API. Pure."""

from gitops.source_code import SourceCode
from telemetry.errors.explanation import Explanation
from telemetry.errors.groups import ErrorGroup, Sample, since_revision, state_of
from telemetry.errors.occurrence import trace_of
from telemetry.errors.trace import Thrown, Trace
from web.error_documents import (
    CodeAnswer,
    CodeLine,
    ErrorDetail,
    ErrorSummary,
    ExplainAnswer,
    FrameDocument,
    ModelDocument,
    OccurrenceDocument,
    RevisionCount,
    RuleDocument,
    ThrownDocument,
)
from web.errors import Explained, Found
from web.presentation import event_document


def error_summary(group: ErrorGroup, now: float) -> ErrorSummary:
    """Return one group as a list shows it."""
    return ErrorSummary(
        id=group.id,
        bot=group.bot,
        program=group.program,
        version=group.version,
        mode=group.mode,
        state=state_of(group, now).value,
        type=group.type,
        message=group.message,
        language=group.language,
        file=group.file,
        line=group.line,
        function=group.function,
        count=group.count,
        first_seen=group.first_seen,
        last_seen=group.last_seen,
        first_revision=group.first_revision,
        last_revision=group.last_revision,
        since_revision=since_revision(group),
        fingerprint=group.fingerprint,
    )


def error_detail(found: Found, now: float) -> ErrorDetail:
    """Return one group whole."""
    group, trail = found.group, found.trail
    trace = trace_of(trail.event) if trail.event is not None else None
    resolution = group.resolution
    return ErrorDetail(
        error=error_summary(group, now),
        revisions=[
            RevisionCount(one.revision, one.version, one.count, one.first_seen, one.last_seen)
            for one in group.revisions
        ],
        occurrences=[_occurrence(one) for one in group.samples],
        shown=_occurrence(found.sample),
        event=event_document(trail.event) if trail.event is not None else None,
        trace=trace_documents(trace) if trace is not None else [],
        lines=[event_document(one) for one in trail.lines],
        trades=[event_document(one) for one in trail.trades],
        resources=dict(trail.resources),
        resolution=None
        if resolution is None
        else {
            "at": resolution.at,
            "by": resolution.by,
            "reason": resolution.reason,
            "revision": resolution.revision,
            "seen_since": group.since_resolved,
        },
        bots=list(found.bots),
    )


def trace_documents(trace: Trace) -> list[ThrownDocument]:
    """Return the exceptions of a trace."""
    chain = [_thrown(one, part=False) for one in trace.thrown]
    return chain + [_thrown(one, part=True) for one in trace.parts]


def explain_answer(explained: Explained, now: float, *, has_model: bool) -> ExplainAnswer:
    """Return an explanation."""
    model = None
    if explained.model:
        model = ModelDocument(explained.model, explained.said, explained.problem)
    return ExplainAnswer(
        error=error_summary(explained.group, now),
        explanation=_rule(explained.explanation),
        others=[_rule(one) for one in explained.explanation.others],
        model_available=has_model,
        model=model,
    )


def code_answer(code: SourceCode) -> CodeAnswer:
    """Return source lines."""
    lines = [
        CodeLine(one.number, one.text, one.commit, one.author, one.at, one.summary) for one in code.lines
    ]
    return CodeAnswer(code.path, code.commit, code.line, code.url, code.blamed, lines)


def _occurrence(sample: Sample) -> OccurrenceDocument:
    return OccurrenceDocument(sample.event, sample.time, sample.revision)


def _thrown(thrown: Thrown, *, part: bool) -> ThrownDocument:
    frames = [FrameDocument(one.function, one.file, one.line, one.code, one.in_app) for one in thrown.frames]
    return ThrownDocument(thrown.type, thrown.message, frames, part)


def _rule(one: Explanation) -> RuleDocument:
    return RuleDocument(one.rule, one.title, one.cause, one.fix)
