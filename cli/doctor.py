"""`herdsman doctor`: what is missing on this machine, in the service and on its nodes, and how to get it."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

from cli.checkup.finding import Finding, State
from cli.connection import service_options
from cli.known_service import Service, default_data, find_service, known_folder, path_of
from cli.output import Cell, Column, output_option, paint, print_data, table
from schemas.errors import HerdsmanError

MARKS = {
    State.OK: ("●", "green"),
    State.OPTIONAL: ("○", "bright_black"),
    State.WARNING: ("▲", "yellow"),
    State.MISSING: ("✖", "red"),
}
"""Shape and colour of each state: never colour alone."""


@click.command()
@click.option(
    "--listen", default="127.0.0.1:8420", show_default=True, help="The address that `up` would take."
)
@click.option(
    "--nomad-address", envvar="NOMAD_ADDR", default="", help="Look at this Nomad and its nodes too."
)
@output_option
@service_options
def doctor(
    listen: str,
    nomad_address: str,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Say what is missing on this machine and in the running service, and how to get it.

    Exit code 1 where something is missing that is needed.
    """
    findings = list(look(listen, nomad_address, url, token_file, data))
    missing = sum(finding.state is State.MISSING for finding in findings)
    if output in ("json", "yaml"):
        print_data({"ok": not missing, "findings": findings}, output)
    else:
        click.echo("\n".join(lines_of(findings)))
    if missing:
        raise SystemExit(1)


def look(
    listen: str, nomad_address: str, url: str | None, token_file: Path | None, data: Path | None
) -> Iterator[Finding]:
    """Look at everything, in the order in which it is needed."""
    from cli.checkup.machine import machine_findings
    from cli.checkup.running import nomad_findings, service_findings

    service, reason = known_service(url, token_file, data)
    asked = list(service_findings(service)) if service else []
    if (
        service
        and asked[0].state is not State.OK
        and not (url or service.environment or os.environ.get("HERDSMAN_URL"))
    ):
        # It ran here once: to find it stopped is no fault of this machine.
        service, reason, asked = None, asked[0].found, []
    here = service is not None and urlsplit(service.url).netloc == listen
    folder = data or path_of("HERDSMAN_DATA") or known_folder() or default_data()
    yield from machine_findings(folder, listen, here)
    yield from asked
    if service is None:
        yield Finding("service", State.OPTIONAL, reason, "`herdsman up` starts one on this machine")
    if nomad_address:
        yield from nomad_findings(nomad_address)


def known_service(url: str | None, token_file: Path | None, data: Path | None) -> tuple[Service | None, str]:
    """Return the service that is meant, or why there is none."""
    try:
        return find_service(url, token_file, data), ""
    except (HerdsmanError, OSError) as error:
        return None, str(error).partition(":")[0]


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """Return a table of the findings, under each that is not ok how to get it, and the sum."""
    columns = (Column("WHAT"), Column("STATE"), Column("FOUND"))
    rows = []
    for finding in findings:
        mark, colour = MARKS[finding.state]
        cells = (finding.subject, f"{mark} {finding.state.value}", finding.found)
        rows.append([Cell(cells[0]), Cell(cells[1], colour), Cell(cells[2])])
    title, *lines = table(columns, rows)
    told = [title]
    for finding, line in zip(findings, lines, strict=True):
        told.append(line)
        if finding.advice:
            told.append(paint(f"    {finding.advice}", "bright_black"))
    counts = Counter(finding.state for finding in findings)
    missing, warned = counts[State.MISSING], counts[State.WARNING]
    told.append(
        f"{missing} missing, {warned} to look at" if missing or warned else "all that is needed is here"
    )
    return told
