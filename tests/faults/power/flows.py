"""The workloads: what clients and admins do, one operation after the other, each noted."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from unittest import mock

from registry.access import passwords
from registry.access.users import Users
from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.definitions import Definitions
from tests.faults.power.site import Site
from tests.repositories import pushing
from tests.repositories.pushing import IMAGE, OTHER

TAGS: Final = 8
"""How many tags are there before something is deleted."""


def nothing(site: Site) -> None:
    """Prepare nothing."""


def push(site: Site, rounds: int) -> None:
    """New images and new tags of images that are there; shared, mounted and retagged content."""
    shared = site.layers(1)
    for number in range(rounds):
        image = ImageName(f"team/app{number // 3}")
        layers = [*shared, *site.layers()]
        body = site.push(image, f"{number}", layers)
        site.put(image, f"{number}-again", body)
        if number % 3 == 2:
            site.mount(OTHER, image, layers[1])
            site.push(OTHER, f"{number}", layers[1:2])


def push_chunked(site: Site, rounds: int) -> None:
    """The same by uploads of several requests."""
    for number in range(rounds):
        image = ImageName(f"team/app{number // 3}")
        site.push(image, f"{number}", chunked=True)


def tagged(site: Site) -> None:
    """Prepare some tags, of which one shares its manifest with another."""
    for number in range(TAGS):
        body = site.push(IMAGE, f"{number}", site.layers(1))
    site.put(IMAGE, "same", body)


def overwrite(site: Site, rounds: int) -> None:
    """One tag from image to image, to an index, and back."""
    for number in range(rounds):
        body = site.push(IMAGE, "1")
        if number % 2:
            site.put(IMAGE, "1", pushing.index_body(body, note=f"{number}"))


def delete(site: Site, rounds: int) -> None:
    """Tags and digests, the last one of an image, and pushing again what was deleted."""
    for number in range(rounds):
        body = site.push(IMAGE, f"{number}-gone", site.layers(1))
        site.untag(IMAGE, f"{number}-gone", body)
        body = site.push(IMAGE, f"{number}", site.layers(1))
        site.put(IMAGE, f"{number}-again", body)
        site.delete_digest(IMAGE, Digest.of(body))
        site.push(OTHER, "only", site.layers(1))
        site.delete_tag(OTHER, "only")


def delete_images(site: Site, rounds: int) -> None:
    """Images of few and of many tags, which are made durable in another way."""
    shared = site.layers(1)
    for number in range(rounds):
        image = ImageName(f"team/app{number}")
        body = site.push(image, "0", [*shared, *site.layers(1)])
        for tag in range(1, 12 if number % 2 else 3):
            site.put(image, f"{tag}", body)
        site.delete_image(image)


def restore(site: Site, rounds: int) -> None:
    """A tag, an image and a whole repository, deleted and brought back."""
    for number in range(rounds):
        tag = Tag(f"{number % TAGS}")
        site.delete_tag(IMAGE, tag)
        site.restore(IMAGE, tag)
        body = site.push(OTHER, "image", site.layers(1))
        site.put(OTHER, "index", pushing.index_body(body, note=f"{number}"))
        site.delete_image(OTHER)
        site.restore(OTHER)
        other = site.another(RepositoryKey(f"docker-{number}"))
        other.push(IMAGE, "1", site.layers(1))
        other.delete_repository()
        other.restore()


def prune(site: Site, rounds: int) -> None:
    """Replaced and deleted manifests, the trash, uploads and content that nobody needs."""
    for number in range(rounds):
        tag = f"{number % TAGS}"
        site.push(IMAGE, tag, site.layers(1))
        site.push(OTHER, "only", site.layers(1))
        site.delete_image(OTHER)
        site.leave_upload(IMAGE)
        site.prune()
        site.push(IMAGE, f"{tag}-new", site.layers(1))
        # What the first pass has set on hold is freed by the second one.
        site.prune()


def together(site: Site, rounds: int) -> None:
    """Three clients at once, each in an image of its own, with layers that all have."""
    shared = site.layers(1)
    failures: list[BaseException] = []

    def client(number: int) -> None:
        own = replace(site, numbers=random.Random(number))
        image = ImageName(f"team/client{number}")
        try:
            for turn in range(rounds):
                layers = [*shared, *own.layers(1)]
                body = own.push(image, f"{turn}", layers, chunked=number == 2)
                own.push(image, "latest", shared)
                if turn % 2:
                    own.untag(image, f"{turn}", body)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def settings(site: Site, rounds: int) -> None:
    """Users and repositories: made, changed, removed."""
    for number in range(rounds):
        with mock.patch.object(passwords, "_N", 2):  # The cost of a hash guards nothing here.
            change_user(site, f"user{number}", remove=number % 2 == 1)
        change_repository(site, RepositoryKey(f"docker-{number}"), remove=number % 2 == 1)


def change_user(site: Site, name: str, *, remove: bool) -> None:
    users = Users(site.store)
    site.changing(f"add {name}", lambda: users.add(name, "password-1"))
    site.changing(f"change {name}", lambda: users.set_password(name, "password-2"))
    if remove:
        site.changing(f"remove {name}", lambda: users.remove(name))


def change_repository(site: Site, key: RepositoryKey, *, remove: bool) -> None:
    definitions = Definitions(site.store)
    site.changing(f"add {key}", lambda: definitions.create(key, "local", {}))
    changed = {"description": "changed"}
    site.changing(f"change {key}", lambda: definitions.update(key, changed))
    if remove:
        site.changing(f"remove {key}", lambda: definitions.remove(key))


@dataclass(frozen=True, slots=True)
class Flow:
    """A workload: what is there before it, what it does, and how often for a short look."""

    run: Callable[[Site, int], None]
    rounds: int
    prepare: Callable[[Site], None] = nothing


FLOWS: Final[Mapping[str, Flow]] = {
    "push": Flow(push, 6),
    "chunked": Flow(push_chunked, 6),
    "overwrite": Flow(overwrite, 6),
    "delete": Flow(delete, 4, tagged),
    "delete-images": Flow(delete_images, 4),
    "restore": Flow(restore, 3, tagged),
    "prune": Flow(prune, 3, tagged),
    "together": Flow(together, 4),
    "settings": Flow(settings, 6),
}
