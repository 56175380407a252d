"""``permission``: create, change, show, list and delete permission targets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import click

from registry.access.defaults import make_defaults
from registry.access.permission_forms import to_v2
from registry.access.permission_targets import WORDS, Allowed, PermissionTarget, Section
from registry.cli.common import (
    Faces,
    journaled,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.errors import PermissionInvalid


@click.group()
def permission() -> None:
    """Create, change, show, list and delete permission targets.

    From the first one on they decide who may do what; before, every user may do everything with
    images.
    """


@permission.command("set")
@click.argument("name")
@click.option(
    "--repo",
    multiple=True,
    metavar="KEY",
    help="A repository, ANY, 'ANY LOCAL' or 'ANY REMOTE'; repeatable.",
)
@click.option(
    "--include", multiple=True, metavar="PATTERN", help="Ant pattern over paths; repeatable. [**]"
)
@click.option("--exclude", multiple=True, metavar="PATTERN", help="The same for what is left out.")
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="NAME=ACTION,...",
    help=f"What a user may do: {', '.join(WORDS[:5])}; nothing: NAME=. Repeatable.",
)
@click.option(
    "--group", "groups", multiple=True, metavar="NAME=ACTION,...", help="The same for a group."
)
@storage_option
@click.pass_obj
@says_why
@journaled
def set_target(
    faces: Faces,
    name: str,
    repo: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    users: tuple[str, ...],
    groups: tuple[str, ...],
    config_file: str | None,
    storage: str | None,
) -> None:
    """Create the permission target NAME, or change what is given of it.

    Repositories and patterns that are given replace those that were there. Running servers follow
    at once.
    """
    targets = open_instance(faces, config_file, storage).permission_targets
    before = targets.find(name)
    old = Section() if before is None else before.repo
    section = Section(
        repo or old.repositories,
        include or old.includes,
        exclude or old.excludes,
        _changed(old.users, users),
        _changed(old.groups, groups),
    )
    made = before or PermissionTarget(name, {})
    targets.replace(replace(made, sections={**made.sections, "repo": section}))
    click.echo(f"{'Created' if before is None else 'Changed'} the permission target '{name}'.")


def _changed(before: Allowed, texts: Iterable[str]) -> Allowed:
    found = dict(before)
    for text in texts:
        name, separator, given = text.partition("=")
        words = {word.strip() for word in given.split(",") if word.strip()}
        if not separator or words - set(WORDS):
            raise PermissionInvalid(f"'{text[:80]}' is not NAME=ACTION,... of {', '.join(WORDS)}")
        if words:
            found[name] = tuple(word for word in WORDS if word in words)
        else:
            found.pop(name, None)
    return found


@permission.command("list")
@json_option
@storage_option
@click.pass_obj
@says_why
def list_targets(faces: Faces, as_json: bool, config_file: str | None, storage: str | None) -> None:
    """List the permission targets."""
    targets = open_instance(faces, config_file, storage).permission_targets
    if as_json:
        print_json([to_v2(target) for target in targets.all()])
        return
    for target in targets.all():
        section = target.repo
        who = [*section.users, *(f"{name} (group)" for name in section.groups)]
        click.echo(f"{target.name}\t{', '.join(section.repositories) or '-'}\t{', '.join(who)}")
    if not targets.in_force():
        click.echo("There are none yet: every user may do everything with images.", err=True)


@permission.command()
@click.argument("name")
@json_option
@storage_option
@click.pass_obj
@says_why
def show(
    faces: Faces, name: str, as_json: bool, config_file: str | None, storage: str | None
) -> None:
    """Show the permission target NAME."""
    target = open_instance(faces, config_file, storage).permission_targets.get(name)
    if as_json:
        print_json(to_v2(target))
        return
    section = target.repo
    click.echo(f"repositories = {', '.join(section.repositories)}")
    click.echo(f"includes = {', '.join(section.includes)}")
    click.echo(f"excludes = {', '.join(section.excludes)}")
    for kind, allowed in (("user", section.users), ("group", section.groups)):
        for who, words in allowed.items():
            click.echo(f"{kind} {who} = {','.join(words)}")


@permission.command()
@click.argument("name")
@storage_option
@click.pass_obj
@says_why
@journaled
def delete(faces: Faces, name: str, config_file: str | None, storage: str | None) -> None:
    """Delete the permission target NAME.

    After the last one nobody but admins may do anything.
    """
    open_instance(faces, config_file, storage).permission_targets.remove(name)
    click.echo(f"Deleted the permission target '{name}'.")


@permission.command()
@storage_option
@click.pass_obj
@says_why
@journaled
def defaults(faces: Faces, config_file: str | None, storage: str | None) -> None:
    """Make what Artifactory starts with, and let permission targets decide from now on.

    That is the group 'readers', which new users join, and the targets 'Anything' and 'Any Remote',
    by which it may read. Users who are there already join no group by that.
    """
    instance = open_instance(faces, config_file, storage)
    made = make_defaults(instance.groups, instance.permission_targets)
    click.echo(f"Made {', '.join(made)}." if made else "All of it is there.")
