"""``user``: add, change, list, remove users, set their passwords."""

from __future__ import annotations

import sys

import click

from registry.access.user_documents import User, UserFields
from registry.cli.common import (
    Faces,
    journaled,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.errors import UserInvalid
from registry.services.instance import Instance


@click.group()
def user() -> None:
    """Add, change, list and remove users; set their passwords."""


def _password(from_stdin: bool) -> str:
    """Return the password from standard input, or ask for it twice on a terminal."""
    if from_stdin:
        try:
            return sys.stdin.buffer.readline().decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise UserInvalid("the password on standard input is not UTF-8") from None
    if not sys.stdin.isatty():
        raise UserInvalid("there is no terminal to ask for the password; use --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


_group_option = click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="A group to be in; repeatable."
)
_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@user.command()
@click.argument("name")
@_password_option
@click.option("--admin", is_flag=True, help="May do everything.")
@click.option("--email", help="The user's e-mail address.")
@_group_option
@storage_option
@click.pass_obj
@says_why
@journaled
def add(
    faces: Faces,
    name: str,
    password_stdin: bool,
    admin: bool,
    email: str | None,
    groups: tuple[str, ...],
    config_file: str | None,
    storage: str | None,
) -> None:
    """Add the user NAME.

    Without --group the user joins the groups that new users join.
    """
    instance = open_instance(faces, config_file, storage)
    fields = UserFields(_password(password_stdin), email, admin, groups or None)
    instance.users.create(name, fields)
    click.echo(f"Added the {'admin' if admin else 'user'} '{name}'.")


@user.command("list")
@json_option
@storage_option
@click.pass_obj
@says_why
def list_users(faces: Faces, as_json: bool, config_file: str | None, storage: str | None) -> None:
    """List the users."""
    instance = open_instance(faces, config_file, storage)
    users = instance.users.all()
    if as_json:
        print_json([_document(instance, found) for found in users])
        return
    for found in users:
        kind = f"{'admin' if found.admin else 'user'}{' (disabled)' if found.disabled else ''}"
        groups = ", ".join(found.groups)
        click.echo(f"{found.name}\t{kind}\t{found.created}\t{groups}".rstrip())


def _document(instance: Instance, found: User) -> dict[str, object]:
    return {
        "name": found.name,
        "admin": found.admin,
        "created": found.created,
        "email": found.email,
        "groups": list(found.groups),
        "disabled": found.disabled,
        "profileUpdatable": found.profile_updatable,
        "disableUIAccess": found.disable_ui_access,
        "internalPasswordDisabled": found.internal_password_disabled,
        "lastLoggedIn": instance.users.logins.last(found.name),
    }


@user.command("set")
@click.argument("name")
@click.option("--email", help="The user's e-mail address.")
@click.option("--admin/--no-admin", default=None, help="May do everything.")
@click.option("--disabled/--enabled", default=None, help="All credentials are refused.")
@click.option("--profile/--no-profile", default=None, help="May change the own password.")
@click.option("--password/--no-password", default=None, help="Whether the password is taken.")
@_group_option
@click.option("--no-groups", is_flag=True, help="Leave all groups.")
@storage_option
@click.pass_obj
@says_why
@journaled
def set_fields(
    faces: Faces,
    name: str,
    email: str | None,
    admin: bool | None,
    disabled: bool | None,
    profile: bool | None,
    password: bool | None,
    groups: tuple[str, ...],
    no_groups: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Change the user NAME; running servers follow at once.

    The groups that are given replace those that the user was in.
    """
    fields = UserFields(
        email=email,
        admin=admin,
        disabled=disabled,
        profile_updatable=profile,
        internal_password_disabled=None if password is None else not password,
        groups=() if no_groups else groups or None,
    )
    open_instance(faces, config_file, storage).users.change(name, fields)
    click.echo(f"Changed the user '{name}'.")


@user.command()
@click.argument("name")
@storage_option
@click.pass_obj
@says_why
@journaled
def remove(faces: Faces, name: str, config_file: str | None, storage: str | None) -> None:
    """Remove the user NAME, also from permission targets; its tokens end with it."""
    open_instance(faces, config_file, storage).users.remove(name)
    click.echo(f"Removed the user '{name}'.")


@user.command("set-password")
@click.argument("name")
@_password_option
@storage_option
@click.pass_obj
@says_why
@journaled
def set_password(
    faces: Faces, name: str, password_stdin: bool, config_file: str | None, storage: str | None
) -> None:
    """Change the password of the user NAME; tokens issued before are no longer good."""
    instance = open_instance(faces, config_file, storage)
    instance.users.get(name)
    instance.users.set_password(name, _password(password_stdin))
    click.echo(f"Changed the password of '{name}'.")
