"""`herdsman alerts test`: what alert rules would have done over what is stored, before they ship."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.fleet_folder import fleet_around
from cli.known_service import find_service
from cli.moments import ago_or_time
from cli.output import Cell, Column, ago, output_option, print_data, printable, table
from gitops.build import build_desired_state
from gitops.desired import DesiredState
from gitops.history import ProgramHistory
from gitops.process import git_environment, run
from gitops.reading import CommitReader
from gitops.states import state_of_folder
from schemas.bot import BotSpec
from schemas.errors import InvalidManifests, ManifestError, UsageError
from schemas.fleet import parse_fleet
from schemas.report import render_errors
from web.trial_documents import TrialAnswer, TrialBot, TriedDocument

FIRED = 2
"""Exit code with --exit-code where an alert would have begun."""
_FLEET_FILE = "herdsman.yaml"
_SHOWN = 10
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """The rules, bots and limits of accounts to try: None for those that the service has.

    `sound` is False where a bot of the fleet is left out, since its manifest does not validate.
    """

    rules: Mapping[str, Any] | None = None
    bots: Mapping[str, TrialBot] | None = None
    sound: bool = True
    accounts: Mapping[str, Any] | None = None


@click.command("test")
@click.argument("what", metavar="[WHAT]", default="")
@click.option("--deployed", is_flag=True, help="Try the rules that hold now; needs no folder.")
@click.option("--rule", metavar="NAME", default="", help="This rule alone.")
@click.option("--bot", default="", shell_complete=bot_names, help="For this bot alone.")
@click.option(
    "--since", "--over", "since", default="24h", show_default=True, help="From then on: 2h, 7d, or a time."
)
@click.option("--until", default="", help="Up to then; default now.")
@click.option("--limits/--no-limits", default=True, help="Risk limits as well (the default), or rules alone.")
@click.option("--built-in", is_flag=True, help="The rules that are there by themselves as well.")
@click.option("--exit-code", is_flag=True, help="Exit with 2 where an alert would have begun.")
@output_option
@service_options
def test_alerts(
    what: str,
    deployed: bool,
    rule: str,
    bot: str,
    since: str,
    until: str,
    limits: bool,
    built_in: bool,
    exit_code: bool,
    output: str,
    **service: Any,
) -> None:
    """Try alert rules and risk limits on what is stored: which alerts would have begun, when, why.

    WHAT is a fleet's folder (default: the one around here, with everything uncommitted in it), a branch,
    tag or commit of the clone in it, or a file with `alerts: {rules: ...}`, which is tried on the bots of
    now. Nothing is changed, nobody is told, no bot is stopped. A token with the scope read is enough.

    Limits are rules as well: of a bot risk-daily-loss, risk-drawdown, risk-exposure, risk-order-rate; of its
    account account-daily-loss, and so on. What cannot be tried is said, with why.

    \b
    herdsman alerts test                               this folder, the last day
    herdsman alerts test --over 7d --rule deep-drawdown
    herdsman alerts test --rule risk-daily-loss        the bots' limits of a day's loss
    herdsman alerts test HEAD --exit-code              in CI

    Exit code: 1 where a rule or a bot's manifest is not sound (the others are tried), or nothing could be
    tried; else 0 (2 where an alert would have begun, with --exit-code).
    """  # noqa: D301
    if deployed and what:
        raise UsageError("give WHAT, which is here, or --deployed, which the service has; not both")
    sent = Sent() if deployed else sent_of(what)
    client = Client(find_service(**service))
    body = {
        "rules": sent.rules,
        "bots": None if sent.bots is None else {name: asdict(one) for name, one in sent.bots.items()},
        "rule": rule,
        "bot": bot,
        "accounts": sent.accounts,
        "limits": limits,
        "built_in": built_in,
    }
    span = {"start": ago_or_time(since), "end": ago_or_time(until)}
    found = client.post("/api/v1/alerts/trials", TrialAnswer, body, **span)
    if output in ("json", "yaml"):
        print_data(found, output)
    else:
        click.echo("\n".join(report(found, everything=output == "wide")))
    if not sent.sound:
        click.echo("error: bots whose manifests do not validate were left out", err=True)
    sys.exit(code_of(found, sound=sent.sound, asked=exit_code))


def code_of(found: TrialAnswer, *, sound: bool, asked: bool) -> int:
    """Return what the command exits with: what is not sound comes before what would have begun."""
    if not sound or not found.bots:
        return 1
    return FIRED if asked and any(one.alerts for one in found.rules) else 0


def sent_of(what: str) -> Sent:
    """Return the rules and bots of a folder, a file or a revision. Raises UsageError, InvalidManifests."""
    path = Path(what or ".")
    if path.is_file() and path.name != _FLEET_FILE:
        settings, errors = parse_fleet(str(path), path.read_bytes())
        _tell(errors, str(path))
        if settings is None:
            return Sent({})
        return Sent(settings.watching.rules, accounts=settings.watching.accounts or None)
    if path.exists():
        folder = path if path.is_dir() else path.parent
        around = fleet_around(folder)
        if around is None:
            raise UsageError(
                f"{folder} lies in no fleet: no folder above it holds herdsman.yaml, bots/ or .git; "
                "--deployed tries the rules that hold now"
            )
        state = state_of_folder(around)
    else:
        state = _state_of_revision(what)
    _tell(state.errors)
    bots = {name: trial_bot(spec) for name, spec in state.bots.items()}
    watching = state.settings.watching
    return Sent(watching.rules, bots, all(one.warning for one in state.errors), watching.accounts)


def _state_of_revision(what: str) -> DesiredState:
    from cli.planning.packing import local

    here = Path.cwd()
    with local(what, here) as found:
        inside = run(
            ["git", "rev-parse", "--show-prefix"], cwd=fleet_around(here), environment=git_environment()
        )
        with CommitReader(found.git_folder, found.commit, subfolder=inside.stdout.decode().strip()) as reader:
            return build_desired_state(reader, history=ProgramHistory().at(reader))


def _tell(errors: Sequence[ManifestError], file: str = _FLEET_FILE) -> None:
    """Raise what is wrong with the file of the rules; say what else is."""
    if any(not one.warning and one.file == file for one in errors):
        raise InvalidManifests(tuple(errors))
    if errors:
        click.echo(render_errors(tuple(errors)), err=True)


def trial_bot(spec: BotSpec) -> TrialBot:
    """Return a bot as rules are tried on it."""
    rules = spec.alerts.get("rules", {})
    return TrialBot(
        spec.program.name,
        spec.account,
        spec.environment,
        spec.mode.value,
        dict(spec.labels),
        dict(spec.risk),
        dict(rules) if isinstance(rules, Mapping) else {},
        spec.currency,
    )


def report(found: TrialAnswer, *, everything: bool = False) -> Iterator[str]:
    """Yield what a trial came to: a table of what would have fired, each alert, what could not be told."""
    grain = f"values {found.step:g} s apart" if found.step else "every value"
    rules = len({one.rule for one in found.rules})
    yield (
        f"{rules} {'rule' if rules == 1 else 'rules'} tried on {found.bots} of {found.of} bots, "
        f"{_when(found.start)} to {_when(found.end)} UTC, {grain}"
    )
    titles = [Column(name) for name in ("RULE", "BOT")]
    titles += [Column("ALERTS", right=True), Column("FIRED FOR", right=True), Column("MESSAGES", right=True)]
    titles += [Column(name) for name in ("SEVERITY", "ACTION", "AT THE END")]
    if found.rules:
        yield ""
        yield from table(titles, list(_rows(found.rules)))
    for one in found.rules:
        if one.alerts:
            yield ""
            yield f"{one.rule}  {printable(one.bot)}"
            yield from _episodes(one, len(one.episodes) if everything else _SHOWN)
    yield from _lacking(found.rules)
    for note in found.notes:
        yield f"note: {printable(note)}"


def _rows(rules: list[TriedDocument]) -> Iterator[list[Cell]]:
    """Yield a row for each rule and bot that would have fired, and one of each rule for all others."""
    quiet: dict[str, list[TriedDocument]] = {}
    for one in rules:
        if not one.alerts:
            quiet.setdefault(one.rule, []).append(one)
            continue
        yield [
            Cell(one.rule),
            Cell(printable(one.bot)),
            Cell(str(one.alerts), "yellow"),
            Cell(ago(one.firing_seconds)),
            Cell(str(one.messages)),
            Cell(one.severity),
            Cell(one.does or "-", "red" if one.does else None),
            Cell(one.state, "red" if one.state == "firing" else None),
        ]
    for name, ones in quiet.items():
        who = printable(ones[0].bot) if len(ones) == 1 else f"{len(ones)} bots"
        first = ones[0]
        yield [
            *(Cell(name), Cell(who), Cell("0"), Cell("-"), Cell("0")),
            *(Cell(first.severity), Cell(first.does or "-"), Cell("-")),
        ]


def _episodes(one: TriedDocument, most: int) -> Iterator[str]:
    for episode in one.episodes[:most]:
        lasted = ago(episode.ended - episode.began) if episode.ended is not None else "goes on"
        muted = "  (muted)" if episode.muted else ""
        yield f"  {_when(episode.began)}  {lasted:>8}  {printable(episode.text)}{muted}"
    if one.alerts > most:
        yield f"  and {one.alerts - most} more"


def _lacking(rules: list[TriedDocument]) -> Iterator[str]:
    """Yield what conditions had nothing to go by, the bots of the same lack together."""
    lacks: dict[tuple[str, str], list[str]] = {}
    for one in rules:
        if one.lacks:
            lacks.setdefault((one.rule, one.lacks), []).append(one.bot)
    if lacks:
        yield ""
        yield "could not be judged:"
    for (rule, why), bots in lacks.items():
        more = f" and {len(bots) - _NAMED} more" if len(bots) > _NAMED else ""
        yield f"  {rule}  {printable(', '.join(bots[:_NAMED]))}{more}: {printable(why)}"


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
