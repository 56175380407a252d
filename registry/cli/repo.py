"""``repo``: create, change, list and remove repositories."""

from __future__ import annotations

import json

import click

from registry.access.principals import Principal
from registry.cli.common import (
    ACTOR,
    Faces,
    journaled,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.cli.upstreams import upstreams
from registry.model.names import RepositoryKey
from registry.model.repository_fields import FIELDS, FIELDS_OF, KEPT, KINDS, LOCAL
from registry.model.repository_values import parse_field
from registry.services.resolving import resolve as resolved


@click.group()
def repo() -> None:
    """Create, change, list and remove repositories."""


@repo.command()
@click.argument("key")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE...]")
@click.option(
    "--class", "--type", "kind", type=click.Choice(KINDS), default=LOCAL, show_default=True,
    help="What the repository is.",
)  # fmt: skip
@storage_option
@click.pass_obj
@says_why
@journaled
def create(
    faces: Faces,
    key: str,
    fields: tuple[str, ...],
    kind: str,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Create the repository KEY."""
    instance = open_instance(faces, config_file, storage)
    parsed = dict(parse_field(text, kind) for text in fields)
    instance.definitions.create(RepositoryKey.parse_new(key), kind, parsed)
    click.echo(f"Created the {kind} repository '{key}'.")


@repo.command("set")
@click.argument("key")
@click.argument("fields", nargs=-1, required=True, metavar="FIELD=VALUE...")
@storage_option
@click.pass_obj
@says_why
@journaled
def set_fields(
    faces: Faces,
    key: str,
    fields: tuple[str, ...],
    config_file: str | None,
    storage: str | None,
) -> None:
    """Change fields of the repository KEY; running servers follow at once."""
    instance = open_instance(faces, config_file, storage)
    definition = instance.definitions.get(RepositoryKey.parse(key))
    parsed = dict(parse_field(text, definition.rclass) for text in fields)
    instance.definitions.update(definition.key, parsed)
    click.echo(f"Changed {', '.join(parsed)} of '{key}'.")


def _explained(kind: str) -> str:
    """Return the fields with an effect that a kind has, and the kinds before it have not."""
    before = [FIELDS_OF[each] for each in KINDS[: KINDS.index(kind)]]
    lines = [
        f"{name}: {FIELDS[name].description}"
        for name in FIELDS_OF[kind]
        if FIELDS[name].description != KEPT and not any(name in fields for fields in before)
    ]
    return f"Fields of {kind} repositories:\n\n\b\n" + "\n".join(lines)


repo.add_command(upstreams)

set_fields.help = "\n\n".join(
    [
        set_fields.help or "",
        "A list has commas between its values. 'repo show' tells all fields of a repository; those "
        "that are missing here are kept for clients of Artifactory.",
        *map(_explained, KINDS),
    ]
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
        click.echo(f"{name} = {_spelled(value)}")


def _spelled(value: object) -> str:
    """Return a value as `set` takes it."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


@repo.command()
@click.argument("key")
@storage_option
@click.pass_obj
@says_why
@journaled
def remove(faces: Faces, key: str, config_file: str | None, storage: str | None) -> None:
    """Remove the repository KEY, which must be empty."""
    open_instance(faces, config_file, storage).definitions.remove(RepositoryKey.parse(key))
    click.echo(f"Removed the repository '{key}'.")


@repo.command()
@click.argument("path", metavar="KEY/IMAGE:TAG")
@json_option
@storage_option
@click.pass_obj
@says_why
def resolve(
    faces: Faces, path: str, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """Say which member of a virtual repository answers for an image, and why.

    It is looked for as a pull does it, so upstream registries are asked. KEY/IMAGE@DIGEST is
    taken, too.
    """
    instance = open_instance(faces, config_file, storage)
    admin = Principal(ACTOR.name, admin=True)
    found = resolved(instance.directory.as_seen_by(admin, ACTOR.address), path)
    if as_json:
        print_json(found.document())
        return
    winner = found.resolution.winner
    if winner is None:
        click.echo(f"Nobody answers for {found.target}.")
    else:
        click.echo(f"'{winner.key}' answers for {found.target} with {found.digest}.")
    for look in found.resolution.looks:
        mark = "*" if look is winner else "-"
        reason = f": {look.reason}" if look.reason else ""
        click.echo(f"  {mark} {look.key} ({look.kind}) {look.outcome}{reason}")
