"""`herdsman backup FILE`: a data folder in one file, also while herdsman runs."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from cli.archive.contents import DATABASE
from cli.archive.manifest import Manifest
from cli.known_service import default_data, known_folder, path_of
from cli.output import output_option, print_data, sized


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--data", type=click.Path(path_type=Path), help="The data folder (else HERDSMAN_DATA).")
@click.option("--with-telemetry", is_flag=True, help="Series, events and logs too: far larger.")
@output_option
def backup(file: Path, data: Path | None, with_telemetry: bool, output: str) -> None:
    """Write everything that a data folder of this machine keeps to FILE, also while herdsman runs on it.

    In it: the database (bots, revisions, suspensions, tokens as digests, audit), the fleet's repository,
    bundles, the bots' kept state, keys and the admin token. It holds secrets: FILE is for its owner alone
    (0600). A database in PostgreSQL is not in it: use pg_dump, right before.

    \b
    herdsman backup /backup/herdsman-2026-01-31.tar.gz
    herdsman restore /backup/herdsman-2026-01-31.tar.gz --data /var/lib/herdsman
    """  # noqa: D301
    from cli.archive.writing import write_backup

    folder = data or path_of("HERDSMAN_DATA") or known_folder() or default_data()
    manifest = write_backup(folder, file, telemetry=with_telemetry, version=version("herdsman"))
    if output in ("json", "yaml"):
        print_data({"file": str(file), "bytes": file.stat().st_size, "manifest": manifest}, output)
        return
    click.echo("\n".join(lines_of(file, folder, manifest)))


def lines_of(file: Path, folder: Path, manifest: Manifest) -> list[str]:
    """Return what was written, and what to know about it."""
    lines = [
        f"wrote      {file}: {len(manifest.files)} files of {folder}, {sized(file.stat().st_size)}",
        f"           {described(manifest)}",
        "private    it holds the admin token and keys: only you can read it (0600), keep it so",
        "not in it  what is made again: unpacked bundles, browsers' sessions, local bots' log files"
        + ("" if manifest.telemetry else "; series, events and logs (--with-telemetry)"),
    ]
    if not manifest.database:
        lines.append(
            f"warning    {DATABASE} is empty: back up a PostgreSQL database with pg_dump, right before"
        )
    if manifest.left_out:
        lines.append(
            f"left out   {len(manifest.left_out)} links and special files, first {manifest.left_out[0]}"
        )
    return lines


def described(manifest: Manifest) -> str:
    """Return whose backup it is and from when."""
    taken = datetime.fromtimestamp(manifest.taken_at, UTC)
    fleet = manifest.fleet or "without a name yet"
    return f"fleet {fleet}, herdsman {manifest.version}, {taken:%Y-%m-%d %H:%M:%S} UTC"
