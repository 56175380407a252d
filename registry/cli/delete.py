"""``delete``: delete a tag, an image or a repository, to the trash."""

from __future__ import annotations

import click

from registry.cli.common import ACTOR, Faces, open_instance, says_why, span, storage_option
from registry.model.digests import Digest
from registry.model.names import Tag
from registry.model.targets import Target, parse_target
from registry.services.instance import Instance


@click.command()
@click.argument("name", metavar="KEY[/IMAGE[:TAG|@DIGEST]]")
@click.option("--yes", is_flag=True, help="Do not ask before a whole repository is deleted.")
@storage_option
@click.pass_obj
@says_why
def delete(
    faces: Faces, name: str, yes: bool, config_file: str | None, storage: str | None
) -> None:
    """Delete a tag, a manifest, an image or a whole repository; 'trash restore' undoes it."""
    instance = open_instance(faces, config_file, storage)
    target = parse_target(name)
    if target.image is None and not yes:
        instance.definitions.get(target.key)
        click.confirm(f"Delete the repository '{target.key}' with all its images?", abort=True)
    _delete(instance, target)
    kept = instance.config.trash_lifetime
    undo = f"; 'trash restore {target}' brings it back for {span(kept)}" if kept else ""
    click.echo(f"Deleted {target}{undo}.")


def _delete(instance: Instance, target: Target) -> None:
    if target.image is None:
        instance.definitions.delete(target.key, ACTOR)
        return
    repository = instance.directory.unguarded_repository(target.key)
    if isinstance(target.reference, Tag):
        repository.delete_tag(target.image, target.reference, ACTOR)
    elif isinstance(target.reference, Digest):
        repository.delete_manifest(target.image, target.reference, ACTOR)
    else:
        repository.delete_image(target.image, ACTOR)
