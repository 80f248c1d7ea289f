"""The options by which commands say which bots they mean."""

from collections.abc import Callable
from typing import Any

import click

from schemas.errors import UsageError

_KINDS = ("account", "label", "program", "mode")
_BOTH = ("live-account", "dry-account")
"""What `--account` and `--mode` together mean."""


def scope_options_of(command: Any) -> Any:
    """Add the options that mean many bots at once."""
    options: list[Callable[[Any], Any]] = [
        click.option(
            "--mode",
            type=click.Choice(["live", "dry"]),
            help="Every bot of this mode (of --account).",
        ),
        click.option("--program", metavar="NAME", help="Every bot of this program."),
        click.option("--label", metavar="KEY[=VALUE]", help="Every bot with this label."),
        click.option("--account", metavar="NAME", help="Every bot that trades on this account."),
        click.option("--all", "everything", is_flag=True, help="Every bot of the fleet."),
    ]
    for option in options:
        command = option(command)
    return command


def scope_of(bot: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the scope that is meant ("" where none was named), and the options that are not about it.

    Raises UsageError where more than one is named, but for an account and a mode: a rule is about one scope.
    """
    others = {key: value for key, value in given.items() if key not in (*_KINDS, "everything")}
    if given["account"] and given["mode"]:
        given = given | {f"{given['mode']}-account": given["account"], "account": "", "mode": ""}
    found = [f"{kind}={given[kind]}" for kind in (*_KINDS, *_BOTH) if given.get(kind)]
    found += ["all"] if given["everything"] else []
    found += [f"bot={bot}"] if bot else []
    if len(found) > 1:
        raise UsageError(f"name one of {', '.join(found)}: each is a rule by itself")
    return (found[0] if found else ""), others
