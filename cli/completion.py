"""`herdsman completion SHELL`: the script that makes a shell complete commands, options and bot names."""

import click

SHELLS = ("bash", "fish", "zsh")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of SHELL. It knows commands, options, and the bots of the running service.

    \b
    bash  eval "$(herdsman completion bash)"   in ~/.bashrc
    zsh   eval "$(herdsman completion zsh)"    in ~/.zshrc, after compinit
    fish  herdsman completion fish > ~/.config/fish/completions/herdsman.fish
    """  # noqa: D301  click wants the character itself
    from click.shell_completion import get_completion_class

    from cli.main import herdsman

    script = get_completion_class(shell)
    assert script is not None, "click knows each of the shells in the choice"
    click.echo(script(herdsman, {}, "herdsman", "_HERDSMAN_COMPLETE").source())
