"""`herdsman schema NAME`: a JSON Schema, so that editors complete and check the YAML."""

import click

from schemas.catalog import NAMES, schema_text


@click.command()
@click.argument("name", type=click.Choice(sorted(NAMES)))
def schema(name: str) -> None:
    """Print the JSON Schema (draft 2020-12) of a document: program, bot, fleet, sources or trust."""
    click.echo(schema_text(name), nl=False)
