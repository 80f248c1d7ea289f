"""`herdsman build-log [NAME]`: how a compiled program was built, or why it could not be."""

import time
from pathlib import Path

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import Cell, Column, ago, output_option, paint, print_data, printable, table
from web.documents.builds import Build, BuildDetail

COLOURS = {"built": "green", "failed": "red", "building": "yellow"}


@click.command(name="build-log")
@click.argument("name", required=False, shell_complete=bot_names)
@output_option
@service_options
def build_log(
    name: str | None, output: str, url: str | None, token_file: Path | None, data: Path | None
) -> None:
    """Print the whole log of the newest build of NAME, a bot or a program; without it, list all builds.

    Only compiled programs (Rust, C++) are built. The log of a build under way is shown as far as it is.
    """
    client = Client(find_service(url, token_file, data))
    if name is None:
        found = client.get("/api/v1/builds", list[Build])
        if output in ("json", "yaml"):
            print_data(found, output)
        else:
            click.echo("\n".join(build_lines(found, time.time())))
        return
    detail = client.get(f"/api/v1/builds/{name}", BuildDetail)
    if output in ("json", "yaml"):
        print_data(detail, output)
        return
    for line in detail.log.splitlines():
        click.echo(printable(line))
    click.echo(summary(detail.build, time.time()))


def build_lines(builds: list[Build], now: float) -> list[str]:
    """Return a table of builds, and why each that failed did."""
    if not builds:
        return ["no compiled program was built yet"]
    columns = (Column("PROGRAM"), Column("STATE"), Column("TOOK", right=True), Column("AGO", right=True))
    rows = [
        [
            Cell(f"{build.program} {build.version}"),
            Cell(build.state, COLOURS.get(build.state)),
            Cell(ago((build.ended_at or now) - build.started_at)),
            Cell(ago(now - build.started_at)),
        ]
        for build in builds
    ]
    title, *lines = table(
        (*columns, Column("WITH")),
        [[*row, Cell(build.toolchain)] for row, build in zip(rows, builds, strict=True)],
    )
    told = [title]
    for build, line in zip(builds, lines, strict=True):
        told.append(line)
        if build.message:
            told.append(paint(f"    {printable(build.message)}", "bright_black"))
    return told


def summary(build: Build, now: float) -> str:
    """Return one line on what became of a build."""
    state = paint(build.state, COLOURS.get(build.state))
    took = ago((build.ended_at or now) - build.started_at)
    return f"{build.program} {build.version}: {state}, {took}, {build.toolchain}"
