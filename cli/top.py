"""`herdsman top`: what bots use, live, the hungriest first."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import Cell, Column, ago, colours, output_option, print_data, sized, table
from web.documents.resources import ForecastDocument, ResourcesDocument

COLUMNS = (
    Column("BOT"),
    Column("CPU", right=True),
    Column("MEMORY", right=True),
    Column("OF LIMIT", right=True),
    Column("FILES", right=True),
    Column("THREADS", right=True),
    Column("STATE", right=True),
    Column("TO LIMIT", right=True),
)
WIDE = (
    *COLUMNS,
    Column("THROTTLED", right=True),
    Column("READ/S", right=True),
    Column("WRITTEN/S", right=True),
    Column("RECEIVED/S", right=True),
    Column("SENT/S", right=True),
    Column("PROCESSES", right=True),
    Column("MEASURED", right=True),
)
SOON = 3600.0
"""Seconds to a limit below which that is coloured."""
Key = Callable[[ResourcesDocument], float]


@click.command()
@click.argument("bots", nargs=-1, shell_complete=bot_names)
@click.option(
    "--sort",
    type=click.Choice(["cpu", "memory", "files", "limit"]),
    default="cpu",
    show_default=True,
    help="What comes first: the most CPU, memory or open files, or who runs into a limit soonest.",
)
@click.option("--once", is_flag=True, help="Print the table once; so it is where the output is no terminal.")
@click.option("-n", "--most", default=40, show_default=True, type=click.IntRange(1), help="Bots to show.")
@output_option
@service_options
def top(
    bots: tuple[str, ...],
    sort: str,
    once: bool,
    most: int,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Show what running bots use against their limits, live until Ctrl-C; of BOTS alone where some are named.

    TO LIMIT is when a bot will run into its limit of memory, of open files, or the disk's end, told only
    where its use truly rises.
    """
    client = Client(find_service(url, token_file, data))
    if output in ("json", "yaml"):
        print_data(measured(client, bots, sort), output)
        return
    live = not once and colours()
    while True:
        found = measured(client, bots, sort)
        if live:
            click.clear()
        click.echo("\n".join(lines(found, most, output == "wide")))
        if not live:
            return
        time.sleep(1.0)


def measured(client: Client, bots: Sequence[str], sort: str) -> list[ResourcesDocument]:
    """Return what bots use, sorted."""
    found = client.get("/api/v1/resources", list[ResourcesDocument])
    chosen = [one for one in found if not bots or one.bot in bots]
    return sorted(chosen, key=lambda one: (-_KEYS[sort](one), one.bot))


def lines(found: Sequence[ResourcesDocument], most: int, wide: bool = False) -> list[str]:
    """Return the table, and how many bots it leaves out."""
    if not found:
        return ["no bot was measured lately: none runs, or no agent is heard of"]
    shown = table(WIDE if wide else COLUMNS, [row(one, wide) for one in found[:most]])
    left = len(found) - most
    return [*shown, f"and {left} more: --most {len(found)} shows all"] if left > 0 else shown


def row(one: ResourcesDocument, wide: bool) -> list[Cell]:
    """Return one bot's cells."""
    value = one.values.get
    memory, limit = value("bot_memory_bytes"), value("bot_memory_limit_bytes")
    soonest = min(one.forecasts, key=lambda forecast: forecast.seconds, default=None)
    cells = [
        Cell(one.bot),
        Cell(against(value("bot_cpu_percent"), value("bot_cpu_limit_percent"))),
        Cell(size(memory)),
        Cell(f"{100 * memory / limit:.0f}% of {sized(limit)}" if memory is not None and limit else "-"),
        Cell(count(value("bot_open_files"))),
        Cell(count(value("bot_threads"))),
        _state(one),
        Cell(forecast_text(soonest), "red" if soonest and soonest.seconds < SOON else None),
    ]
    if wide:
        throttled = value("bot_cpu_throttled_percent")
        cells += [
            Cell("-" if throttled is None else f"{throttled:.0f}%"),
            *(Cell(size(value(f"bot_{name}_bytes_per_second"))) for name in _RATES),
            Cell(count(value("bot_processes"))),
            Cell("-" if one.at is None else f"{ago(time.time() - one.at)} ago"),
        ]
    return cells


def _state(one: ResourcesDocument) -> Cell:
    """Return the size of the state, or for how long its disk has not answered."""
    silent = one.values.get("bot_disk_stalled_seconds", 0.0)
    return (
        Cell(f"no answer, {ago(silent)}", "red") if silent else Cell(size(one.values.get("bot_state_bytes")))
    )


_RATES = ("disk_read", "disk_write", "network_receive", "network_transmit")


def against(percent: float | None, limit: float | None) -> str:
    """Return a use of CPU, with its limit where there is one."""
    if percent is None:
        return "-"
    return f"{percent:.0f}/{limit:.0f}%" if limit else f"{percent:.0f}%"


def forecast_text(soonest: ForecastDocument | None) -> str:
    """Return which limit comes first, and when."""
    if soonest is None:
        return "-"
    return f"{soonest.resource} in {ago(soonest.seconds)}" if soonest.seconds else f"{soonest.resource} now"


def size(value: float | None) -> str:
    """Return bytes, `-` where they are not known."""
    return "-" if value is None else sized(value)


def count(value: float | None) -> str:
    """Return a number of things, `-` where it is not known."""
    return "-" if value is None else f"{value:.0f}"


def _use(name: str) -> Key:
    return lambda one: one.values.get(name, -1.0)


def _nearness(one: ResourcesDocument) -> float:
    """Return the greater the sooner a bot runs into a limit; then by how near it is to that of memory."""
    if one.forecasts:
        return 2.0 - min(min(forecast.seconds for forecast in one.forecasts) / 1e9, 1.0)
    limit = one.values.get("bot_memory_limit_bytes")
    return min(one.values.get("bot_memory_bytes", 0.0) / limit, 1.0) if limit else -1.0


_KEYS: dict[str, Key] = {
    "cpu": _use("bot_cpu_percent"),
    "memory": _use("bot_memory_bytes"),
    "files": _use("bot_open_files"),
    "limit": _nearness,
}
