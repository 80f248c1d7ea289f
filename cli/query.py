"""`herdsman query BOT PATH`: what a bot's own query program says of it."""

import json
import sys
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import printable
from schemas.errors import UsageError
from web.documents.bots import QueryAnswer

PATIENCE = 120.0
"""Seconds that the service may take: a query job on Nomad waits for its node before its own 30 s begin."""


@click.command()
@click.argument("bot", shell_complete=bot_names)
@click.argument("path", default="/info")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--params", default="", help="Parameters as a JSON object, such as '{\"limit\": 5}'.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml", "raw"]),
    default="json",
    show_default=True,
    help="How to print the answer; raw: on one line, exactly as the bot gave it.",
)
@service_options
def query(bot: str, path: str, parameters: tuple[str, ...], params: str, output: str, **service: Any) -> None:
    """Ask BOT's own query program for PATH (without one: which paths there are). It changes nothing."""
    asked = {"path": path if path.startswith("/") else f"/{path}", "params": given(params, parameters)}
    client = Client(find_service(**service), patience=PATIENCE)
    answer = client.post(f"/api/v1/bots/{bot}/query", QueryAnswer, asked)
    click.echo(shown(bytes(answer.data), output))


def given(params: str, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return the parameters of a command line; a VALUE that is JSON is taken as such. Raises UsageError."""
    try:
        found = json.loads(params) if params else {}
    except ValueError as error:
        raise UsageError(f"--params is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError("--params must be a JSON object, such as '{\"limit\": 5}'")
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise UsageError(f'"{pair}" is no KEY=VALUE')
        found[key] = value_of(value)
    return found


def value_of(text: str) -> Any:
    """Return a parameter's value: a number, true, false, null, a list or an object, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def shown(answer: bytes, output: str) -> str:
    """Return an answer as it is printed; on a terminal no control character of a bot's is obeyed."""
    if output == "raw":
        text = answer.decode()
    elif output == "json":
        text = json.dumps(json.loads(answer), indent=2, ensure_ascii=False)
    else:
        import yaml

        text = yaml.safe_dump(json.loads(answer), sort_keys=False, allow_unicode=True).rstrip()
    return printable(text) if sys.stdout.isatty() else text
