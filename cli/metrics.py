"""`herdsman metrics BOT`: the series of a bot, its own and those of rules and resources; one as a plot."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.moments import ago_or_time
from cli.output import Cell, Column, ago, output_option, print_data, printable, table
from cli.plot import Point, columns_of, plot
from schemas.errors import NotFound
from schemas.suggestions import nearest
from telemetry.units import measured, unit_of
from web.documents.series import SeriesAnswer
from web.moments import parse_moment

_BASE = ("__name__", "fleet", "bot", "program", "env")
_SPARK, _WIDTH, _HEIGHT = 24, 72, 6
_MOST = 200
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_HUGE = 1e15


@click.command()
@click.argument("bot", shell_complete=bot_names)
@click.argument("name", required=False, default="")
@click.option("--since", default="1h", show_default=True, help="From when: 15m, 1d, or a time in RFC 3339.")
@click.option("--step", default="", help='Seconds, a span such as "5m", or "raw" (else about 2,000 points).')
@output_option
@service_options
def metrics(bot: str, name: str, since: str, step: str, output: str, **service: Any) -> None:
    """List the series of BOT with their newest values, or plot the one of NAME (with each label set).

    The names are those of docs/series.md; those of log rules begin with bot_log_.
    """
    client = Client(find_service(**service))
    span = ago_or_time(since)
    now = time.time()
    start = parse_moment(span, now)
    query = {"metric": name, "start": span, "step": step}
    answer = client.get(f"/api/v1/bots/{bot}/series", SeriesAnswer, **query)
    if name and not answer.series:
        _say_nothing(client, bot, name)
    if output in ("json", "yaml"):
        print_data(answer.series, output)
        return
    found = [(one["labels"], [(at, value) for at, value in one["points"]]) for one in answer.series]
    # The service's clock tells the times of points, and may be another than ours.
    times = [at for _, points in found for at, _ in points]
    start, now = min([start, *times]), max([now, *times])
    if not found:
        click.echo(f"no series of {bot} since {ago(now - start)}", err=True)
    elif name:
        click.echo("\n\n".join("\n".join(drawn(labels, points, start, now)) for labels, points in found[:20]))
    else:
        click.echo("\n".join(listed(found, start, now, wide=output == "wide")))


def _say_nothing(client: Client, bot: str, name: str) -> None:
    """Raise NotFound where a bot has no series of this name at all, with the nearest one that it has."""
    detail = client.get(f"/api/v1/bots/{bot}", dict[str, Any], removed=True)
    if name not in detail["metrics"]:
        near = nearest(name, detail["metrics"])
        tail = f', did you mean "{near}"?' if near else ""
        raise NotFound(f"{bot} has no series {name}{tail}; herdsman metrics {bot} lists them")


def listed(
    found: Sequence[tuple[Mapping[str, str], list[Point]]], start: float, end: float, *, wide: bool
) -> Iterator[str]:
    """Yield a row for each series: its newest value, the least and greatest of the time, its course."""
    titles = [Column("SERIES"), Column("LAST", right=True), Column("LEAST", right=True)]
    titles += [Column("MOST", right=True), Column("AGE", right=True), Column("COURSE")]
    shown = found if wide else found[:_MOST]
    yield from table(titles, [_row(labels, points, start, end) for labels, points in shown])
    if len(shown) < len(found):
        yield f"and {len(found) - len(shown)} more: -o wide shows all"


def _row(labels: Mapping[str, str], points: Sequence[Point], start: float, end: float) -> list[Cell]:
    values = [value for _, value in points]
    course = plot(columns_of(points, start, end, _SPARK), 1)
    numbers = [Cell(shown(value)) for value in (values[-1], min(values), max(values))]
    return [Cell(called(labels)), *numbers, Cell(ago(end - points[-1][0])), Cell(course[0] if course else "")]


def drawn(labels: Mapping[str, str], points: Sequence[Point], start: float, end: float) -> Iterator[str]:
    """Yield a plot of one series, with its scale, and its newest value."""
    values = [value for _, value in points]
    yield f"{called(labels)}  {shown(values[-1])}, {ago(end - points[-1][0])} ago"
    scale = [shown(max(values)), *[""] * (_HEIGHT - 2), shown(min(values))]
    width = max(map(len, scale))
    for text, row in zip(scale, plot(columns_of(points, start, end, _WIDTH), _HEIGHT), strict=True):
        yield f"{text:>{width}} │{row}"
    yield f"{'':>{width}} └{ago(end - start)} ago{'now':─>{_WIDTH - len(ago(end - start)) - 4}}"


def called(labels: Mapping[str, str]) -> str:
    """Return a series as people write it: `bot_price{symbol="BTC/USDT"}`."""
    own = [
        f"{name}={msgspec.json.encode(value).decode()}" for name, value in labels.items() if name not in _BASE
    ]
    return printable(labels.get("__name__", "") + (f"{{{', '.join(own)}}}" if own else ""))


def shown(value: float) -> str:
    """Return a number in at most 6 digits."""
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def sized_of(name: str, value: float) -> str:
    """Return the number of a series of bytes, or bytes a second, with its unit; "" of any other series.

    Three digits tell any two sizes apart that a comparison says are not the same.
    """
    unit = unit_of(name.removesuffix("_total"))
    if unit not in ("bytes", "bytes/s"):
        return ""
    if not abs(value) < _HUGE:
        return measured(value, unit)
    return _size(value) + unit.removeprefix("bytes")


def _size(value: float) -> str:
    amount, step = float(value), 0
    while step + 1 < len(_SIZES) and round(abs(amount)) >= 1024:
        amount, step = amount / 1024, step + 1
    return f"{amount:.0f} {_SIZES[step]}" if abs(amount) >= 999.5 else f"{amount:.3g} {_SIZES[step]}"
