"""Options that `herdsman controller` and `herdsman web` share with `herdsman up`, and their database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from cli.up import up

F = TypeVar("F", bound=Callable[..., Any])


def like_up(
    *, names: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()
) -> Callable[[F], F]:
    """Give a command the options of `herdsman up`: those of these names, or all but some."""

    def add(function: F) -> F:
        shared = [
            one for one in up.params if (one.name in names if names else one.name not in without | {"help"})
        ]
        # click keeps a function's options in the order of its decorators, the last one first.
        function.__click_params__ = [*getattr(function, "__click_params__", []), *reversed(shared)]  # type: ignore[attr-defined]
        return function

    return add


def database_options(function: F) -> F:
    """Give a command the options that say where the database is."""
    file = click.option(
        "--database-file",
        type=click.Path(path_type=Path),
        envvar="HERDSMAN_DATABASE_FILE",
        help="A file (mode 0600) with the database's URL: postgresql://USER:PASSWORD@HOST/NAME.",
    )
    address = click.option(
        "--database",
        envvar="HERDSMAN_DATABASE",
        default="",
        help="The URL itself; in the command line only without a password.",
    )
    return address(file(function))


def typed(name: str) -> bool:
    """Say whether an option stands in the command line (and not in the environment)."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE
