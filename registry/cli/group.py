"""``group``: create, change, list and delete groups."""

from __future__ import annotations

import click

from registry.access.groups import Group, GroupFields
from registry.cli.common import (
    Command,
    Faces,
    journaled,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.services.instance import Instance


@click.group()
def group() -> None:
    """Create, change, list and delete groups."""


def _field_options(command: Command) -> Command:
    """Add the options for what is kept of a group."""
    for option in (
        click.option("--description", help="What the group is for."),
        click.option("--auto-join/--no-auto-join", default=None, help="New users join it."),
        click.option("--admin/--no-admin", default=None, help="Its members may do everything."),
        click.option("--external-id", help="What it is called elsewhere."),
    ):
        command = option(command)
    return command


def _fields(
    description: str | None, auto_join: bool | None, admin: bool | None, external_id: str | None
) -> GroupFields:
    return GroupFields(
        description=description,
        auto_join=auto_join,
        admin_privileges=admin,
        external_id=external_id,
    )


@group.command()
@click.argument("name")
@_field_options
@storage_option
@click.pass_obj
@says_why
@journaled
def create(
    faces: Faces,
    name: str,
    description: str | None,
    auto_join: bool | None,
    admin: bool | None,
    external_id: str | None,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Create the group NAME."""
    instance = open_instance(faces, config_file, storage)
    instance.groups.create(name, _fields(description, auto_join, admin, external_id))
    click.echo(f"Created the group '{name}'.")


@group.command("set")
@click.argument("name")
@_field_options
@click.option("--add", multiple=True, metavar="USER", help="Let a user join; repeatable.")
@click.option("--remove", multiple=True, metavar="USER", help="Let a user leave; repeatable.")
@storage_option
@click.pass_obj
@says_why
@journaled
def set_fields(
    faces: Faces,
    name: str,
    description: str | None,
    auto_join: bool | None,
    admin: bool | None,
    external_id: str | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    config_file: str | None,
    storage: str | None,
) -> None:
    """Change the group NAME and its members; running servers follow at once."""
    instance = open_instance(faces, config_file, storage)
    instance.groups.change(name, _fields(description, auto_join, admin, external_id))
    members = instance.users.change_members(name, add, remove)
    click.echo(f"Changed the group '{name}'; its members: {', '.join(members) or 'none'}.")


@group.command("list")
@json_option
@storage_option
@click.pass_obj
@says_why
def list_groups(faces: Faces, as_json: bool, config_file: str | None, storage: str | None) -> None:
    """List the groups with their members."""
    instance = open_instance(faces, config_file, storage)
    documents = [_document(instance, found) for found in instance.groups.all()]
    if as_json:
        print_json(documents)
        return
    for document in documents:
        marks = [key for key in ("autoJoin", "adminPrivileges") if document[key]]
        members = document["members"]
        shown = ", ".join(members) if isinstance(members, list) else ""
        click.echo(f"{document['name']}\t{', '.join(marks) or '-'}\t{shown}".rstrip())


def _document(instance: Instance, found: Group) -> dict[str, object]:
    return {
        "name": found.name,
        "description": found.description,
        "autoJoin": found.auto_join,
        "adminPrivileges": found.admin_privileges,
        "realm": found.realm,
        "externalId": found.external_id,
        "members": instance.users.members(found.name),
    }


@group.command()
@click.argument("name")
@storage_option
@click.pass_obj
@says_why
@journaled
def delete(faces: Faces, name: str, config_file: str | None, storage: str | None) -> None:
    """Delete the group NAME, also from its members and from permission targets."""
    open_instance(faces, config_file, storage).groups.remove(name)
    click.echo(f"Deleted the group '{name}'.")
