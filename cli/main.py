"""The entry point: the group of commands, loaded only when used, and how errors end the process.

Exit codes: 0 done, 1 the thing failed, 2 the command was used wrongly.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "up": "cli.up:up",
    "init": "cli.init:init",
    "new": "cli.new:new",
    "deploy": "cli.deploy:deploy",
    "promote": "cli.promote:promote",
    "validate": "cli.validate:validate",
    "plan": "cli.plan:plan",
    "sync": "cli.sync:sync",
    "status": "cli.status:status",
    "logs": "cli.logs:logs",
    "top": "cli.top:top",
    "events": "cli.events:events",
    "positions": "cli.positions:positions",
    "trades": "cli.trades:trades",
    "figures": "cli.figures:figures",
    "metrics": "cli.metrics:metrics",
    "rules": "cli.rules:rules",
    "compare": "cli.compare:compare",
    "alerts": "cli.alerts:alerts",
    "errors": "cli.errors:errors",
    "explain": "cli.errors:explain",
    "resolve": "cli.errors:resolve",
    "query": "cli.query:query",
    "build-log": "cli.build_log:build_log",
    "rollback": "cli.rollback:rollback",
    "unpin": "cli.rollback:unpin",
    "retry": "cli.rollback:retry",
    "suspend": "cli.operations:suspend",
    "resume": "cli.operations:resume",
    "suspensions": "cli.suspensions:suspensions",
    "kill": "cli.kill:kill",
    "release": "cli.kill:release",
    "restart": "cli.operations:restart",
    "refresh": "cli.refresh:refresh",
    "state": "cli.state:state",
    "secrets": "cli.secrets:secrets",
    "notify": "cli.notify:notify",
    "recover": "cli.operations:recover",
    "adopt": "cli.adopt:adopt",
    "backup": "cli.backup:backup",
    "restore": "cli.restore:restore",
    "doctor": "cli.doctor:doctor",
    "env": "cli.env:env",
    "controller": "cli.controller:controller",
    "web": "cli.web:web",
    "agent": "cli.agent:agent",
    "schema": "cli.schema:schema",
    "sign-in": "cli.sign_in:sign_in",
    "token": "cli.token:token",
    "completion": "cli.completion:completion",
    "git-credential": "cli.git_credential:git_credential",
}
"""Each command and where it lives: `--help` of one imports that one alone."""

SUMMARIES = {
    "up": "Run the whole service: git remote, controller, stores, dashboard.",
    "init": "Start a fleet repository, and connect it to the running service.",
    "new": "Write a program and its first bot to start from.",
    "deploy": "Bring a program's folder to a healthy bot in one command.",
    "promote": "Carry versions from one environment to another, as a commit.",
    "validate": "Check a fleet folder without a service.",
    "plan": "Show what a pass would change, now or with any branch, commit or folder.",
    "sync": "Reconcile now and show what changes.",
    "status": "Show the fleet, or one bot with its reasons.",
    "top": "Show what bots use against their limits, live, the hungriest first.",
    "logs": "Find log lines of bots, follow them live, or write them to a file.",
    "events": "Find what bots did: orders, fills, signals, alerts, restarts.",
    "positions": "Show open positions, of all bots or one.",
    "trades": "Show fills, of all bots or one, the newest last.",
    "figures": "Show P&L, exposure, drawdown and key figures by account, bot or program.",
    "metrics": "List a bot's series, or plot one.",
    "rules": "List log rules, which make metrics of log lines, or try them.",
    "compare": "Compare two revisions of a bot: series, errors, log lines, memory.",
    "alerts": "List what fires and why, its history; look after it, mute it.",
    "errors": "List what went wrong: each error once, new, ongoing, regressed or resolved.",
    "explain": "Explain an error: likely cause, what to do, its source lines, what came before it.",
    "resolve": "Say that an error is resolved.",
    "query": "Ask a bot's own query program; it changes nothing.",
    "build-log": "Show how a Rust or C++ program was built, or why not.",
    "rollback": "Hold a bot, or all, at an earlier revision.",
    "unpin": "Let a bot, or all, be what git says again.",
    "retry": "Apply once more an update that was taken back.",
    "suspend": "Stop a bot, or many at once, and keep them stopped, whatever git says.",
    "resume": "Let what was suspended run again as git says.",
    "suspensions": "List what keeps bots from running: suspensions and kill switches.",
    "kill": "The kill switch: end bots now, and keep them so until it is released.",
    "release": "Turn a kill switch off.",
    "restart": "End a bot's process and start it again, unchanged.",
    "refresh": "Apply what an upgrade of herdsman changed, one bot after another.",
    "state": "List, read, change and restore a bot's saved state.",
    "secrets": "List, check and encrypt a fleet's secrets; values are never shown.",
    "notify": "List who is told of problems, and send a test message.",
    "recover": "Take over the fleet's jobs after the database was lost.",
    "adopt": "Have a bot take the place of a job that herdsman did not start.",
    "backup": "Write everything that a data folder keeps to one file, also while herdsman runs.",
    "restore": "Make a data folder from a backup, checked first, whole or not at all.",
    "doctor": "Say what is missing on this machine, and how to get it.",
    "env": "Work with services by name: add, use, list, current, remove.",
    "controller": "Run a controller of several: one leads, the others stand by.",
    "web": "Run API, dashboard and intake beside controllers.",
    "agent": "Carry a node's bot output to the service (one per node).",
    "schema": "Print a JSON Schema for editors: program, bot, fleet, rules, sources or trust.",
    "sign-in": "Print a one-time link that signs a browser in.",
    "token": "List, create and revoke access tokens.",
    "completion": "Print the completion script for bash, zsh or fish.",
    "git-credential": "Answer git with the token of the running service.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a first day's work."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, name = where.split(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete the commands' names without importing them."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=summary)
            for name, summary in SUMMARIES.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


def print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """Print the version and end."""
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"herdsman {version('herdsman')}")
        ctx.exit()


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version, help="Print it."
)
def herdsman() -> None:
    """Run trading bots from a git repository: push a config, watch it run, live."""


def report(error: BaseException) -> int:
    """Print an error for a person and return the exit code."""
    from schemas.errors import HerdsmanError, InvalidManifests, UsageError

    if isinstance(error, InvalidManifests):
        from schemas.report import render_errors

        click.echo(render_errors(error.errors), err=True, nl=False)
        return 1
    if isinstance(error, HerdsmanError):
        click.echo(f"error: {error}", err=True)
        return 2 if isinstance(error, UsageError) else 1
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        click.echo(f"error: {error.strerror or error}{place}", err=True)
        return 1
    raise error


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line and exit; a stack trace is only ever a defect of ours."""
    try:
        code = herdsman.main(args=arguments, prog_name="herdsman", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader (a pager, head) left: what it wanted was printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001
        sys.exit(report(error))
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
