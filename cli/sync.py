"""`herdsman sync`: reconcile now, and show each change as it happens."""

from pathlib import Path
from typing import Any

import click

from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import output_option, print_data
from cli.plan import plan_lines
from web.documents import PlanDocument


@click.command()
@click.option("--confirm-prune", is_flag=True, help="Let a held removal of many bots go through.")
@click.option("--no-waves", is_flag=True, help="Change all bots at once, also those of a rollout under way.")
@click.option(
    "--continue", "go_on", is_flag=True, help="Go on with a halted rollout, without the failed bot."
)
@click.option("--override-window", metavar="REASON", help="Pass over sync windows; the reason is recorded.")
@output_option
@service_options
def sync(
    confirm_prune: bool,
    no_waves: bool,
    go_on: bool,
    override_window: str | None,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Reconcile now and show what changed; fails where a bot could not be changed, or crashed."""
    client = Client(find_service(url, token_file, data))
    client.approve(*plan_lines(client.get("/api/v1/plan", PlanDocument)))
    click.echo("reconciling ...", err=True)
    wishes = {"no_waves": no_waves, "continue_rollout": go_on, "override_window": override_window}
    body = {"wait": True, "confirm_prune": confirm_prune, **wishes}
    answer = client.post("/api/v1/sync", dict[str, Any], body)
    if output in ("json", "yaml"):
        print_data(answer, output)
    else:
        click.echo("\n".join(sync_lines(answer)))
    if any(change["state"] in ("failed", "degraded") for change in answer.get("changes", ())):
        raise SystemExit(1)


def sync_lines(answer: dict[str, Any]) -> list[str]:
    """Return a line for each change."""
    changes = answer.get("changes", [])
    if answer.get("held"):
        return [*map(line_of, changes), f"held: {answer['held']}"]
    if not changes:
        return [f"nothing to change at revision {answer.get('revision', '')[:7] or '-'}"]
    return [line_of(change) for change in changes]


def line_of(change: dict[str, Any]) -> str:
    """Return one change as the push shows it."""
    text = f"  {change['bot']:<20}{change['action']:<9}{change['summary']:<30}{change['state']}"
    return f"{text}  {change['message']}".rstrip()
