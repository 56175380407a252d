"""``user``: add, list, remove users, set their passwords."""

from __future__ import annotations

import sys

import click

from registry.cli.common import (
    Faces,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.errors import UserInvalid


@click.group()
def user() -> None:
    """Add, list and remove users; set their passwords."""


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


_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@user.command()
@click.argument("name")
@_password_option
@click.option("--admin", is_flag=True, help="May do everything.")
@storage_option
@click.pass_obj
@says_why
def add(
    faces: Faces,
    name: str,
    password_stdin: bool,
    admin: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Add the user NAME."""
    instance = open_instance(faces, config_file, storage)
    instance.users.add(name, _password(password_stdin), admin=admin)
    click.echo(f"Added the {'admin' if admin else 'user'} '{name}'.")


@user.command("list")
@json_option
@storage_option
@click.pass_obj
@says_why
def list_users(faces: Faces, as_json: bool, config_file: str | None, storage: str | None) -> None:
    """List the users."""
    users = open_instance(faces, config_file, storage).users.all()
    if as_json:
        print_json([{"name": u.name, "admin": u.admin, "created": u.created} for u in users])
        return
    for found in users:
        click.echo(f"{found.name}\t{'admin' if found.admin else 'user'}\t{found.created}")


@user.command()
@click.argument("name")
@storage_option
@click.pass_obj
@says_why
def remove(faces: Faces, name: str, config_file: str | None, storage: str | None) -> None:
    """Remove the user NAME; its tokens end with it."""
    open_instance(faces, config_file, storage).users.remove(name)
    click.echo(f"Removed the user '{name}'.")


@user.command("set-password")
@click.argument("name")
@_password_option
@storage_option
@click.pass_obj
@says_why
def set_password(
    faces: Faces, name: str, password_stdin: bool, config_file: str | None, storage: str | None
) -> None:
    """Change the password of the user NAME; tokens issued before are no longer good."""
    instance = open_instance(faces, config_file, storage)
    instance.users.get(name)
    instance.users.set_password(name, _password(password_stdin))
    click.echo(f"Changed the password of '{name}'.")
