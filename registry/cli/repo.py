"""``repo``: create, change, list and remove repositories."""

from __future__ import annotations

import click

from registry.cli.common import (
    Faces,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.names import RepositoryKey
from registry.repositories.definitions import FIELDS, parse_field


@click.group()
def repo() -> None:
    """Create, change, list and remove repositories."""


@repo.command()
@click.argument("key")
@click.option("--type", "kind", type=click.Choice(["local"]), default="local", show_default=True)
@storage_option
@click.pass_obj
@says_why
def create(faces: Faces, key: str, kind: str, config_file: str | None, storage: str | None) -> None:
    """Create the repository KEY."""
    instance = open_instance(faces, config_file, storage)
    instance.definitions.create(RepositoryKey.parse(key), kind, {})
    click.echo(f"Created the {kind} repository '{key}'.")


@repo.command("set")
@click.argument("key")
@click.argument("fields", nargs=-1, required=True, metavar="FIELD=VALUE...")
@storage_option
@click.pass_obj
@says_why
def set_fields(
    faces: Faces,
    key: str,
    fields: tuple[str, ...],
    config_file: str | None,
    storage: str | None,
) -> None:
    """Change fields of the repository KEY; running servers follow at once."""
    instance = open_instance(faces, config_file, storage)
    parsed = dict(parse_field(text) for text in fields)
    instance.definitions.update(RepositoryKey.parse(key), parsed)
    click.echo(f"Changed {', '.join(parsed)} of '{key}'.")


set_fields.help = (
    (set_fields.help or "")
    + "\n\nFields:\n\n\b\n"
    + "\n".join(f"{name}: {field.description}" for name, field in FIELDS.items())
)


@repo.command("list")
@json_option
@storage_option
@click.pass_obj
@says_why
def list_repositories(
    faces: Faces, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """List the repositories."""
    definitions = open_instance(faces, config_file, storage).definitions.all()
    if as_json:
        print_json([definition.document() for definition in definitions])
        return
    for definition in definitions:
        click.echo(
            f"{definition.key}\t{definition.rclass}\t{definition.fields['description']}".rstrip()
        )


@repo.command()
@click.argument("key")
@json_option
@storage_option
@click.pass_obj
@says_why
def show(
    faces: Faces, key: str, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """Show the fields of the repository KEY."""
    instance = open_instance(faces, config_file, storage)
    document = instance.definitions.get(RepositoryKey.parse(key)).document()
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        click.echo(f"{name} = {str(value).lower() if isinstance(value, bool) else value}")


@repo.command()
@click.argument("key")
@storage_option
@click.pass_obj
@says_why
def remove(faces: Faces, key: str, config_file: str | None, storage: str | None) -> None:
    """Remove the repository KEY, which must be empty."""
    open_instance(faces, config_file, storage).definitions.remove(RepositoryKey.parse(key))
    click.echo(f"Removed the repository '{key}'.")
