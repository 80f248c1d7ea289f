"""`herdsman promote`: what one environment runs, to another, by a commit."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from cli.approval import Declined, approved
from cli.connection import Client, service_options
from cli.deployment.repository import Repository, git_environment
from cli.fleet_folder import fleet_around
from cli.known_service import Service, find_service, named
from cli.output import Cell, Column, output_option, print_data, printable, table
from cli.plan import code_of, planned
from cli.planning.lines import preview_lines
from cli.promotion.promotion import Promotion, find_promotion, introduced, written
from schemas.errors import HerdsmanError, InvalidManifests, UsageError

_NAMED = 5


class PlanRefused(HerdsmanError):
    """The service would refuse the promotion, or cannot carry it out."""


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("what", metavar="[PROGRAM|BOT]...", nargs=-1)
@click.option("--param", "parameters", multiple=True, metavar="KEY", help="Carry this parameter as well.")
@click.option("--all-params", is_flag=True, help="Carry every parameter that a bot of FROM sets.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=".",
    help="The clone of the fleet (else this folder's).",
)
@click.option("-m", "--message", default="", help="The commit's message.")
@click.option("--push", "pushes", is_flag=True, help="Push the commit as well, and wait for the bots.")
@click.option("--dry-run", is_flag=True, help="Show what would be carried, and its plan; change nothing.")
@output_option
@service_options
def promote(
    source: str,
    target: str,
    what: tuple[str, ...],
    parameters: tuple[str, ...],
    all_params: bool,
    folder: Path,
    message: str,
    pushes: bool,
    dry_run: bool,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Carry versions from the environment FROM to TO, as one commit in a clone of the fleet.

    A bot is promoted to the one whose manifest has the same path in TO's folder: bots/staging/maker.yaml to
    bots/prod/maker.yaml. Its version is carried, and the parameters that are asked for; nothing else of a
    manifest is touched, and no secret ever. The plan of the service is shown before anything is committed.

    \b
    herdsman promote staging prod                every bot that both have
    herdsman promote staging prod grid --push    those of the program grid; then push
    herdsman promote staging prod --param every  with this parameter's value as well
    """  # noqa: D301
    service = _service(url, token_file, data)
    clone = clone_of(folder, service, token_file, data)
    found = find_promotion(clone.root, source, target, what, None if all_params else parameters)
    documented = output in ("json", "yaml")
    if not documented:
        click.echo("\n".join(lines_of(found)))
    revision = ""
    if found.carried:
        with written(found) as keep:
            consider(found, service)
            if not dry_run:
                agree(found)
                revision = commit(found, clone, message or found.subject)
                keep()
    if revision:
        click.echo(f"committed  {revision[:7]} {message or found.subject}", err=documented)
    if pushes and revision:
        push(clone)
    if documented:
        print_data(document(found, revision, pushed=bool(pushes and revision)), output)


def _service(url: str | None, token_file: Path | None, data: Path | None) -> Service | None:
    """Return the service that is meant; None where none is named and none is known."""
    try:
        return find_service(url, token_file, data)
    except UsageError:
        if url or token_file or data or named.get():
            raise
        return None


