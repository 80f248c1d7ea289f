"""`herdsman restore FILE --data DIR`: a data folder from a backup."""

import asyncio
import getpass
import time
from pathlib import Path

import click

from cli.archive.contents import DATABASE
from cli.archive.manifest import Manifest
from cli.backup import described


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="The folder to make: empty, or not there yet.",
)
@click.option("--reason", default="", help="Why, for the record and for whoever looks next.")
def restore(file: Path, data: Path, reason: str) -> None:
    """Make the data folder DIR from the backup in FILE, whole or not at all, every checksum checked first.

    Where bots went on since the backup (on Nomad they do), herdsman then only observes: nothing is stopped,
    started or restarted until you have pushed what git lacks, looked at `herdsman plan`, and said
    `herdsman recover`.

    \b
    herdsman restore /backup/herdsman-2026-01-31.tar.gz --data /var/lib/herdsman --reason "disk lost"
    herdsman up --data /var/lib/herdsman
    """  # noqa: D301
    from cli.archive.reading import restore_backup

    click.echo("checking every file ...", err=True)
    manifest = restore_backup(file, data, lambda folder, found: record(folder, found, file.name, reason))
    click.echo(
        f"restored   {data} from {file}: {len(manifest.files)} files\n           {described(manifest)}"
    )
    if not manifest.database:
        click.echo("database   not in it: restore the dump into PostgreSQL before you start")
    if not manifest.telemetry:
        click.echo("telemetry  not in it: charts, events and logs begin anew")
    click.echo(f"next       herdsman up --data {data}, with the options it had; then herdsman status")


def record(folder: Path, manifest: Manifest, name: str, reason: str) -> None:
    """Open the restored database, which brings it to this version, and write into it that it was restored."""
    from controller.database import Database
    from controller.database.audit import add_audit
    from controller.records import RESTORE, AuditEntry

    if not manifest.database:
        return
    entry = AuditEntry(
        time.time(),
        getpass.getuser(),
        RESTORE,
        "fleet",
        reason,
        details={"file": name, "taken_at": manifest.taken_at},
    )

    async def write() -> None:
        database = await Database.open(str(folder / DATABASE))
        try:
            await database.run(lambda connection: add_audit(connection, entry))
        finally:
            await database.close()

    asyncio.run(write())
