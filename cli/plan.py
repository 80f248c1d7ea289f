"""`herdsman plan`: what a pass would change, now or with any branch, commit, tag or folder, and why."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.connection import Client, RequestRefused, service_options
from cli.known_service import find_service
from cli.output import Cell, Column, output_option, print_data, table
from cli.planning.lines import preview_lines
from schemas.errors import UsageError
from web.documents.revisions import FleetDocument, PlanDocument, RevisionDocument

if TYPE_CHECKING:
    from gitops.candidates import Packed

CHANGES = 2
"""Exit code with --exit-code where bots would change."""
_KNOWN = 50
"""Revisions of the service that are looked for in a clone."""
_PACK = "application/x-git-packed-objects"


@click.command()
@click.argument("what", required=False)
@click.option("--ref", metavar="NAME", default="", help="A branch, tag or commit that the service finds.")
@click.option("--source", metavar="NAME", default="", help="The source that is meant, of several.")
@click.option("--comment", "write_comment", is_flag=True, help="Write it on the pull request.")
@click.option("--pull-request", metavar="URL", default="", help="Which one (else that of the CI job).")
@click.option(
    "--forge-token-file",
    type=click.Path(path_type=Path),
    help="The forge's token (0600).",
)
@click.option("--exit-code", is_flag=True, help="Exit with 2 where bots would change.")
@output_option
@service_options
def plan(
    what: str | None,
    ref: str,
    source: str,
    write_comment: bool,
    pull_request: str,
    forge_token_file: Path | None,
    exit_code: bool,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Show what a pass would change; nothing is changed, whatever is planned.

    Without WHAT: what would change now. WHAT is a folder, with everything uncommitted in it, or a branch, tag
    or commit of the clone in the current folder: what the service lacks of it is sent, looked at and dropped.
    A token with the scope read is enough.

    \b
    herdsman plan .                    this folder as it is
    herdsman plan HEAD --exit-code     in CI: 0 nothing changes, 2 bots change, 1 it would be refused
    herdsman plan HEAD --comment       in CI: as the one comment on the pull request, replaced at each push
    herdsman plan --ref tighter-stops  a branch that the service has, or fetches from its source

    Exit code: 1 where the revision would be refused, or brings an error; else 0 (2 where bots would change,
    with --exit-code).
    """  # noqa: D301
    if what and ref:
        raise UsageError("give WHAT, which is here, or --ref, which the service finds; not both")
    if (pull_request or forge_token_file) and not write_comment:
        raise UsageError("--pull-request and --forge-token-file go with --comment")
    client = Client(find_service(url, token_file, data))
    found = planned(client, what, ref, source)
    if output in ("json", "yaml"):
        print_data(found, output)
    else:
        click.echo("\n".join(preview_lines(found)))
    if write_comment:
        from cli.planning.comment import comment

        fleet = client.get("/api/v1/fleet", FleetDocument).fleet
        click.echo(comment(found, fleet, pull_request, forge_token_file), err=True)
    sys.exit(code_of(found, exit_code))


def planned(client: Client, what: str | None, ref: str, source: str) -> PlanDocument:
    """Return the plan of what was asked for. Raises UsageError and what the service answers."""
    if not what:
        return client.send("/api/v1/plans", PlanDocument, b"", _PACK, ref=ref, source=source)
    from cli.planning.packing import local

    known = known_commits(client, source)
    with local(what, Path.cwd()) as here:
        try:
            return _sent(client, here.packed(known), source)
        except RequestRefused as error:
            if error.status != 409 or not known:
                raise
        # It builds on commits that the service has forgotten, as after its repository was restored.
        return _sent(client, here.packed(()), source)


def _sent(client: Client, packed: "Packed", source: str) -> PlanDocument:
    return client.send(
        "/api/v1/plans",
        PlanDocument,
        packed.pack,
        _PACK,
        ref=packed.name,
        source=source,
        commit=packed.commit,
        tree=packed.tree,
        message=packed.message[:200],
    )


def known_commits(client: Client, source: str) -> list[str]:
    """Return the commits whose objects the service should have, the newest first."""
    found = client.get("/api/v1/revisions", list[RevisionDocument], limit=_KNOWN)
    return [one.id for one in found if one.state != "refused" and source in ("", one.source)]


def code_of(found: PlanDocument, exit_code: bool) -> int:
    """Return how the command ends."""
    broken = any(error.get("new") and not error.get("warning") for error in found.errors)
    if found.refused or broken:
        return 1
    changes = any(action["action"] != "none" for action in found.actions)
    return CHANGES if exit_code and changes else 0


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
