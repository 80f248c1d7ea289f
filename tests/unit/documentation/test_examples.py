"""The examples of the documentation work: the command line takes its commands, the schemas its documents."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from cli.main import herdsman
from schemas.catalog import schema, validator
from telemetry.bot_series import BotSeries
from telemetry.vocabulary import read_line
from tests.unit.documentation.pages import Block, all_blocks, all_spans

GENERATED = ("docs/commands.md",)


def written_commands() -> Iterator[tuple[str, str]]:
    """Yield every `herdsman ...` of the pages with where it stands: in the text and in examples."""
    for span in all_spans():
        if span.text.startswith("herdsman ") and not span.place.startswith(GENERATED):
            yield span.place, span.text
    for block in all_blocks():
        if not block.place.startswith(GENERATED):
            for line in block.text.replace("\\\n", " ").splitlines():
                for text in re.findall(r"(?:^\s*(?:\$ )?|&& |\$\(|\| |; )(herdsman [^)&|;]*)", line):
                    yield block.place, text


@pytest.mark.parametrize(("place", "text"), list(written_commands()))
def test_a_written_command_is_one_of_ours(place: str, text: str) -> None:
    """Its command, its options, their choices and the number of its arguments exist."""
    # What follows after a gap is a remark beside the command; `>` begins the shell's part.
    line = re.split(r"\s{2,}|\s>\s", text.strip())[0]
    check(shlex.split(line, comments=True)[1:], place)


def check(given: list[str], place: str) -> None:
    """Fail where the command line would not take these words (a word in capitals stands for any value)."""
    command: click.Command = herdsman
    context = click.Context(herdsman, info_name="herdsman")
    while isinstance(command, click.Group) and given and not given[0].startswith("-"):
        inner = command.get_command(context, given[0])
        assert inner is not None, f"{place}: there is no command {given[0]}"
        command, given = inner, given[1:]
        if isinstance(command, click.Group):  # a group's own arguments stand before its commands
            given = given[sum(isinstance(one, click.Argument) for one in command.params) :]
        context = click.Context(command, parent=context)
    if {"--help", "-h"} & set(given):
        return
    try:
        values, rest, _ = command.make_parser(context).parse_args(list(given))
    except click.UsageError as error:
        pytest.fail(f"{place}: {error.format_message()}")
    assert not rest, f"{place}: too many arguments: {rest}"
    for parameter in command.params:
        check_value(parameter, values.get(str(parameter.name)), place)


def check_value(parameter: click.Parameter, value: Any, place: str) -> None:
    """Fail where a value is none of the parameter's choices."""
    if isinstance(parameter.type, click.Choice) and isinstance(value, str) and not value.isupper():
        wrong = [one for one in value.split("|") if one not in parameter.type.choices]
        assert not wrong, f"{place}: {parameter.name} cannot be {wrong}"


def documents() -> list[Block]:
    """Return the examples in YAML."""
    return [block for block in all_blocks() if block.language == "yaml"]


@pytest.mark.parametrize("block", documents(), ids=lambda block: block.place)
def test_a_written_document_is_valid(block: Block) -> None:
    """A program, a bot or a fleet's settings in an example is taken by the real schema."""
    for document in yaml.safe_load_all(block.text):
        mistakes = [error.message for error in validator(kind_of(document)).iter_errors(document)]
        assert mistakes == [], block.place


def kind_of(document: dict[str, Any]) -> str:
    """Return which schema a document is written for."""
    if "entrypoints" in document:
        return "program"
    return "bot" if "type" in document else "fleet"


def test_no_document_is_written_as_plain_code() -> None:
    """A bot or a program in an example is marked as YAML, so that it is checked."""
    plain = [block for block in all_blocks() if block.language != "yaml"]
    sign = re.compile(r"^(type: (realtime|scheduled)/|entrypoints:)", re.MULTILINE)
    assert [block.place for block in plain if sign.search(block.text)] == []


def settings() -> Iterator[tuple[str, str]]:
    """Yield every `herdsman: {...}` in the text."""
    for span in all_spans():
        if span.text.startswith("herdsman: {"):
            yield span.place, span.text


@pytest.mark.parametrize(("place", "text"), list(settings()))
def test_a_setting_in_the_text_exists(place: str, text: str) -> None:
    """The keys of `herdsman: {lease: {ttl: ...}}` are those of the schema."""
    definitions = schema("bot")["$defs"]
    missing = list(unknown_keys(yaml.safe_load(text)["herdsman"], definitions["herdsman"]))
    assert missing == [], place


def unknown_keys(given: Any, known: dict[str, Any]) -> Iterator[str]:
    """Yield the keys that a schema does not have; where it names none, any will do."""
    properties = known.get("properties", {})
    for key, value in given.items() if isinstance(given, dict) and properties else ():
        if key not in properties:
            yield key
        else:
            yield from unknown_keys(value, properties[key])


def test_every_written_metric_is_understood() -> None:
    """A metric line in an example breaks no rule of its type."""
    lines = [line for block in all_blocks() for line in block.text.splitlines() if '"_metric"' in line]
    assert lines
    readings = [read_line(line.strip().encode(), 1767268800.0, BotSeries({})) for line in lines]
    assert [one.message for one in readings if "schema_error" in one.data] == []
