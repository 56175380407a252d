"""Images to which all clients push, and from which all delete: only weaker things can be said.

Also a repository that comes and goes under the hands of those who push to it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.faults.soak.client import TAGS, Client
from tests.faults.soak.content import Manifest, digest_of
from tests.faults.soak.figures import COMMON_KEY, KEY
from tests.faults.soak.model import Image
from tests.faults.soak.pushing import Push
from tests.faults.soak.wire import Wrong


@dataclass(slots=True)
class SharedImage:
    """An image, and all that has ever been about to come to it."""

    key: str
    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    tags: dict[str, set[str]] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/v2/{self.key}/{self.name}"

    def expect(self, tag: str, manifest: Manifest) -> None:
        """Take note of a manifest that somebody is about to put."""
        with self.lock:
            self.tags.setdefault(tag, set()).add(manifest.digest)
            self.manifests[manifest.digest] = manifest

    def manifest(self, tag: str, digest: str) -> Manifest | None:
        """Return the manifest if it can be that of the tag."""
        with self.lock:
            return self.manifests[digest] if digest in self.tags.get(tag, ()) else None

    def image(self) -> Image:
        """Return an image to push to, whose tags nobody counts."""
        return Image(self.key, self.name)


def shared_images() -> list[SharedImage]:
    """Return the images that all clients share."""
    return [
        SharedImage(KEY, "shared/app"),
        SharedImage(KEY, "shared/app/t2"),
        SharedImage(COMMON_KEY, "team/app"),
        SharedImage(COMMON_KEY, "team/app/t0"),
    ]


def push_shared(client: Client) -> None:
    """Push an image to where others push and delete."""
    shared = client.rng.choice(client.site.shared)
    build, tag = client.site.pool.build(client.rng), client.rng.choice(TAGS)
    shared.expect(tag, build.manifest)
    for _ in range(3):
        push = Push(client, shared.image())
        for blob in build.blobs:
            push.blob(blob)
        if push.manifest(tag, build.manifest) is not None:
            return


def pull_shared(client: Client) -> None:
    """Pull what somebody may be deleting; what is answered must be right."""
    shared = client.rng.choice(client.site.shared)
    tag = client.rng.choice(TAGS)
    path = f"{shared.path}/manifests/{tag}"
    reply = client.expect("GET", path, 200, 404)
    if reply.status == 404:
        return
    manifest = shared.manifest(tag, digest_of(reply.body))
    if manifest is None:
        raise Wrong(f"GET {path}: nobody has put that: {reply}")
    for digest, size in manifest.blobs:
        path = f"{shared.path}/blobs/{digest}"
        reply = client.expect("GET", path, 200, 404)
        if reply.status == 404:
            client.site.tally.add("shared pulls that met a deletion")
            return
        if len(reply.body) != size or digest_of(reply.body, digest.partition(":")[0]) != digest:
            raise Wrong(f"GET {path}: other bytes, {len(reply.body)} of them")


def delete_shared(client: Client) -> None:
    """Delete something to which others push."""
    shared = client.rng.choice(client.site.shared)
    tag, chance = client.rng.choice(TAGS), client.rng.random()
    if chance < 0.5:
        client.expect("DELETE", f"{shared.path}/manifests/{tag}", 202, 404)
    elif chance < 0.7:
        client.expect("DELETE", f"/artifactory/{shared.key}/{shared.name}/{tag}", 204, 404)
    elif chance < 0.75:
        client.expect("DELETE", f"/artifactory/{shared.key}/{shared.name}", 204, 404)
    else:
        reply = client.expect("HEAD", f"{shared.path}/manifests/{tag}", 200, 404)
        if reply.status == 200:
            digest = reply.headers["docker-content-digest"]
            client.expect("DELETE", f"{shared.path}/manifests/{digest}", 202, 404)


def delete_common(client: Client) -> None:
    """Delete the common repository, and bring it back or make a new one."""
    site = client.site
    with site.common_lock:
        site.common_epoch += 1
        done = [site.helper.ask("delete", COMMON_KEY)]
        client.pause(0.3)
        if client.rng.random() < 0.5:
            done.append(site.helper.ask("restore", COMMON_KEY))
        done.append(site.helper.ask("create", COMMON_KEY))
        site.common_epoch += 1
    for one in done:
        # What a push has left since the deletion may keep the old tree from coming back.
        if one.error not in (None, "RestoreConflict", "RepositoryExists"):
            raise Wrong(f"{COMMON_KEY}: {one}")
