"""`herdsman status`: the fleet at a glance, or one bot with its reasons; live with --watch."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.liveness import liveness_facts, liveness_note
from cli.operations import suspended_text
from cli.output import (
    HEALTH_MARKS,
    Cell,
    Column,
    ago,
    mebibytes,
    output_option,
    paint,
    print_data,
    printable,
    signed,
    table,
)
from cli.system_status import show_system
from web.documents.bots import Bot, BotDetail
from web.documents.revisions import FleetDocument
from web.documents.suspensions import KillDocument

COLUMNS = (
    Column("BOT"),
    Column("PROGRAM"),
    Column("HEALTH"),
    Column("SINCE", right=True),
    Column("P&L TODAY", right=True),
    Column("CPU", right=True),
    Column("MEM", right=True),
    Column("LAST", right=True),
)
WIDE = (
    *COLUMNS,
    Column("MODE"),
    Column("SYNC"),
    Column("REVISION"),
    Column("RESTARTS", right=True),
    Column("NODE"),
)
WORST_FIRST = ("Missing", "Degraded", "Unknown", "Progressing", "Suspended", "Healthy")


@click.command()
@click.argument("bot", required=False, shell_complete=bot_names)
@click.option("--service", is_flag=True, help="How each part of herdsman itself is.")
@click.option("-w", "--watch", is_flag=True, help="Keep the table up to date until Ctrl-C.")
@output_option
@service_options
def status(
    bot: str | None,
    service: bool,
    watch: bool,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Show the fleet, or one BOT with its reasons.

    Exit code 0 also where bots are not well: the command itself worked.
    """
    client = Client(find_service(url, token_file, data))
    if service:
        show_system(client, output)
    elif watch:
        watch_fleet(client, bot)
    elif bot:
        show_bot(client.get(f"/api/v1/bots/{bot}", BotDetail), output)
    else:
        show_fleet(client, output)


def show_fleet(client: Client, output: str) -> None:
    """Print the whole fleet."""
    bots = client.get("/api/v1/bots", list[Bot])
    if output in ("json", "yaml"):
        print_data(bots, output)
        return
    fleet = client.get("/api/v1/fleet", FleetDocument)
    click.echo("\n".join(fleet_lines(fleet, bots, time.time(), wide=output == "wide")))


def fleet_lines(fleet: FleetDocument, bots: list[Bot], now: float, wide: bool = False) -> list[str]:
    """Return the header, the table with the worst first, and under each problem its reason and next step."""
    lines = [header(fleet, now)]
    lines += [paint(f"  {text}", "red") for text in map(switch_text, fleet.kills)]
    lines += [
        f"  suspended: {one.words}  {suspended_text(one.by, one.reason, one.until)}"
        for one in fleet.suspensions
    ]
    lines += [paint(f"  {problem}", "yellow") for problem in fleet.problems]
    lines += rollout_lines(fleet)
    if not bots:
        push = "" if fleet.problems else ": push a fleet to this service, see `herdsman init --help`"
        return [*lines, f"no bots yet{push}"]
    ordered = sorted(bots, key=lambda bot: (WORST_FIRST.index(bot.health), bot.name))
    columns, cells = list(WIDE if wide else COLUMNS), [row(bot, now, wide) for bot in ordered]
    if any(bot.source for bot in ordered):
        columns.insert(1, Column("SOURCE"))
        for bot, shown in zip(ordered, cells, strict=True):
            shown.insert(1, Cell(bot.source or "-"))
    title, *rows = table(columns, cells)
    lines.append(title)
    for bot, line in zip(ordered, rows, strict=True):
        lines.append(line)
        lines += explanation(bot, fleet.problems)
    return lines


def switch_text(kill: KillDocument) -> str:
    """Return a kill switch that is on, in one line."""
    since = time.strftime("%H:%M UTC", time.gmtime(kill.since))
    state = f"{kill.dead} of {kill.total} dead" if not kill.complete else "nothing of it runs"
    if kill.complete and kill.stopping:
        state = f"all dead, {kill.stopping} of their jobs still being stopped"
    return f'KILL SWITCH is on: {kill.words}, since {since}, by {kill.by}: "{kill.reason}" ({state})'


def rollout_lines(fleet: FleetDocument) -> list[str]:
    """Return how far the newest revision's waves are, nothing where it has none or all are through."""
    rollout = fleet.revision.rollout if fleet.revision is not None else None
    if rollout is None or rollout["done"]:
        return []
    if not rollout["halted"]:
        return [f"  rollout: {rollout['text']}"]
    halted = f"halted by {rollout['halted']}; to go on without it: herdsman sync --continue"
    return [paint(f"  rollout: {rollout['text']}; {halted}", "yellow")]


