"""`herdsman new PROGRAM`: a program and its first bot in the fleet around the current folder."""

from pathlib import Path

import click

from cli.fleet_folder import fleet_around
from cli.scaffold import program_files, runtimes, write_missing
from schemas.errors import InvalidManifests, UsageError


@click.command()
@click.argument("program")
@click.option(
    "--runtime",
    default="python3.11",
    show_default=True,
    help="The language to start with (see `schema program`).",
)
@click.option(
    "--type",
    "kind",
    type=click.Choice(["realtime", "scheduled"]),
    default="realtime",
    show_default=True,
    help="Runs for ever, or once at each slot of a schedule.",
)
def new(program: str, runtime: str, kind: str) -> None:
    """Write programs/PROGRAM and bots/PROGRAM.yaml to start from; nothing that is there is overwritten."""
    if runtime not in runtimes():
        raise UsageError(f"no template for the runtime {runtime}: there are {', '.join(runtimes())}")
    root = fleet_around(Path.cwd())
    if root is None:
        raise UsageError("no fleet around this folder: start one with `herdsman init`, then go into it")
    wanted = program_files(program, runtime, kind)
    refuse_name(program, wanted)
    refuse_overwriting(root, program)
    written = write_missing(root, wanted)
    keep_if_sound(root, program, written)
    for path in written:
        click.echo(f"wrote      {path}")
    go = f"cd {root} && " if root != Path.cwd() else ""
    click.echo(f"next       {go}herdsman deploy programs/{program}")


def refuse_name(program: str, wanted: dict[str, str]) -> None:
    """Refuse a name that the contract does not take. Raises UsageError with the contract's own words."""
    from schemas.instance import parse_instance
    from schemas.program import parse_program

    manifest = wanted[f"programs/{program}/bot-config.yaml"].encode()
    errors = parse_program("bot-config.yaml", manifest)[1]
    errors += parse_instance("bot.yaml", wanted[f"bots/{program}.yaml"].encode())[1]
    reasons = [error.message for error in errors if error.pointer == "/name"] or [
        error.message for error in errors
    ]
    if reasons:
        raise UsageError(f'"{program}" cannot be a program\'s name: {reasons[0]}')


def refuse_overwriting(root: Path, program: str) -> None:
    """Refuse a name that is taken in this fleet."""
    for path in (root / "programs" / program, root / "bots" / f"{program}.yaml"):
        if path.exists():
            raise UsageError(f"{path.relative_to(root)} is there already: choose another name, or edit it")


def keep_if_sound(root: Path, program: str, written: list[str]) -> None:
    """Check what was written within its fleet; where it is wrong there, take it back and say why."""
    from gitops.states import state_of_folder

    wrong = tuple(
        error
        for error in state_of_folder(root).errors
        if not error.warning and (error.file in written or program in error.bots)
    )
    if not wrong:
        return
    for path in written:
        (root / path).unlink()
    folder = root / "programs" / program
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    raise InvalidManifests(wrong)
