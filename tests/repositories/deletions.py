"""Every way of deleting, and an image to do it to."""

from __future__ import annotations

from collections.abc import Callable

from registry.model.names import Tag
from registry.storage.manifest_files import Place
from tests.repositories.pushing import all_tags
from tests.support.bench import ALICE, IMAGE, KEY, TAG, Bench, image, index, referrer

SECOND = Tag("2.0")
BODY = image(b"layer")

WAYS: dict[str, Callable[[Bench], object]] = {
    "untag": lambda bench: bench.untag(),
    "tag": lambda bench: bench.repository.delete_tag(IMAGE, TAG, ALICE),
    "child": lambda bench: bench.repository.delete_tag(IMAGE, Tag("child"), ALICE),
    "manifest": lambda bench: bench.delete(BODY),
    "referrer": lambda bench: bench.delete(referrer(BODY)),
    "index": lambda bench: bench.delete(index(image(b"child", note="child"))),
    "image": lambda bench: bench.repository.delete_image(IMAGE, ALICE),
}


def fill(bench: Bench) -> list[bytes]:
    """Push something for each way of deleting; return all manifests."""
    child = bench.push(b"child", to=Tag("child"), note="child")
    bench.push(b"layer")
    bodies = [BODY, child, index(child), referrer(BODY)]
    bench.put(BODY, SECOND)
    bench.put(bodies[2], Tag("index"))
    bench.put(bodies[3])
    return bodies


def state(bench: Bench) -> dict[str, object]:
    """Return what the image shows: all that can be pulled must be pulled completely."""
    repository, place = bench.repository, Place(KEY, IMAGE)
    found: dict[str, object] = {}
    for reference in bench.store.manifests.folders(place):
        found[str(reference)] = bench.pull(reference)
    for digest in bench.store.manifests.digests(place):
        found[f"digest {digest}"] = bench.pull(digest)
    found["tags"] = all_tags(repository) if found else []
    return found