def header(fleet: FleetDocument, now: float) -> str:
    """Return the line over the table."""
    revision = fleet.revision.id[:7] if fleet.revision else "no revision yet"
    synced = f"synced {ago(now - fleet.synced_at)} ago" if fleet.synced_at else "not synced yet"
    counts = "  ".join(f"{number} {health.lower()}" for health, number in fleet.counts.items() if number)
    held = f"  pinned to {fleet.held[0]['revision'][:7]}" if fleet.held else ""
    of = f" ({', '.join(fleet.environments)})" if fleet.environments else ""
    return f"FLEET {fleet.fleet}{of} @ {revision}{held}  {synced}    {counts}".rstrip()


def row(bot: Bot, now: float, wide: bool) -> list[Cell]:
    """Return one bot's cells."""
    mark, colour = HEALTH_MARKS.get(bot.health, ("?", None))
    use = bot.resources
    memory = mebibytes(use.memory_bytes)
    if use.memory_limit_bytes and use.memory_bytes is not None:
        memory += f"/{mebibytes(use.memory_limit_bytes)}"
    cells = [
        Cell(bot.name),
        Cell(f"{bot.program} {bot.version}"),
        Cell(f"{mark} {bot.health.lower()}", colour),
        Cell(ago(now - bot.since)),
        Cell(signed(bot.pnl_today, bot.currency)),
        Cell("-" if use.cpu_percent is None else f"{use.cpu_percent:.0f}%"),
        Cell(memory if memory == "-" else f"{memory} MiB"),
        Cell(ago(now - bot.last_data_at) if bot.last_data_at else "-"),
    ]
    if wide:
        cells += [
            Cell(text)
            for text in (bot.mode, bot.sync, bot.applied_revision[:7], str(bot.restarts), bot.node[:8])
        ]
    return cells


def explanation(bot: Bot, told: Sequence[str] = ()) -> list[str]:
    """Return the reason of a bot that is not well, unless it is `told` of the fleet, and the next command."""
    by = bot.held["by"] if bot.held else ""
    if bot.health == "Healthy" and (by == "fleet" or (bot.sync == "Synced" and not by)):
        return [paint(line, "yellow") for line in liveness_note(bot)]
    lines = [f"           {printable(bot.message)}"] if bot.message and bot.message not in told else []
    lines += liveness_note(bot)
    if by in ("bot", "guard"):
        verb = "retry" if by == "guard" else "unpin"
        lines.append(f"           herdsman {verb} {bot.name}   to let it be what git says")
    if bot.reason == "BuildFailed" and "dependencies" in bot.message:
        lines.append(f"           herdsman status {bot.name}   to see all that was said")
    elif bot.reason == "BuildFailed":
        lines.append(f"           herdsman build-log {bot.name}   to see all of its build")
    elif bot.reason == "NoRuntime":
        lines.append("           herdsman doctor   on its machine, to see what is missing there")
    elif bot.health in ("Degraded", "Missing"):
        lines.append(f"           herdsman logs {bot.name}   to see what it printed last")
    return [paint(line, "bright_black") for line in lines]


def show_bot(detail: BotDetail, output: str) -> None:
    """Print one bot."""
    if output in ("json", "yaml"):
        print_data(detail, output)
        return
    lines = bot_lines(detail, time.time())
    click.echo("\n".join([*lines, *attempt_lines(detail)] if output == "wide" else lines))


def bot_lines(detail: BotDetail, now: float) -> list[str]:
    """Return one bot as a list of facts."""
    bot = detail.bot
    mark, colour = HEALTH_MARKS.get(bot.health, ("?", None))
    started = f"{ago(now - bot.started_at)} ago" if bot.started_at else "not running"
    facts = {
        "bot": f"{bot.name}  ({bot.type}, {bot.mode})",
        "program": f"{bot.program} {bot.version}",
        "health": paint(f"{mark} {bot.health.lower()}", colour)
        + f"  {bot.reason}, for {ago(now - bot.since)}",
        "reason": printable(bot.message) or "-",
        "sync": f"{bot.sync}, applied {bot.applied_revision[:7] or '-'}",
        "attempted": bot.attempted_revision[:7] or "-",
        "operation": operation_text(detail),
        "started": f"{started}, {bot.restarts} restart{'' if bot.restarts == 1 else 's'}",
        "node": bot.node or "-",
        "manifest": detail.path,
        "series": ", ".join(detail.metrics) or "-",
    }
    if detail.liveness:
        facts |= liveness_facts(detail.liveness, now)
    if bot.drift:
        facts["drift"] = drift_text(bot.drift, now)
    if bot.held:
        facts["held"] = printable(bot.held["text"])
    if bot.source:
        facts["source"] = bot.source
    if detail.secrets:
        names = (f"{one['name']} ({one['from']}: {one['place']})" for one in detail.secrets)
        facts["secrets"] = ", ".join(names)
    lines = [f"{name:<12}{value}" for name, value in facts.items()]
    if bot.last_log:
        said = [printable(line) for line in bot.last_log.message.splitlines()]
        lines.append(f"{'last line':<12}" + f"\n{'':<12}".join(said))
    lines += [
        f"{condition['type']:<12}{condition['status']:<7} {printable(condition['message'])}".rstrip()
        for condition in detail.conditions
    ]
    return lines + failure_lines(detail)


