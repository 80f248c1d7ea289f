"""Errors as people read them in a push, and as programs read them."""

from schemas.errors import ManifestError
from schemas.report import error_document, render_error, render_errors
from tests.unit.schemas.samples import INSTANCE, read


def test_misspelled_parameter_looks_as_in_the_manual():
    """The place and message, the numbered line, and a caret under the key with the key that was meant."""
    _, errors = read(INSTANCE.replace("fast: 10", "fast: 10\nvolatilty: 0.05"))
    assert render_errors(errors) == (
        'error: bots/prod/sma-btc.yaml:6:1  unknown parameter "volatilty" of program sma 1.5.0\n'
        "   6 | volatilty: 0.05\n"
        '     | ^^^^^^^^^ did you mean "volatility"?\n'
    )


def test_caret_stands_under_a_value():
    """A wrong value is marked as wide as it is, quotes included."""
    error = ManifestError("f.yaml", 12, 7, "/a", "wrong", None, 'mode: "lvie"  # real')
    assert render_error(error) == [
        "error: f.yaml:12:7  wrong",
        '  12 | mode: "lvie"  # real',
        "     |       ^^^^^^",
    ]


def test_wide_characters_do_not_move_the_caret():
    """Characters that take two columns are counted as two."""
    error = ManifestError("f.yaml", 1, 5, "", "wrong", None, "名: {x: 1}")
    assert render_error(error)[2] == "     |      ^"


def test_error_without_a_place_is_one_line():
    """A file that was not read has no source line; a suggestion is still told."""
    error = ManifestError("bots/a.yaml", 0, 0, "", "too large")
    assert render_error(error) == ["error: bots/a.yaml  too large"]
    assert render_error(ManifestError("f", 0, 0, "", "m", "n"))[1] == '     | did you mean "n"?'


def test_warning_is_called_one():
    """An older error, which refuses nothing, is told as a warning."""
    assert render_error(ManifestError("f", 1, 1, "", "m", warning=True))[0].startswith("warning: f:1:1")


def test_nothing_in_a_file_can_drive_the_terminal():
    """Control characters from keys and lines are shown as text."""
    error = ManifestError("a\x1b[2J.yaml", 1, 2, "", "bad \x1b[31m key", "\x07", "\t\x1b[0m: \u202e1")
    shown = "\n".join(render_error(error))
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_long_lines_are_cut_around_the_mistake():
    """What is shown fits a terminal, and the caret stays under its place."""
    error = ManifestError("f", 1, 201, "", "wrong", None, "a" * 199 + " BAD " + "b" * 36)
    line, caret = render_error(error)[1:]
    assert len(line) < 120
    assert line[caret.index("^") : caret.index("^") + 3] == "BAD"


def test_error_as_data():
    """The keys that the command line and the API promise."""
    assert error_document(ManifestError("f", 1, 2, "/a", "m", "s", "line")) == {
        "file": "f",
        "line": 1,
        "column": 2,
        "pointer": "/a",
        "message": "m",
        "suggestion": "s",
    }
