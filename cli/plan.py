"""`herdsman plan`: what a pass would change now, and why."""

from pathlib import Path

import click

from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import Cell, Column, output_option, print_data, table
from web.documents import PlanDocument


@click.command()
@output_option
@service_options
def plan(output: str, url: str | None, token_file: Path | None, data: Path | None) -> None:
    """Show what a pass would change now; nothing is changed."""
    found = Client(find_service(url, token_file, data)).get("/api/v1/plan", PlanDocument)
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    click.echo("\n".join(plan_lines(found)))


def plan_lines(found: PlanDocument) -> list[str]:
    """Return the actions as a table, the errors, and what is held."""
    actions = [action for action in found.actions if action["action"] != "none"]
    lines = [
        f"revision {found.revision[:7] or '-'}: {len(actions)} of {len(found.actions)} bots would change"
    ]
    if actions:
        columns = (Column("BOT"), Column("ACTION"), Column("WHAT"), Column("WHY"))
        keys = ("bot", "action", "summary", "reason")
        lines += table(columns, [[Cell(str(action.get(key, ""))) for key in keys] for action in actions])
    lines += [f"error: {error['file']}:{error['line']}  {error['message']}" for error in found.errors]
    if found.held:
        lines.append(f"held: {found.held}")
    return lines
