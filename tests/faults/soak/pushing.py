"""One push: blobs in every way in which a client can send them, then the manifest."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final

from tests.faults.soak.client import Client
from tests.faults.soak.content import (
    Blob,
    Build,
    Manifest,
)
from tests.faults.soak.figures import COMMON_KEY, PATIENCE, PROMISE, TICK, UPLOADS
from tests.faults.soak.model import Image
from tests.faults.soak.wire import Broken, Reply, Wrong

_ROUNDS: Final = 5
"""How often a client starts anew that was too slow."""
_DIGEST: Final = re.compile(rb'"digest": ?"(sha(?:256|512):[0-9a-f]+)"')


class Push:
    """One push to an image, and what the server has said "yes" to in it."""

    def __init__(self, client: Client, image: Image) -> None:
        self._client = client
        self._image = image
        self._epoch = client.site.common_epoch
        self.yes: dict[str, float] = {}
        """When the client asked for what it was told to be there, or sent it."""

    def rest(self) -> None:
        """Rest, until what was promised first will soon be promised no longer."""
        if self.yes:
            left = min(self.yes.values()) + PROMISE - time.monotonic()
            time.sleep(max(left, 0.0) * self._client.rng.uniform(*PATIENCE))

    # --- blobs -------------------------------------------------------------------------------

    def has(self, digest: str, kind: str = "blobs") -> bool:
        """Ask for a blob or manifest."""
        path = f"{self._image.path}/{kind}/{digest}"
        reply = self._client.expect("HEAD", path, 200, 404)
        if reply.status == 200:
            self.yes[digest] = reply.sent
        return reply.status == 200

    def blob(self, blob: Blob) -> None:
        """Bring a blob to the image, in some way."""
        chance = self._client.rng.random()
        if chance < 0.85 and self.has(blob.digest):
            return
        if chance < 0.15:
            self.mount(blob, self._client.site.some_image(self._client.rng))
        elif chance < 0.25:
            self.mount(blob, None)
        elif chance < 0.32 and len(blob.data) > 1:
            self.chunked(blob, 0.0)
        else:
            self.whole(blob)

    def whole(self, blob: Blob) -> None:
        """Send a blob in one request."""
        path = f"{self._image.path}/blobs/uploads/?digest={blob.digest}"
        self._sent(blob, self._client.expect("POST", path, 201, body=blob.data))

    def mount(self, blob: Blob, source: str | None) -> None:
        """Ask for a blob that another image may have; send it if there is none."""
        path = f"{self._image.path}/blobs/uploads/?mount={blob.digest}"
        if source is not None:
            path += f"&from={source}"
        reply = self._client.expect("POST", path, 201, 202)
        if reply.status == 201:
            self._client.site.tally.add("mounted")
            self._sent(blob, reply)
        else:
            self._finish(blob, reply.headers["location"], blob.data)

    def _sent(self, blob: Blob, reply: Reply) -> None:
        self.yes[blob.digest] = reply.sent
        self._image.seen.append((blob.digest, len(blob.data)))

    def chunked(self, blob: Blob, patience: float) -> None:
        """Send a blob in chunks, with pauses in between."""
        start = f"{self._image.path}/blobs/uploads/"
        location = self._client.expect("POST", start, 202).headers["location"]
        done, last = 0, time.monotonic()
        length = max(len(blob.data) // self._client.rng.randint(2, 4), 1)
        # Some clients send the last bytes with the closing request, others have sent all before.
        end = len(blob.data) - (length if self._client.rng.random() < 0.5 else 0)
        while done < end:
            self._client.pause(patience)
            chunk = blob.data[done : done + length]
            try:
                span = f"Content-Range: {done}-{done + len(chunk) - 1}"
                reply = self._client.once("PATCH", location, [span], chunk)
            except Broken:
                reply = self._client.ask("GET", location)
            if self._is_lost(reply, last):
                self.whole(blob)
                return
            if reply.status not in (202, 204):
                raise Wrong(f"PATCH {location}: {reply}")
            if reply.status == 202:  # Whoever asks how far it is has not used it.
                last = reply.at
            done = int(reply.headers["range"].partition("-")[2]) + 1
            if done == 1:  # Of an upload without bytes it is said, too.
                self.whole(blob)
                return
        self._client.pause(patience)
        self._finish(blob, location, blob.data[done:], last)

    def _finish(self, blob: Blob, location: str, rest: bytes, last: float | None = None) -> None:
        try:
            reply = self._client.once("PUT", f"{location}?digest={blob.digest}", body=rest)
        except Broken:
            self.whole(blob)
            return
        if self._is_lost(reply, reply.sent if last is None else last):
            self.whole(blob)
        elif reply.status != 201:
            raise Wrong(f"PUT {location}: {reply}")
        else:
            self._sent(blob, reply)

    def _is_lost(self, reply: Reply, last: float) -> bool:
        """Return whether an upload is gone because the client did not go on for too long."""
        if reply.status != 404 or b'"BLOB_UPLOAD_UNKNOWN"' not in reply.body:
            return False
        if reply.at - last <= UPLOADS - TICK:
            raise Wrong(f"an upload is gone that was used {reply.at - last:.3f} s ago: {reply}")
        self._client.site.tally.add("uploads lost by slowness")
        return True

    # --- manifests ---------------------------------------------------------------------------

    def manifest(
        self, reference: str, manifest: Manifest, tags: Sequence[str] = ()
    ) -> Reply | None:
        """Put a manifest; return the answer, or None if the client has been too slow for it."""
        path = f"{self._image.path}/manifests/{reference}"
        path += "".join(f"{'&' if number else '?'}tag={tag}" for number, tag in enumerate(tags))
        kind = [f"Content-Type: {manifest.media_type}"]
        reply = self._client.expect(
            "PUT", path, 201, 400, 404, headers=kind, body=manifest.body
        )  # fmt: skip
        if reply.status == 201:
            if reply.headers.get("docker-content-digest") != manifest.digest:
                raise Wrong(f"PUT {path}: another digest: {reply.headers}")
            return reply
        self._judge(path, reply)
        return None

    def _judge(self, path: str, reply: Reply) -> None:
        """Raise unless all that is said to be missing was promised too long ago."""
        missing = [found.decode() for found in _DIGEST.findall(reply.body)]
        if b"MANIFEST_BLOB_UNKNOWN" not in reply.body or not missing:
            raise Wrong(f"PUT {path}: {reply}")
        if COMMON_KEY in path and self._client.site.common_may_be_away(self._epoch):
            self._client.site.tally.add("refused after the repository was deleted")
            return
        ages = {digest: reply.at - self.yes.get(digest, reply.sent) for digest in missing}
        early = {digest: age for digest, age in ages.items() if age <= PROMISE}
        if early:
            ago = ", ".join(f"{digest[:19]}: {age:.3f} s" for digest, age in early.items())
            raise Wrong(f"PUT {path} refused; what it needs was promised {ago} ago: {reply}")
        self._client.site.tally.add("refused by slowness")


def push(client: Client, image: Image, reference: str, build: Build) -> Reply | None:
    """Push a whole image as a client does; return the answer, or None if it was too slow."""
    for _ in range(_ROUNDS):
        steps = Push(client, image)
        for blob in build.blobs:
            steps.blob(blob)
        reply = put(client, image, reference, build.manifest, steps)
        if reply is not None:
            return reply
    return None


def put(
    client: Client,
    image: Image,
    reference: str,
    manifest: Manifest,
    steps: Push,
    tags: Sequence[str] = (),
) -> Reply | None:
    """Put a manifest and take note of it; return the answer, or None if it was not taken."""
    reply = steps.manifest(reference, manifest, tags)
    for name in (reference, *tags):
        if reply is not None:
            client.put(image, name, manifest, reply.sent)
            continue
        # An attempt that was broken off may have kept what had the tag before.
        previous = image.tags.get(name)
        if previous is not None and previous not in image.own:
            image.unsure.add(previous)
    return reply
