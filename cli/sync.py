"""`herdsman sync`: reconcile now, and show each change as it happens."""

from pathlib import Path
from typing import Any

import click

from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import output_option, print_data
from cli.plan import plan_lines
from schemas.errors import UsageError
from web.documents.revisions import PlanDocument

ASK = "?"
"""The value of --confirm-prune where it has none."""


@click.command()
@click.option(
    "--confirm-prune",
    is_flag=False,
    flag_value=ASK,
    metavar="[CODE]",
    help="Let the held removals go through that were shown with this code; without it, show them and ask.",
)
@click.option("--no-waves", is_flag=True, help="Change all bots at once, also those of a rollout under way.")
@click.option(
    "--continue", "go_on", is_flag=True, help="Go on with a halted rollout, without the failed bot."
)
@click.option("--override-window", metavar="REASON", help="Pass over sync windows; the reason is recorded.")
@output_option
@service_options
def sync(
    confirm_prune: str | None,
    no_waves: bool,
    go_on: bool,
    override_window: str | None,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Reconcile now and show what changed; fails where a bot could not be changed, or crashed.

    A confirmation is for exactly the removals that were shown: where others have come meanwhile they all stay
    held, and the command fails.
    """
    client = Client(find_service(url, token_file, data))
    plan = client.get("/api/v1/plan", PlanDocument)
    prune = confirmed(plan, confirm_prune)
    (client.approve_always if confirm_prune == ASK and prune else client.approve)(*plan_lines(plan))
    click.echo("reconciling ...", err=True)
    wishes = {"no_waves": no_waves, "continue_rollout": go_on, "override_window": override_window}
    body = {"wait": True, "prune": prune, **wishes}
    answer = client.post("/api/v1/sync", dict[str, Any], body)
    if output in ("json", "yaml"):
        print_data(answer, output)
    else:
        click.echo("\n".join(sync_lines(answer)))
    if confirm_prune is not None and answer.get("held"):
        raise SystemExit(1)
    if any(change["state"] in ("failed", "degraded") for change in answer.get("changes", ())):
        raise SystemExit(1)


def confirmed(plan: PlanDocument, code: str | None) -> list[str]:
    """Return the codes of the removals to confirm. Raises UsageError for a code that is not held now."""
    if code is None:
        return []
    if code == ASK:
        return plan.prune
    if code not in plan.prune:
        now = f"{', '.join(plan.prune)}: look at `herdsman plan` again" if plan.prune else "nothing is"
        raise UsageError(
            f"the removals {code} are not what is held now ({now}), so nothing was confirmed; what git asks "
            "for has changed since"
        )
    return [code]


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
