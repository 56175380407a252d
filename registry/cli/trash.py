"""``trash``: what was deleted: list it, bring it back, let it go."""

from __future__ import annotations

import datetime

import click

from registry.cli.common import (
    ACTOR,
    Faces,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.targets import Target, parse_target
from registry.storage.deletions import Deletion
from registry.storage.journal import timestamp


@click.group()
def trash() -> None:
    """List, restore or remove for good what was deleted."""


@trash.command("list")
@click.argument("name", required=False, metavar="[KEY[/IMAGE[:TAG]]]")
@json_option
@storage_option
@click.pass_obj
@says_why
def list_trash(
    faces: Faces, name: str | None, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """List what is in the trash, oldest first."""
    instance = open_instance(faces, config_file, storage)
    entries = instance.trashcan.entries(parse_target(name) if name else None)
    kept = instance.config.trash_lifetime
    if as_json:
        print_json([_document(entry, kept) for entry in entries])
        return
    for entry in entries:
        digest = f"  {entry.digest}" if entry.digest else ""
        click.echo(f"{entry.time}  {_name(entry)}{digest}  by {entry.principal}")


def _name(entry: Deletion) -> Target:
    return Target(entry.repository, entry.image, entry.reference)


def _document(entry: Deletion, kept: int) -> dict[str, object]:
    deleted = datetime.datetime.fromisoformat(entry.time)
    return {
        "id": entry.id,
        "name": str(_name(entry)),
        "repository": entry.repository,
        "image": entry.image,
        "reference": entry.reference,
        "digest": entry.digest,
        "deleted": entry.time,
        "deletedBy": entry.principal,
        "expires": timestamp(deleted + datetime.timedelta(seconds=kept)),
    }


@trash.command()
@click.argument("name", metavar="KEY[/IMAGE[:TAG|@DIGEST]]")
@click.option("--overwrite", is_flag=True, help="Replace what has the tag now.")
@storage_option
@click.pass_obj
@says_why
def restore(
    faces: Faces, name: str, overwrite: bool, config_file: str | None, storage: str | None
) -> None:
    """Bring back what was deleted last under a name.

    A restored tag can be pulled at once. An image comes back with all that was deleted of it at
    that time, a repository with all its images.
    """
    instance = open_instance(faces, config_file, storage)
    for entry in instance.trashcan.restore(parse_target(name), ACTOR, overwrite=overwrite):
        click.echo(f"Restored {_name(entry)}.")


@trash.command()
@click.argument("name", required=False, metavar="[KEY[/IMAGE[:TAG]]]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@storage_option
@click.pass_obj
@says_why
def empty(
    faces: Faces, name: str | None, yes: bool, config_file: str | None, storage: str | None
) -> None:
    """Remove everything, or what is named, from the trash for good; pruning frees the space."""
    instance = open_instance(faces, config_file, storage)
    target = parse_target(name) if name else None
    number = len(instance.trashcan.entries(target))
    if number and not yes:
        click.confirm(f"Remove {_entries(number)} for good?", abort=True)
    click.echo(f"Removed {_entries(instance.trashcan.empty(target))}.")


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
