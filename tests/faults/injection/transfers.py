"""What is promoted, copied and moved: an index with all that belongs to it, over another image."""

from __future__ import annotations

from registry.model.digests import Digest
from registry.model.names import Tag
from registry.repositories.belongings import Transfer
from registry.services.instance import Instance
from tests.faults.injection.pushes import INDEX, LOOSE, SPARE, push_referrer, repository
from tests.repositories.pushing import (
    ALICE,
    IMAGE,
    KEY,
    TAG,
    image_body,
    push_blob,
    push_image,
    put,
)

RELEASE = Tag("release")
SIGNATURE = Tag(Digest.of(INDEX).replace(":", "-") + ".sig")


def family(instance: Instance) -> None:
    """An index, a referrer of its child, its signature; and what has the tag in the target."""
    put(repository(instance), INDEX, RELEASE)
    repository(instance).delete_tag(IMAGE, TAG, ALICE)
    push_referrer(instance)
    push_blob(repository(instance), LOOSE)
    put(repository(instance), image_body(LOOSE, note="signature"), SIGNATURE)
    push_image(instance.directory.unguarded_repository(SPARE), b"before", reference=RELEASE)


def _bring(instance: Instance, *, move: bool) -> None:
    transfer = Transfer(IMAGE, RELEASE, IMAGE, RELEASE, event="promote", move=move)
    instance.directory.unguarded_transfers().run(KEY, SPARE, transfer, ALICE)


def promote(instance: Instance) -> None:
    """Copy it to the spare repository."""
    _bring(instance, move=False)


def move(instance: Instance) -> None:
    """Move it there."""
    _bring(instance, move=True)
