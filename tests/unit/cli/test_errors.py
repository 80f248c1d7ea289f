"""What a bot, its source or a commit says reaches the terminal as text, and commands nothing there."""

from cli.errors import before_lines, code_lines, explained_lines, frame_lines, head_lines, place
from web.documents.series import LogEvent
from web.error_documents import (
    CodeAnswer,
    CodeLine,
    ErrorDetail,
    ErrorSummary,
    ExplainAnswer,
    FrameDocument,
    ModelDocument,
    OccurrenceDocument,
    RuleDocument,
    ThrownDocument,
)

EVIL = "a\x1b]0;b\x07"
SHOWN = "a\\x1b]0;b\\x07"


def summary() -> ErrorSummary:
    return ErrorSummary(
        *("0" * 12, "alpha", "trend", "1.0.0", "dry", "new"),
        *(EVIL, EVIL, "python", EVIL, 3, EVIL, 1, 1.0, 1.0),
        *("a" * 40, "a" * 40, "a" * 40, "0" * 16),
    )


def detail() -> ErrorDetail:
    frame = FrameDocument(EVIL, EVIL, 3, EVIL, in_app=True)
    line = LogEvent("one/stderr/0/0", "alpha", 1.0, "log", "error", EVIL, "stderr", "", "a" * 40, {})
    return ErrorDetail(
        summary(),
        [],
        [],
        OccurrenceDocument("one/stderr/0/0", 1.0, "a" * 40),
        None,
        [ThrownDocument(EVIL, EVIL, [frame, frame])],
        [line],
        [line],
        {},
        {"at": 1.0, "by": "ann", "reason": EVIL, "revision": "a" * 40, "seen_since": 0},
    )


def test_nothing_of_an_error_commands_the_terminal() -> None:
    """Types, files, frames, source, authors, reasons, lines, a model: control characters are shown."""
    rule = RuleDocument("", EVIL, EVIL, EVIL)
    code = CodeAnswer(EVIL, "9" * 40, 3, EVIL, True, [CodeLine(3, EVIL, "9" * 40, EVIL, 1.0, EVIL)])
    answer = ExplainAnswer(summary(), rule, [rule], True, ModelDocument("small", "", EVIL))
    parts = {
        "place": [place(summary())],
        "head": list(head_lines(detail())),
        "explained": list(explained_lines(answer)),
        "frames": list(frame_lines(detail())),
        "code": list(code_lines(code)),
        "before": list(before_lines(detail())),
    }
    for name, lines in parts.items():
        text = "".join(lines)
        assert "\x1b]" not in text, name
        assert "\x07" not in text, name
        assert SHOWN in text, name
