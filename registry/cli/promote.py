"""``promote``: an image goes on to another repository."""

from __future__ import annotations

import click

from registry.access.principals import Principal
from registry.cli.common import (
    ACTOR,
    Faces,
    json_option,
    open_instance,
    print_json,
    says_why,
    storage_option,
)
from registry.model.errors import ReferenceInvalid
from registry.model.names import Tag
from registry.model.targets import Target, parse_target
from registry.services.promotion import Promoted, Promotion, make_promotion
from registry.services.promotion import promote as run


@click.command()
@click.argument("source", metavar="KEY/IMAGE[:TAG]")
@click.argument("target", metavar="KEY[/IMAGE[:TAG]]")
@click.option("--copy", is_flag=True, help="Leave it where it is as well.")
@json_option
@storage_option
@click.pass_obj
@says_why
def promote(
    faces: Faces,
    source: str,
    target: str,
    copy: bool,
    as_json: bool,
    config_file: str | None,
    storage: str | None,
) -> None:
    """Move a tag, or all tags of an image, to another repository.

    What the target does not name stays the same: the image, the tag. Platform images,
    signatures, attestations and SBOMs come along; no bytes are copied.
    """
    wanted = _promotion(parse_target(source), parse_target(target), copy)
    instance = open_instance(faces, config_file, storage)
    admin = Principal(ACTOR.name, admin=True)
    done = run(instance.directory.as_seen_by(admin, ACTOR.address), wanted)
    if as_json:
        print_json([_document(one) for one in done])
        return
    verb = "Copied" if copy else "Moved"
    for one in done:
        more = f", {one.manifests} manifests" if one.manifests > 1 else ""
        click.echo(f"{verb} {one.source} to {one.target} ({one.digest}{more}).")


def _promotion(source: Target, target: Target, copy: bool) -> Promotion:
    """Return the promotion that two names say. Raises ReferenceInvalid, FieldInvalid."""
    if source.image is None:
        raise ReferenceInvalid(f"an image is promoted: KEY/IMAGE[:TAG], not '{source}'")
    return make_promotion(
        Promotion(
            source=source.key,
            target=target.key,
            image=source.image,
            to=target.image or source.image,
            tag=_tag(source),
            new=_tag(target),
            copy=copy,
        )
    )


def _tag(target: Target) -> Tag | None:
    if target.reference is None or isinstance(target.reference, Tag):
        return target.reference
    raise ReferenceInvalid(f"a tag is promoted, KEY/IMAGE:TAG, not the digest '{target}'")


def _document(one: Promoted) -> dict[str, object]:
    return {
        "source": str(one.source),
        "target": str(one.target),
        "digest": one.digest,
        "manifests": one.manifests,
    }
