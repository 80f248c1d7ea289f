"""The environments' names for completion: read from the person's own file, no service is asked."""

from typing import TYPE_CHECKING

from cli.environments import LOCAL, read_environments
from schemas.errors import HerdsmanError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def env_names(ctx: "click.Context", param: "click.Parameter", incomplete: str) -> "list[CompletionItem]":
    """Return the environments whose names begin with what was typed, each with its address."""
    from click.shell_completion import CompletionItem

    del ctx, param
    try:
        known = read_environments().known
    except (HerdsmanError, OSError):
        return []
    help_of = {name: one.url for name, one in sorted(known.items())} | {LOCAL: "the one on this machine"}
    return [CompletionItem(name, help=text) for name, text in help_of.items() if name.startswith(incomplete)]
