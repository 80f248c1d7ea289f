"""Writes the pages of this folder that are made from the program itself, so that they cannot be out of date.

Usage: python docs/reference.py (or `make docs`). A test fails where a page is not as it would be written.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cli.main import SUMMARIES, herdsman
from controller.settings import Settings
from schemas.catalog import NAMES, schema_text
from telemetry.liveness.series import LIVENESS
from telemetry.metric_types import LABEL_FIELDS
from telemetry.names import FORECASTS, HEALTH, RESOURCES, bot_series
from telemetry.trading.derived import DERIVED
from web.settings import WebSettings

DOCS = Path(__file__).parent
FILES = {
    "program": "bot-config.yaml",
    "bot": "bots/**/*.yaml",
    "fleet": "herdsman.yaml",
    "rules": "rules/**/*.yaml",
    "sources": "herdsman up --sources FILE",
    "trust": "herdsman up --trust-policy FILE",
}
NOTE = "<!-- Written by `make docs` from the program itself: change it there. -->"


def pages() -> dict[str, str]:
    """Return every page that is written here, by its file name."""
    return {
        "commands.md": commands_page(),
        "keys.md": keys_page(),
        "series.md": series_page(),
        "settings.md": settings_page(),
    }


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    written = ["| " + " | ".join(safe(cell) for cell in line) + " |" for line in (head, *rows)]
    return "\n".join([written[0], "|" + "---|" * len(head), *written[1:]])


def safe(cell: str) -> str:
    """Return a cell's text so that Markdown takes it for text alone: outside code, `<` begins a tag."""
    parts = cell.replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "\\<") for number, part in enumerate(parts))


def page(title: str, *parts: str) -> str:
    """Return a page from its title and its parts."""
    return "\n\n".join([f"# {title}", NOTE, *(filled(part) for part in parts)]) + "\n"


def filled(part: str) -> str:
    """Return a part with its long lines of prose filled."""
    return "\n".join(
        line if line.startswith(("|", "#", "    ")) else "\n".join(textwrap.wrap(line, 118, **WHOLE))
        for line in part.split("\n")
    )


WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def commands_page() -> str:
    """Return the page of all commands."""
    listed = table(
        ("command", "what it does"), [(f"`herdsman {name}`", text) for name, text in SUMMARIES.items()]
    )
    return page(
        "Commands",
        "Exit codes: 0; 1, the thing failed; 2, wrong use. Where data is printed, `--output json|yaml` "
        "prints it for programs. `herdsman COMMAND --help` says what stands here.",
        listed,
        *(command_part(path, command) for path, command in commands()),
    )


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its words, such as "herdsman token create"."""
    context = click.Context(herdsman)
    for name in herdsman.list_commands(context):
        command = herdsman.get_command(context, name)
        assert command is not None
        yield from below(f"herdsman {name}", command)


def below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and those of its group."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from below(f"{path} {name}", inner)


def command_part(path: str, command: click.Command) -> str:
    """Return what is said of one command: its text, its use, its options."""
    context = click.Context(command, info_name=path)
    said = [paragraph(part) for part in inspect.cleandoc(command.help or "").split("\n\n")]
    use = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"## {path}", *said, f"    {use}"]
    rows = [option_row(one) for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if rows:
        parts.append(table(("option", "default", "what"), rows))
    return "\n\n".join(parts)


def paragraph(text: str) -> str:
    """Return a part of a help text: filled, or as code where it bears click's mark against filling."""
    if text.startswith("\b\n"):
        return textwrap.indent(textwrap.dedent(text[2:]), "    ")
    return " ".join(text.split())


def option_row(option: click.Option) -> tuple[str, ...]:
    """Return an option's row: its names with its value, its default, its text."""
    names = ", ".join(f"`{name}`" for name in sorted([*option.opts, *option.secondary_opts], key=len))
    value = "" if option.is_flag or option.count else f" `{value_of(option)}`"
    text = option.help or ""
    if option.required:
        text += " Required."
    if option.multiple and "repeat" not in text:
        text += " May be given several times."
    if option.envvar and str(option.envvar) not in text:
        text += f" Else `{option.envvar}`."
    shown = option.default if isinstance(option.default, str | int | float) else ""
    default = f"`{shown}`" if shown != "" and not isinstance(shown, bool) else ""
    return names + value, default, text


def value_of(option: click.Option) -> str:
    """Return the word for an option's value: its choices, or its name in capitals."""
    if isinstance(option.type, click.Choice):
        return "|".join(str(choice) for choice in option.type.choices)
    return str(option.metavar or option.type.name.upper())


def keys_page() -> str:
    """Return the page of every key that can be written in a fleet's documents."""
    parts = []
    for name in NAMES:
        schema = json.loads(schema_text(name))
        rows = [key_row(path, key, required, schema) for path, key, required in keys_of(schema, schema)]
        text = f"{schema['description']} The schema itself: `herdsman schema {name}`."
        parts.append(f"## `{FILES[name]}`\n\n{text}\n\n" + table(("key", "required", "what", "value"), rows))
    return page("Keys: every one, of every file", *parts)


def keys_of(schema: dict[str, Any], root: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Yield each key with its dotted path, its own schema and whether it must be there."""
    for name, key in schema.get("properties", {}).items():
        here = f"{path}{name}"
        yield here, key, name in schema.get("required", ())
        # `defaults.herdsman` has the keys of `herdsman`, which the page of a bot lists.
        if path != "defaults.":
            yield from inner_keys(resolved(key, root), root, here)


def inner_keys(key: dict[str, Any], root: dict[str, Any], here: str) -> Iterator[tuple[str, Any, bool]]:
    """Yield the keys below one: of an object, of every value of a mapping, of every item of a list."""
    yield from keys_of(key, root, f"{here}.")
    for word, of_each in (("<name>", key.get("additionalProperties")), ("[]", key.get("items"))):
        if isinstance(of_each, dict):
            yield from keys_of(resolved(of_each, root), root, f"{here}.{word}.")


def resolved(key: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Return a key's schema with what it refers to."""
    target = key.get("$ref", "").removeprefix("#/$defs/")
    return {**root.get("$defs", {}).get(target, {}), **key}


def key_row(path: str, key: dict[str, Any], required: bool, root: dict[str, Any]) -> tuple[str, ...]:
    """Return a key's row."""
    whole = resolved(key, root)
    return f"`{path}`", "yes" if required else "no", description(key, root), value_text(whole)


def description(key: dict[str, Any], root: dict[str, Any]) -> str:
    """Return what a key is for: its own text, else that of what it refers to, else its title."""
    whole = resolved(key, root)
    title = key.get("title", "")
    text = str(key.get("description") or whole.get("description") or "")
    if not text:
        return f"{title}." if title else ""
    return text if not title or "description" in key else f"{title}. {text}"


def value_text(key: dict[str, Any]) -> str:
    """Return what may stand there: its choices or its type, what is expected, its default."""
    if "enum" in key:
        said = ", ".join(f"`{choice}`" for choice in key["enum"])
    elif "x-expects" in key:
        said = key["x-expects"]
    else:
        kind = key.get("type", "any")
        said = kind if isinstance(kind, str) else " or ".join(kind)
    default = f"; default `{json.dumps(key['default'])}`" if "default" in key else ""
    bounds = [f"{word} {key[name]}" for name, word in BOUNDS.items() if name in key]
    return said + (f" ({', '.join(bounds)})" if bounds else "") + default


BOUNDS = {"minimum": "at least", "maximum": "at most", "maxItems": "items at most"}


def series_page() -> str:
    """Return the page of every series."""
    labels = ", ".join(f"`{name}`" for name in LABEL_FIELDS)
    return page(
        "Series: every name",
        f"Labels: `fleet`, `bot`, `program`, `env`, and of a bot's own line {labels}. A metric of a type "
        "that is not listed gives one series for each of its numbers, `bot_<type>_<field>`; what a bot can "
        "print stands in [events.md](events.md). Series that log rules make begin with `bot_log_` and "
        "have the labels that their rule says: [rules.md](rules.md).",
        "## What a bot uses\n\n" + table(("series", "what"), named({**RESOURCES, **FORECASTS})),
        "## What a bot prints\n\n" + table(("series", "what"), named(bot_series())),
        "## What is derived of a bot's trading\n\n"
        "With the labels `account` and `currency`; what each means stands in [trading.md](trading.md).\n\n"
        + table(("series", "what"), named(DERIVED)),
        "## How a bot lives\n\n"
        "Of each bot that runs, every half minute; what each means stands in [liveness.md](liveness.md).\n\n"
        + table(("series", "what"), named(LIVENESS)),
        "## herdsman itself, at `/metrics`\n\n" + table(("series", "what"), named(HEALTH)),
    )


def named(texts: Any) -> list[tuple[str, ...]]:
    """Return rows of a name and its text."""
    return [(f"`{name}`", text) for name, text in texts.items()]


def settings_page() -> str:
    """Return the page of the figures by which herdsman goes."""
    head = ("setting", "value", "what")
    return page(
        "Settings: the figures by which herdsman goes",
        "What you set stands elsewhere: options in [commands.md](commands.md), environment variables in "
        "[environment.md](environment.md), keys of the fleet and of each bot in [keys.md](keys.md). The "
        "figures below are fixed, but for those that have an option; durations are seconds.",
        "## The controller\n\n" + table(head, attributes(Settings)),
        "## The web service\n\n" + table(head, attributes(WebSettings)),
    )


def attributes(settings: type) -> list[tuple[str, ...]]:
    """Return each attribute of a class of settings with its default and the text below it."""
    (declared,) = ast.parse(inspect.getsource(settings)).body
    assert isinstance(declared, ast.ClassDef)
    rows = []
    for node, after in zip(declared.body, [*declared.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign):
            name = ast.unparse(node.target)
            text = (
                after.value.value
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                else ""
            )
            assert isinstance(text, str), name
            assert text, f"{settings.__name__}.{name} has no text below it that says what it is"
            value = f"`{ast.unparse(node.value)}`" if node.value else "at start"
            rows.append((f"`{name}`", value, " ".join(text.split())))
    return rows


def main() -> None:
    """Write every page that is not as it should be."""
    for name, text in pages().items():
        path = DOCS / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            click.echo(f"docs/{name}: written")


if __name__ == "__main__":
    main()
