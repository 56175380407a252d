"""The pushes that are done: of images, indexes, referrers, and of what the image knows already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tests.faults.soak.client import TAGS, Client
from tests.faults.soak.content import Manifest, fresh_blob, image_manifest, index_manifest
from tests.faults.soak.figures import CHUNK_PATIENCE
from tests.faults.soak.model import Image
from tests.faults.soak.pushing import Push, push, put
from tests.faults.soak.wire import Wrong

_RESTS: Final = 0.25
"""How often a client takes its time before it relies on what it was promised."""


def push_image(client: Client) -> None:
    """Push an image to a tag, free or not."""
    image = client.touch(client.some_image())
    push(client, image, client.some_tag(), client.site.pool.build(client.rng))


def push_slowly(client: Client) -> None:
    """Push an image with rests, in chunks."""
    image = client.touch(client.some_image())
    build = client.site.pool.build(client.rng)
    steps = Push(client, image)
    slow = client.rng.randrange(len(build.blobs))
    steps.chunked(build.blobs[slow], CHUNK_PATIENCE)
    for blob in build.blobs[:slow] + build.blobs[slow + 1 :]:
        steps.blob(blob)
    steps.rest()
    if not put(client, image, client.some_tag(), build.manifest, steps):
        push(client, image, client.some_tag(), build)


def push_known(client: Client) -> None:
    """Put a manifest of blobs that the image is said to have, without sending any."""
    image = client.touch(client.some_image())
    steps = Push(client, image)
    known = dict(client.rng.sample(list(image.seen), min(len(image.seen), 5)))
    there = [(digest, size) for digest, size in known.items() if steps.has(digest)]
    client.site.tally.add("known blobs that are gone", len(known) - len(there))
    if there:
        if client.rng.random() < _RESTS:
            steps.rest()
        manifest = image_manifest(there)
        put(client, image, client.some_tag(), manifest, steps)


def retag(client: Client) -> None:
    """Put the manifest of a tag under another tag; its blobs are there."""
    image = client.touch(client.some_image())
    if not image.tags:
        return
    digest = image.tags[client.rng.choice(sorted(image.tags))]
    put(client, image, client.some_tag(), image.manifests[digest], Push(client, image))


def push_to_tags(client: Client) -> None:
    """Push an image by its digest, and to several tags by the same request."""
    image = client.touch(client.some_image())
    build = client.site.pool.build(client.rng)
    steps, tags = Push(client, image), client.rng.sample(TAGS, 2)
    for blob in build.blobs:
        steps.blob(blob)
    put(client, image, build.manifest.digest, build.manifest, steps, tags)


def retag_untagged(client: Client) -> None:
    """Give a tag to a manifest that has none any more, if it is still there."""
    image = client.touch(client.some_image())
    waiting = sorted(set(image.manifests) - image.live())
    if not waiting:
        return
    digest = client.rng.choice(waiting)
    reply = client.expect("GET", f"{image.path}/manifests/{digest}", 200, 404)
    if reply.status == 404:
        if image.must_have(digest, reply.at):
            raise Wrong(f"{image}@{digest} is gone within the grace")
        return
    steps = Push(client, image)
    steps.yes = dict.fromkeys(named(image.manifests[digest]), reply.sent)
    if client.rng.random() < _RESTS:
        steps.rest()
    put(client, image, client.some_tag(), image.manifests[digest], steps)


def named(manifest: Manifest) -> Iterable[str]:
    """Return the digests of all that a manifest names."""
    return (*(digest for digest, _ in manifest.blobs), *manifest.children)


def push_referrer(client: Client) -> None:
    """Attach something to a manifest."""
    image = client.touch(client.some_image())
    live = sorted(image.live())
    if not live:
        return
    subject = image.manifests[client.rng.choice(live)]
    pool = client.site.pool
    build = pool.new_build(client.rng, [pool.layer(client.rng)], subject)
    reference = build.manifest.digest
    if client.rng.random() < 0.2:
        reference = client.some_tag()
    push(client, image, reference, build)


def push_index(client: Client) -> None:
    """Push an index: its children first, without a tag or with one."""
    image = client.touch(client.some_image())
    steps, children = Push(client, image), list[Manifest]()
    for _ in range(client.rng.randint(1, 3)):
        child = _child(client, image, steps)
        if child is not None and child not in children:
            children.append(child)
    if not children:
        return
    if client.rng.random() < _RESTS:
        steps.rest()
    manifest = index_manifest(children)
    if client.rng.random() < 0.2:
        reply = put(client, image, manifest.digest, manifest, steps)
        if reply is None:
            return
        # An index in an index.
        steps.yes[manifest.digest] = reply.sent
        manifest = index_manifest([manifest])
    put(client, image, client.some_tag(), manifest, steps)


def _child(client: Client, image: Image, steps: Push) -> Manifest | None:
    """Return a manifest that the image has now, or None."""
    known = sorted(image.manifests)
    if known and client.rng.random() < 0.4:
        manifest = image.manifests[client.rng.choice(known)]
        return manifest if steps.has(manifest.digest, "manifests") else None
    build = client.site.pool.build(client.rng)
    tagged = client.rng.random() < 0.25
    reference = client.some_tag() if tagged else build.manifest.digest
    reply = push(client, image, reference, build)
    if reply is None:
        return None
    steps.yes[build.manifest.digest] = reply.sent
    return build.manifest


def upload_in_vain(client: Client) -> None:
    """Begin an upload and do not go on, give it up, or send a blob that nobody needs."""
    image = client.touch(client.some_image())
    steps, blob = Push(client, image), fresh_blob(client.rng)
    if client.rng.random() < 0.4:
        steps.whole(blob)
        return
    start = f"{image.path}/blobs/uploads/"
    location = client.expect("POST", start, 202).headers["location"]
    client.expect("PATCH", location, 202, body=blob.data)
    if client.rng.random() < 0.5:
        client.expect("DELETE", location, 204, again=404)
        client.expect("GET", location, 404)
