"""`herdsman validate PATH`: every mistake of a fleet folder at once, without a service."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from cli.fleet_folder import ROOT_MARKS, fleet_around, fleet_root
from cli.output import output_option, print_data
from gitops.desired import DesiredState
from gitops.states import state_of_folder
from schemas.errors import UsageError
from schemas.report import error_document, render_errors

_MOST_ERRORS = 50


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@output_option
def validate(path: Path, output: str) -> None:
    """Check the fleet in the folder PATH (or one file of it): exit code 0 where it is sound, else 1."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    started = time.monotonic()
    root = fleet_itself(path) if path.is_dir() else fleet_root(path)
    state = state_of_folder(root)
    answer = document(state, None if path.is_dir() else path.resolve().relative_to(root.resolve()).as_posix())
    if output in ("json", "yaml"):
        print_data(answer, output)
    else:
        show(state, answer, time.monotonic() - started)
    if not answer["ok"]:
        sys.exit(1)


def fleet_itself(folder: Path) -> Path:
    """Return the folder where it looks like a fleet. Raises UsageError, rather than read just anything."""
    if any((folder / mark).exists() for mark in (*ROOT_MARKS, "programs")):
        return folder
    around = fleet_around(folder)
    hint = f"; the fleet around it is {around}" if around else ""
    raise UsageError(f"{folder} is no fleet: it holds neither herdsman.yaml, bots/, programs/ nor .git{hint}")


def document(state: DesiredState, only: str | None) -> dict[str, Any]:
    """Return the answer as data: ok, errors, bots."""
    errors = [error for error in state.errors if only in (None, error.file)]
    bots = [bot for bot in state.bots.values() if only in (None, bot.path)]
    return {
        "ok": not any(not error.warning for error in errors),
        "errors": [error_document(error) for error in errors],
        "bots": [
            {
                "name": bot.name,
                "program": bot.program.name,
                "version": bot.program.version,
                "type": bot.type.value,
                "mode": bot.mode.value,
                "enabled": bot.enabled,
                "path": bot.path,
            }
            for bot in sorted(bots, key=lambda bot: bot.name)
        ],
    }


def show(state: DesiredState, answer: dict[str, Any], seconds: float) -> None:
    """Print the mistakes with their lines, and the sum."""
    files = {error["file"] for error in answer["errors"]}
    chosen = tuple(error for error in state.errors if error.file in files)
    if chosen:
        click.echo(render_errors(chosen[:_MOST_ERRORS]), err=True)
    if len(chosen) > _MOST_ERRORS:
        click.echo(f"and {len(chosen) - _MOST_ERRORS} more; --output json lists all", err=True)
    count = len(answer["bots"])
    if answer["ok"]:
        click.echo(f"ok: {count} bot{'' if count == 1 else 's'}, {seconds:.2f} s")
    else:
        number = len(answer["errors"])
        click.echo(f"{number} error{'' if number == 1 else 's'}; {count} bots are sound", err=True)