def operation_text(detail: BotDetail) -> str:
    """Return what is being done about a bot, and whether what was asked last was tried already."""
    bot = detail.bot
    said = f"  {printable(detail.operation_message)}" if detail.operation_message else ""
    behind = "" if bot.observed_generation >= bot.generation else ", not tried yet"
    return f"{bot.operation or '-'}{said} (generation {bot.generation}{behind})"


def drift_text(drift: dict[str, Any], now: float) -> str:
    """Return what was done to a bot behind our back, when, and what became of it."""
    often = f", {drift['times']} times in a row" if drift["times"] > 1 else ""
    text = f"{drift['kind']}: {printable(drift['text'])}, {ago(now - drift['since'])} ago{often}"
    if drift["corrected_at"] is None:
        return paint(f"{text}; not put right yet", "yellow")
    took = max(0.0, drift["corrected_at"] - drift["since"])
    return f"{text}; over after {took:.1f} s: {printable(drift['correction'])}"


def attempt_lines(detail: BotDetail) -> list[str]:
    """Return the last applies of a bot, newest first, and what its newest state and content are called."""
    bot = detail.bot
    lines = [
        f"{'allocation':<12}{bot.allocation or '-'}",
        f"{'account':<12}{bot.account or '-'}",
        f"{'environment':<12}{bot.environment or '-'}",
        *inventory_lines(detail.inventory),
        "",
        "the last attempts:",
    ]
    for one in detail.attempts:
        moment = datetime.fromtimestamp(one["ended_at"], UTC)
        how = "applied" if one["ok"] else printable(str(one["message"]).partition("\n")[0])
        lines.append(f"  {moment:%Y-%m-%d %H:%M:%S} UTC  {one['revision'][:7]}  {how}")
    return lines


def inventory_lines(inventory: dict[str, Any] | None) -> list[str]:
    """Return what we own of a bot."""
    if inventory is None:
        return [f"{'inventory':<12}-"]
    names = ("digest", "tree", "code", "dependencies", "job_version")
    owned = [f"{name} {str(inventory[name])[:12]}" for name in names if inventory[name]]
    halted = [f"stopped by herdsman: {inventory['halted']}"] if inventory["halted"] else []
    return [f"{'inventory':<12}{', '.join([*owned, *halted]) or '-'}"]


def failure_lines(detail: BotDetail) -> list[str]:
    """Return all that is known of the newest apply where it failed, such as the end of a build's log."""
    if not detail.attempts or detail.attempts[0]["ok"]:
        return []
    newest = detail.attempts[0]
    said = [f"  {printable(line)}" for line in newest["message"].splitlines()]
    return ["", f"the last attempt ({newest['revision'][:7]}) failed:", *said]


def watch_fleet(client: Client, only: str | None) -> None:
    """Show the table and change it as the stream brings changes, at most 4 times a second."""
    import msgspec

    fleet = client.get("/api/v1/fleet", FleetDocument)
    listed, position = client.get_at("/api/v1/bots", list[Bot])
    bots = {bot.name: bot for bot in listed}
    painted = 0.0
    paint_fleet(fleet, bots, only)
    for _, event, data in client.stream("fleet", position):
        if event == "status":
            change = msgspec.json.decode(data)
            if change.get("removed"):
                bots.pop(change["name"], None)
            else:
                bots[change["name"]] = msgspec.json.decode(data, type=Bot)
        elif event == "fleet":
            fleet = msgspec.json.decode(data, type=FleetDocument)
        elif event == "reset":
            bots = {bot.name: bot for bot in client.get("/api/v1/bots", list[Bot])}
        if time.monotonic() - painted >= 0.25:
            painted = time.monotonic()
            paint_fleet(fleet, bots, only)


def paint_fleet(fleet: FleetDocument, bots: dict[str, Bot], only: str | None) -> None:
    """Draw the table over the last one."""
    chosen = [bot for name, bot in bots.items() if only in (None, name)]
    click.clear()
    click.echo("\n".join(fleet_lines(fleet, chosen, time.time())))
