"""`herdsman up`: the whole service in one process."""

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from cli.known_service import default_data


@click.command()
@click.option(
    "--data", envvar="HERDSMAN_DATA", type=click.Path(path_type=Path), help="Where everything is kept."
)
@click.option(
    "--listen", default="127.0.0.1:8420", show_default=True, help="HOST:PORT to answer on; port 0: any."
)
@click.option(
    "--fleet", default="fleet", show_default=True, help="The fleet's name, at the very first start."
)
@click.option(
    "--adopt-fleet", default="", metavar="ID", help="Be the fleet of an earlier installation that was lost."
)
@click.option(
    "--source",
    default="",
    help="Follow this git URL, or watch this folder, instead of serving our own git remote.",
)
@click.option(
    "--sources", type=click.Path(path_type=Path), help="Follow the several sources that this file declares."
)
@click.option(
    "--webhook-secret-file", type=click.Path(path_type=Path), help="Secret of the source's webhook (0600)."
)
@click.option("--branch", default="", help="The branch that is deployed (own remote: main).")
@click.option("--tag", default="", help="Follow this tag of the source, or the last that matches a pattern.")
@click.option("--semver", default="", help="Follow the source's highest version in a range: '>=1.2 <2'.")
@click.option("--commit", default="", help="Stay at this commit of the source.")
@click.option("--accept-moved-tags", is_flag=True, help="Follow tags that were moved, and back when deleted.")
@click.option("--subfolder", default="", help="The fleet's folder in the repository.")
@click.option(
    "--environment", multiple=True, help="Run the bots of this environment alone; several times for more."
)
@click.option("--source-token-file", type=click.Path(path_type=Path), help="A file with the source's token.")
@click.option(
    "--source-ca-file", type=click.Path(path_type=Path), help="Certificates to trust for the source."
)
@click.option(
    "--source-known-hosts", type=click.Path(path_type=Path), help="known_hosts with the ssh source's key."
)
@click.option(
    "--source-key-file", type=click.Path(path_type=Path), help="Private key for the ssh source (0600)."
)
@click.option(
    "--forge",
    type=click.Choice(["github", "gitlab", "gitea"]),
    help="Whose API the source's forge speaks, where its host does not tell (Forgejo: gitea).",
)
@click.option(
    "--status-token-file",
    type=click.Path(path_type=Path),
    help="Token (0600) by which each revision's status is written on its commit.",
)
@click.option("--github-app", metavar="ID", default="", help="Read the source as this GitHub App.")
@click.option(
    "--github-app-installation", metavar="NUMBER", type=int, default=0, help="The App's installation."
)
@click.option(
    "--github-app-key-file", type=click.Path(path_type=Path), help="The App's private key (PEM, 0600)."
)
@click.option(
    "--trust-policy",
    type=click.Path(path_type=Path),
    help="Whose signed commits are deployed, and who may change what: a file (docs/trust.md).",
)
@click.option(
    "--poll-interval", default=30.0, show_default=True, help="Seconds between two looks at the source."
)
@click.option("--seed", type=click.Path(path_type=Path), help="A folder to begin an empty git remote with.")
@click.option(
    "--scheduler",
    type=click.Choice(["local", "nomad"]),
    default="local",
    show_default=True,
    help="Where bots run.",
)
@click.option(
    "--nomad-address", default="", help="Nomad's address (else NOMAD_ADDR); its token is NOMAD_TOKEN."
)
@click.option(
    "--nomad-driver",
    type=click.Choice(["raw_exec", "exec"]),
    default="raw_exec",
    show_default=True,
    help="Nomad's task driver.",
)
@click.option("--advertise-url", default="", help="How Nomad's nodes reach this service.")
@click.option("--victoriametrics", default="", help="Keep series in the VictoriaMetrics at this URL.")
@click.option(
    "--keep",
    multiple=True,
    envvar="HERDSMAN_KEEP",
    metavar="NAME=HOW",
    help="How long something is kept, such as events=30d or size=8GiB (docs/retention.md); repeatable.",
)
@click.option(
    "--state-store",
    envvar="HERDSMAN_STATE_STORE",
    default="",
    help="Keep bots' saved states in this folder or s3://BUCKET/PREFIX (else in the data folder).",
)
@click.option(
    "--age-identity-file",
    "age_identity_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="age identities that open the fleet's encrypted secrets (0600); several while keys are exchanged.",
)
@click.option(
    "--secrets-interval",
    default=60.0,
    show_default=True,
    help="Seconds between two looks at secrets outside git whose change restarts their bots.",
)
@click.option("--python", default="", help="Python version of bots, such as 3.11 (else the oldest here).")
@click.option(
    "--build-timeout",
    default=900.0,
    show_default=True,
    help="Seconds that the build of a compiled program may take.",
)
@click.option(
    "--build-memory",
    default=4096,
    show_default=True,
    help="MiB of memory that all processes of a build may take together.",
)
@click.option(
    "--build-jobs",
    type=int,
    default=lambda: max(1, (os.cpu_count() or 2) // 2),
    show_default="half the cores",
    help="Processes of a build that compile at once.",
)
@click.option(
    "--notify-file",
    type=click.Path(path_type=Path),
    help="Tell people of problems: a file (0600) of destinations (docs/notifications.md).",
)
@click.option(
    "--explain-url",
    default="",
    help="Let a language model explain errors where asked: an OpenAI-compatible endpoint (docs/errors.md).",
)
@click.option("--explain-model", default="", help="The model's name there.")
@click.option("--explain-key-file", type=click.Path(path_type=Path), help="A file with the endpoint's key.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key (PEM).")
@click.option(
    "--insecure", is_flag=True, help="Listen beyond this machine without TLS: tokens travel in clear."
)
@click.option("--allowed-host", multiple=True, help="A further name that the service is reached by.")
@click.option(
    "--no-sign-in-link",
    "sign_in_link",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Print no sign-in link: where others read this output, it would let them in.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def up(data: Path | None, verbose: bool, **given: Any) -> None:
    """Run the whole service: git remote, controller, stores, API and dashboard.

    With the local scheduler bots are its children: they end with it, and start again with it. Everything is
    kept in the data folder (else ~/.local/share/herdsman).
    """
    from cli.service.life import configure_logging, live
    from cli.service.options import parse_options

    configure_logging(verbose)
    asyncio.run(live(parse_options(data=data or default_data(), **given)))
