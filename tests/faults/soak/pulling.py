"""One pull: the manifest, then all that it names, whole, in ranges, or slowly."""

from __future__ import annotations

import time

from tests.faults.soak.client import Client
from tests.faults.soak.content import Manifest, digest_of
from tests.faults.soak.figures import GRACE, TICK
from tests.faults.soak.model import Image
from tests.faults.soak.pushing import push
from tests.faults.soak.wire import Reply, Wrong


class Pull:
    """One pull from an image.

    What it reads must be there until ``until``; without that, it must be there in any case.
    """

    def __init__(
        self,
        client: Client,
        image: Image,
        *,
        rest: float = 0.0,
        ranges: bool = False,
        until: float | None = None,
    ) -> None:
        self._client = client
        self._image = image
        self._rest = rest
        self._ranges = ranges
        self._until = until

    def whole(self, reference: str, digest: str) -> bool:
        """Pull a tag or digest, which is known to be ``digest``; return whether it was there."""
        path = f"{self._image.path}/manifests/{reference}"
        reply = self._read(path)
        if reply is None:
            return False
        if digest_of(reply.body) != digest or reply.headers["docker-content-digest"] != digest:
            raise Wrong(f"GET {path}: not {digest}, but {reply}")
        return self.rest_of(self._image.manifests[digest])

    def rest_of(self, manifest: Manifest) -> bool:
        """Pull what a manifest names; return whether all of it was there."""
        for digest, size in manifest.blobs:
            if not self._blob(digest, size):
                return False
            if self._rest:
                time.sleep(self._rest)
        return all(self.whole(child, child) for child in manifest.children)

    def _blob(self, digest: str, size: int) -> bool:
        path = f"{self._image.path}/blobs/{digest}"
        body = b""
        for first, last in self._parts(size):
            header = [f"Range: bytes={first}-{last}"] if (first, last) != (0, size - 1) else []
            reply = self._read(path, 206 if header else 200, header)
            if reply is None:
                return False
            if header and reply.headers.get("content-range") != f"bytes {first}-{last}/{size}":
                raise Wrong(f"GET {path} {header}: {reply.headers}")
            body += reply.body
        if len(body) != size or digest_of(body, digest.partition(":")[0]) != digest:
            raise Wrong(f"GET {path}: other bytes, {len(body)} of them")
        return True

    def _parts(self, size: int) -> list[tuple[int, int]]:
        if not self._ranges or size < 3:
            return [(0, size - 1)]
        cut = self._client.rng.randrange(1, size - 1)
        return [(0, cut - 1), (cut, size - 1)]

    def _read(self, path: str, status: int = 200, headers: list[str] | None = None) -> Reply | None:
        """Return an answer, or None for something that need not be there any more."""
        reply = self._client.expect(
            "GET", path, status, 404, headers=headers or (), rest=self._rest
        )
        if reply.status == status:
            return reply
        if self._until is None or reply.at <= self._until:
            raise Wrong(f"GET {path}: {reply}")
        self._client.site.tally.add("pulls that were too slow")
        return None


# --- operations --------------------------------------------------------------------------------


def pull(client: Client) -> None:
    """Pull a tag, in some way."""
    image = client.touch(client.some_image())
    if image.tags:
        tag = client.rng.choice(sorted(image.tags))
        chance = client.rng.random()
        rest = client.rng.random() * 0.2 if chance < 0.1 else 0.0
        Pull(client, image, rest=rest, ranges=chance > 0.7).whole(tag, image.tags[tag])


def pull_untagged(client: Client) -> None:
    """Pull a manifest that lost its tag a moment ago."""
    image = client.touch(client.some_image())
    waiting = sorted(digest for digest in image.promised if image.must_have(digest))
    if waiting:
        digest = client.rng.choice(waiting)
        Pull(client, image, until=image.promised[digest]).whole(digest, digest)


def pull_across_overwrite(client: Client) -> None:
    """Read the manifest of a tag, let the tag be moved, and go on."""
    image = client.touch(client.some_image())
    if not image.tags:
        return
    tag = client.rng.choice(sorted(image.tags))
    manifest = image.manifests[image.tags[tag]]
    client.expect("GET", f"{image.path}/manifests/{tag}", 200)
    build = client.site.pool.build(client.rng)
    if push(client, image, tag, build) is None:
        return
    client.pause(GRACE / 2)
    if manifest.digest in image.manifests and manifest.digest in image.live():
        until = None
    else:
        until = image.promised.get(manifest.digest, 0.0)
    Pull(client, image, until=until).rest_of(manifest)


def pull_across_deletion(client: Client) -> None:
    """Read the manifest of a tag, let it be deleted as a whole, and go on with its blobs."""
    image = client.touch(client.some_image())
    if not image.tags:
        return
    tag = client.rng.choice(sorted(image.tags))
    manifest = image.manifests[image.tags[tag]]
    if manifest.is_index or image.parents(manifest.digest):
        return
    tags = image.tagged(manifest.digest)
    reply = client.expect("DELETE", f"{image.path}/manifests/{manifest.digest}", 202, again=404)
    image.delete([manifest.digest], reply.sent)
    if reply.repeated:
        image.blurred.update(tags)
    client.absent(f"{image.path}/manifests/{tag}")
    client.pause(GRACE / 3)
    until = 0.0 if reply.repeated else reply.sent + GRACE - TICK
    Pull(client, image, until=until).rest_of(manifest)
