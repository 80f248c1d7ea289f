"""A program's manifest is held to the bot contract, key by key."""

import pytest

from schemas.bot import BotType
from schemas.program import parse_program
from tests.unit.schemas.samples import PROGRAM, only, place

FILE = "programs/sma/bot-config.yaml"


def errors_of(text: str):
    return parse_program(FILE, text.encode())[1]


def test_sound_program_is_read():
    """Every field ends up where it belongs."""
    text = PROGRAM + (
        "description: Crosses two averages.\nauthor: desk\nhasFrontend: true\n"
        "metadata: {categories: [trend], tags: [a, b], house: {any: thing}}\n"
    )
    program, errors = parse_program(
        FILE, text.replace("bot: main.py", "bot: main.py\n  query: q.py").encode()
    )
    assert errors == []
    assert program is not None
    assert (program.name, program.version, program.type) == ("sma", "1.5.0", BotType.REALTIME)
    assert (program.runtime, program.entrypoint, program.query_entrypoint) == (
        "python3.11",
        "main.py",
        "q.py",
    )
    assert (program.schema_path, program.readme_path) == ("bot-schema.json", "README.md")
    assert (program.description, program.author) == ("Crosses two averages.", "desk")
    assert program.metadata["house"] == {"any": "thing"}


def test_unknown_key_is_named_with_its_nearest():
    """A misspelled key is an error at the key, with the key that was meant."""
    program, errors = parse_program(FILE, (PROGRAM + "auther: me\n").encode())
    error = only(errors)
    assert place(error) == (10, 1, "/auther")
    assert (error.message, error.suggestion) == ('unknown key "auther"', "author")
    assert program is not None


@pytest.mark.parametrize("key", ["name", "version", "type", "runtime", "readme"])
def test_each_required_key_is_missed(key):
    """A program without one of its required keys is no program."""
    text = "\n".join(line for line in PROGRAM.splitlines() if not line.startswith(key + ":"))
    program, errors = parse_program(FILE, text.encode())
    assert program is None
    assert only(errors).message == f'missing key "{key}"'


def test_missing_inner_key_stands_at_its_mapping():
    """A missing key below the top is placed at the mapping that lacks it."""
    error = only(errors_of(PROGRAM.replace("  bot: main.py\n", "  query: q.py\n")))
    assert place(error) == (5, 1, "/entrypoints")
    assert error.message == 'missing key "bot" in "entrypoints"'


def test_event_is_refused_and_says_why():
    """The type that upstream accepts and never runs is an error that says so."""
    program, errors = parse_program(FILE, PROGRAM.replace("type: realtime", "type: event").encode())
    assert program is None
    error = only(errors)
    assert place(error) == (3, 7, "/type")
    assert "nothing ever runs such a bot" in error.message


@pytest.mark.parametrize(
    ("line", "wrong", "words", "suggestion"),
    [
        (
            "name: sma",
            "name: SMA",
            '"name" must be 3 to 50 lower-case letters, digits and hyphens, not "SMA"',
            None,
        ),
        ("name: sma", "name: ab", "3 to 50", None),
        (
            "version: 1.5.0",
            "version: 1.5",
            '"version" must be a semantic version such as "1.4.2", not 1.5',
            None,
        ),
        ("version: 1.5.0", "version: v1.5.0", "semantic version", None),
        ("version: 1.5.0", "version: 1.05.0", "semantic version", None),
        ("type: realtime", "type: realtim", 'must be "realtime" or "scheduled", not "realtim"', "realtime"),
        ("runtime: python3.11", "runtime: python3.12", '"runtime" must be "python3.11", ', "python3.11"),
        ("bot: main.py", "bot: ../main.py", 'it cannot hold ".."', None),
        ("bot: main.py", "bot: /main.py", "a path inside the program's folder", None),
        ("bot: main.py", "bot: 'a\\b'", "a path inside the program's folder", None),
        ("readme: README.md", "readme: [x]", '"readme" must be a path inside', None),
    ],
)
def test_wrong_values_are_placed_and_explained(line, wrong, words, suggestion):
    """The error stands at the value and says what is expected."""
    error = only(errors_of(PROGRAM.replace(line, wrong)))
    assert words in error.message
    assert error.suggestion == suggestion
    assert error.column == len(wrong.split(":")[0]) + 3 + (2 if wrong.startswith("bot") else 0)


def test_lengths_and_counts_are_bounded():
    """Description, author and the lists of the metadata have their limits."""
    many = ", ".join(f"x{number}" for number in range(21))
    texts = f"description: {'d' * 501}\nauthor: {'a' * 101}\n"
    text = PROGRAM + texts + f"metadata: {{categories: [{many}], tags: [{many}]}}\n"
    messages = [error.message for error in errors_of(text)]
    assert len(messages) == 4
    assert messages[0].startswith('"description" must have at most 500 characters')
    assert messages[2] == '"metadata.categories" must have at most 10 elements'
    assert messages[3] == '"metadata.tags" must have at most 20 elements'


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n", "12\n"])
def test_what_is_no_mapping_is_refused(text):
    """An empty file or a list is told what it should be."""
    assert only(errors_of(text)).message == "a program's manifest must be a mapping"


def test_all_errors_come_at_once():
    """Four mistakes of four kinds are four errors, from top to bottom."""
    text = (
        PROGRAM.replace("name: sma", "name: S").replace("python3.11", "python").replace("main.py", "../x")
        + "zzz: 1\n"
    )
    assert [error.pointer for error in errors_of(text)] == ["/name", "/runtime", "/entrypoints/bot", "/zzz"]
