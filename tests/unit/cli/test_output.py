"""How the command line prints."""

import pytest

from cli.output import Cell, Column, ago, mebibytes, printable, signed, table


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
