"""`herdsman secrets`: what a fleet's folder refers to, whether it can be had, and files encrypted."""

import re
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from cli.fleet_folder import fleet_around
from cli.output import Cell, Column, output_option, print_data, table
from cli.validate import fleet_itself
from controller.secrets.env_files import EnvFiles
from gitops.folder import FolderReader
from gitops.secrets.age import encrypt as encrypt_age
from gitops.secrets.age import find_identities
from gitops.secrets.plain import plain_errors
from gitops.secrets.sops import kind_of
from gitops.secrets.sops_writing import close_file
from gitops.secrets.values import FleetSecrets, OutsideSource
from gitops.states import state_of_folder
from schemas.errors import ManifestError, SecretUnavailable, UsageError
from schemas.fleet import parse_fleet
from schemas.report import error_document, render_errors
from schemas.secret_reference import SecretReference

folder_argument = click.argument("folder", type=click.Path(path_type=Path), default=".")


@click.group()
def secrets() -> None:
    """Look after a fleet's secrets. No command ever shows a value."""


@secrets.command("list")
@folder_argument
@output_option
def list_(folder: Path, output: str) -> None:
    """List the secrets that the fleet in FOLDER refers to, where each is, and which bots use it."""
    users: defaultdict[str, list[str]] = defaultdict(list)
    known: dict[str, SecretReference] = {}
    for bot in state_of_folder(fleet_itself(folder)).bots.values():
        for one in bot.secrets:
            known[one.reference] = one
            users[one.reference].append(f"{bot.name}:{one.variable}")
    answer = [
        {"from": one.kind, "place": one.place, "key": one.key, "bots": sorted(users[reference])}
        for reference, one in sorted(known.items())
    ]
    if output in ("json", "yaml"):
        print_data(answer, output)
        return
    columns = [Column("FROM"), Column("PLACE"), Column("KEY"), Column("BOTS")]
    rows = [
        [Cell(one.kind), Cell(one.place), Cell(one.key or "-"), Cell(", ".join(sorted(users[name])))]
        for name, one in sorted(known.items())
    ]
    click.echo("\n".join(table(columns, rows)) if rows else "no bot of this fleet refers to a secret")


@secrets.command()
@folder_argument
@click.option(
    "--age-identity-file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="age identities to try (0600); else HERDSMAN_AGE_KEY_FILE, SOPS_AGE_KEY_FILE.",
)
@output_option
def check(folder: Path, files: tuple[Path, ...], output: str) -> None:
    """Try every secret of FOLDER that lies in git, and look for others in plain text: exit code 0 or 1.

    What lies outside git (Nomad, Vault) only the service can read: its push says whether it is there.
    """
    root = fleet_itself(folder)
    errors = _wrong(root, files)
    bad = [error for error in errors if not error.warning]
    if output in ("json", "yaml"):
        print_data({"ok": not bad, "errors": [error_document(error) for error in errors]}, output)
    elif errors:
        click.echo(render_errors(tuple(errors)), err=True)
    if not bad and output in ("table", "wide"):
        click.echo("ok: every secret in git can be opened, and none stands in plain text")
    if bad:
        sys.exit(1)


def _wrong(root: Path, files: tuple[Path, ...]) -> list[ManifestError]:
    reader, state = FolderReader(root), state_of_folder(root)
    elsewhere = _Elsewhere()
    outside: dict[str, OutsideSource] = {"env-file": EnvFiles(), "nomad": elsewhere, "vault": elsewhere}
    attached = FleetSecrets(b"", find_identities(files), outside).attach(reader, state)
    before = set(state.errors)
    return [
        *(error for error in attached.errors if error not in before),
        *plain_errors(reader, None, state.settings.allowed_plain),
    ]


class _Elsewhere:
    """What only the service can read: taken as being there."""

    def read(self, place: str, key: str) -> str:
        """Return nothing."""
        del place, key
        return ""


@secrets.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--recipient", "recipients", multiple=True, help="A public age key; else those of the fleet.")
def encrypt(file: Path, recipients: tuple[str, ...]) -> None:
    """Encrypt FILE in place, as sops does (one that ends with .age as age does).

    It is encrypted for the --recipient keys, else those of herdsman.yaml (secrets: age_recipients:), else of
    .sops.yaml. Comments are not kept. `sops edit FILE` changes it later.
    """
    recipients = recipients or _recipients(file)
    plain = file.read_bytes()
    if file.suffix == ".age":
        content = encrypt_age(plain, recipients)
    else:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            content = close_file(file.name, plain, recipients, at)
        except SecretUnavailable as error:
            raise UsageError(f"{file}: {error}") from None
    part = file.with_name(f".{file.name}.new")
    part.write_bytes(content)
    part.replace(file)
    kind = "age" if file.suffix == ".age" else kind_of(file.name)
    click.echo(f"{file} is encrypted ({kind}) for {', '.join(recipients)}")


def _recipients(file: Path) -> tuple[str, ...]:
    """Return for whom the fleet around a file encrypts. Raises UsageError."""
    root = fleet_around(file.resolve().parent)
    settings = root / "herdsman.yaml" if root else None
    if settings is not None and settings.exists():
        found, _ = parse_fleet(str(settings), settings.read_bytes())
        if found is not None and found.age_recipients:
            return found.age_recipients
    given = _of_sops(root / ".sops.yaml", file.resolve().relative_to(root.resolve())) if root else ()
    if not given:
        raise UsageError(
            f"for whom is {file} encrypted? Say --recipient age1..., or name them in herdsman.yaml: "
            "secrets: {age_recipients: [age1...]}"
        )
    return given


def _of_sops(rules: Path, file: Path) -> tuple[str, ...]:
    """Return the age recipients of the first rule in `.sops.yaml` that is for a file."""
    if not rules.exists():
        return ()
    document: Any = yaml.safe_load(rules.read_bytes()) or {}
    for rule in document.get("creation_rules") or ():
        if re.search(str(rule.get("path_regex") or ""), file.as_posix()):
            return tuple(one.strip() for one in str(rule.get("age") or "").split(",") if one.strip())
    return ()
