"""Asking before a protected environment is changed."""

import sys
from collections.abc import Sequence
from contextvars import ContextVar

import click

from cli.known_service import Service
from schemas.errors import HerdsmanError, UsageError

approved: ContextVar[bool] = ContextVar("approved", default=False)
"""Whether this process' command line says `--yes`."""


class Declined(HerdsmanError):
    """The person said no."""


def ask(service: Service, changes: Sequence[str]) -> None:
    """Show what will change and ask; with `--yes`, only show it.

    Raises UsageError where nobody can be asked, and Declined.
    """
    protected = " is protected. This changes it" if service.protected else ": this changes it"
    click.echo(f"{name_of(service)}{protected}:", err=True)
    for line in changes:
        click.echo(f"  {line}", err=True)
    if approved.get():
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"there is no terminal to ask on whether to change {name_of(service)}: nothing was changed; "
            "give --yes if you mean it"
        )
    if not click.confirm("Go on?", err=True):
        raise Declined("nothing was changed")


def name_of(service: Service) -> str:
    """Return a service as a person knows it."""
    return f"{service.environment} ({service.url})" if service.environment else service.url
