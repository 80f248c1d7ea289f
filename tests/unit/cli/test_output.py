"""How the command line prints."""

import re
import sys
from pathlib import Path

import pytest

import cli
from cli.output import Cell, Column, ago, mebibytes, paint, printable, signed, table
from schemas.errors import ManifestError
from schemas.report import render_error


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-1, "0.0 s"),
        (0.34, "0.3 s"),
        (42, "42 s"),
        (90, "2 min"),
        (600, "10 min"),
        (7200, "2 h"),
        (90000, "25 h"),
        (4 * 86400, "4 d"),
    ],
)
def test_lengths_of_time_read_as_people_say_them(seconds: float | None, text: str) -> None:
    """A length of time is one number and its unit."""
    assert ago(seconds) == text


def test_amounts_carry_their_sign_and_unit() -> None:
    """A profit shows its plus, a loss its minus, nothing a dash."""
    assert signed(184.2, "USDT") == "+184.20 USDT"
    assert signed(-12.75, "USDT") == "-12.75 USDT"
    assert signed(None, "USDT") == "-"
    assert mebibytes(67108864) == "64"


def test_numbers_stand_right_and_words_left() -> None:
    """Columns are aligned, and no line ends in blanks."""
    lines = table(
        (Column("BOT"), Column("CPU", right=True)), [[Cell("a"), Cell("2%")], [Cell("long"), Cell("10%")]]
    )
    assert lines == ["BOT   CPU", "a      2%", "long  10%"]


def test_a_bot_cannot_steer_the_terminal() -> None:
    """Control characters of what a bot printed are shown, not obeyed; letters of any language stay."""
    assert printable("\x1b[2Jnaïve ☃\r\n\tok") == "\\x1b[2Jnaïve ☃\\x0d\n\tok"


def test_no_color_is_honoured_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there is colour, with NO_COLOR there is none; no command colours by another way."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint("healthy", "green") == "\x1b[32mhealthy\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("healthy", "green") == "healthy"
    own = Path(cli.__file__).parent
    others = [
        path for path in own.rglob("*.py") if re.search(r"click\.(style|secho)|\\x1b\[", path.read_text())
    ]
    assert [path.name for path in others] == ["output.py"]


def test_advice_is_a_question_only_where_it_is_a_name() -> None:
    """A name that was mistyped is asked about, a sentence is said as it is."""
    assert "did you mean" not in str(mistake("ignore the files that are installed or generated"))
    assert str(mistake("every")).endswith('(did you mean "every"?)')
    assert render_error(mistake("ignore these files"))[-1].strip() == "| ignore these files"


def mistake(suggestion: str) -> ManifestError:
    return ManifestError("bots/a.yaml", 0, 0, "", "it is wrong", suggestion)