def clone_of(folder: Path, service: Service | None, token_file: Path | None, data: Path | None) -> Repository:
    """Return the clone of the fleet around a folder, with nothing uncommitted in it. Raises UsageError."""
    root = fleet_around(folder) if folder.is_dir() else None
    alone = {**os.environ, "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
    environment = git_environment(service, token_file, data) if service else alone
    clone = Repository(root or folder, "", "", False, environment)
    if root is None or not clone.git("rev-parse", "--show-toplevel", check=False):
        raise UsageError(f"{folder} lies in no clone of a fleet: go into one, or name it with --folder")
    changed = clone.git("status", "--porcelain").splitlines()
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        names = ", ".join(line[3:] for line in changed[:_NAMED])
        raise UsageError(
            f"{root} has changes that are not committed ({printable(names)}{more}): commit them, or "
            "`git stash -u`, so that the commit holds the promotion alone"
        )
    branch = clone.git("symbolic-ref", "--quiet", "--short", "HEAD", check=False)
    return Repository(root, remote_of(clone, service), branch, False, environment)


def remote_of(clone: Repository, service: Service | None) -> str:
    """Return the remote that is the service itself, "" where none is."""
    for line in clone.git("remote", "-v").splitlines():
        name, _, rest = line.partition("\t")
        if service is not None and rest.split(" ")[0] == f"{service.url}/git/fleet.git":
            return name
    return ""


def consider(found: Promotion, service: Service | None) -> None:
    """Check the fleet with the promotion in it, and show the service's plan of it.

    Raises InvalidManifests where it brings a mistake, PlanRefused where the service would not take it.
    """
    wrong = introduced(found)
    if wrong:
        raise InvalidManifests(wrong)
    if service is None:
        click.echo("no service is known here, so there is no plan: --url, or `herdsman env add`", err=True)
        return
    plan = planned(Client(service), str(found.root), "", "")
    click.echo("\n".join(preview_lines(plan)), err=True)
    if code_of(plan, exit_code=False):
        raise PlanRefused(f"{service.url} would not take it, so nothing was committed: see above")


def agree(found: Promotion) -> None:
    """Ask the person, unless the command line says yes. Raises Declined; UsageError without a terminal."""
    if approved.get():
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"there is no terminal to ask on whether to promote to {found.target}: nothing was changed; "
            "give --yes if you mean it, or --dry-run to look only"
        )
    if not click.confirm(f"Commit this promotion to {found.target}?", err=True):
        raise Declined("nothing was changed")


def commit(found: Promotion, clone: Repository, message: str) -> str:
    """Commit the manifests alone and return the commit; where a hook of the clone refuses, nothing stays."""
    try:
        return clone.commit(message, [clone.root / name for name in found.texts])
    except HerdsmanError:
        clone.git("reset", "--quiet", "--", *found.texts, check=False)
        raise


def push(clone: Repository) -> None:
    """Push: to the service, with what it says of each bot; else to where the branch comes from, or may go."""
    if not clone.branch:
        raise UsageError("the commit is on no branch, so it was not pushed: `git switch` to one first")
    if clone.remote:
        clone.push(lambda line: click.echo(f"           {line}".rstrip(), err=True))
        return
    remotes = clone.git("remote").split()
    if clone.git("rev-parse", "--quiet", "--verify", "@{upstream}", check=False):
        clone.git("push", "--quiet")
    elif len(remotes) == 1:
        clone.git("push", "--quiet", remotes[0], f"HEAD:refs/heads/{clone.branch}")
    else:
        known = f"of {', '.join(remotes)}" if remotes else "since there is none"
        raise UsageError(f"which remote to push {clone.branch} to is not known, {known}: `git push -u` it")
    click.echo(f"pushed     {clone.branch}", err=True)


def lines_of(found: Promotion) -> list[str]:
    """Return what is carried as a table, then what is not, and why."""
    columns = (Column("BOT"), Column("KEY"), Column("NOW"), Column("THEN"), Column("FILE"))
    rows = [
        [
            Cell(printable(text))
            for text in (one.bot, one.key, _shown(one.before), _shown(one.after), one.file)
        ]
        for one in found.carried
    ]
    lines = table(columns, rows) if rows else []
    lines += [f"left       {one.bot}: {printable(one.reason)}" for one in found.left]
    if not rows:
        lines.append(f"nothing to promote: {found.target} has what {found.source} has")
    return lines


def document(found: Promotion, revision: str, *, pushed: bool) -> dict[str, Any]:
    """Return the answer as data."""
    changes = [
        {"bot": one.bot, "file": one.file, "key": one.key, "before": one.before, "after": one.after}
        for one in found.carried
    ]
    left = [{"bot": one.bot, "reason": one.reason} for one in found.left]
    ends = {"from": found.source, "to": found.target}
    return {**ends, "commit": revision, "pushed": pushed, "changes": changes, "left": left}


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)
