"""Deletions: of a tag, a manifest, a blob, and of what a path names."""

from __future__ import annotations

from tests.faults.soak.client import Client
from tests.faults.soak.model import Image
from tests.faults.soak.pulling import Pull
from tests.faults.soak.wire import Reply, Wrong


def untag(client: Client) -> None:
    """Delete a tag alone; what it stood for can still be pulled for a while."""
    image = client.touch(client.some_image())
    if not image.tags:
        return
    tag = client.rng.choice(sorted(image.tags))
    digest = image.tags[tag]
    reply = client.expect("DELETE", f"{image.path}/manifests/{tag}", 202, again=404)
    image.untag(tag, reply.sent)
    if reply.repeated:
        image.blurred.add(tag)
    client.absent(f"{image.path}/manifests/{tag}")
    if client.rng.random() < 0.3:
        Pull(client, image, until=image.promised.get(digest)).whole(digest, digest)


def delete_manifest(client: Client) -> None:
    """Delete a manifest with all its tags; refused for one that an index needs."""
    image = client.touch(client.some_image())
    if not image.manifests:
        return
    digest = client.rng.choice(sorted(image.manifests))
    live = image.live()
    parents = image.parents(digest)
    path = f"{image.path}/manifests/{digest}"
    if any(parent in live for parent in parents):
        client.expect("DELETE", path, 405)
        return
    tags = image.tagged(digest)
    reply = client.expect("DELETE", path, 202, 404, 405, again=404)
    if reply.status == 405 and parents:
        return
    if reply.status == 405 or (reply.status == 404 and not _may_be_absent(image, digest, reply)):
        raise Wrong(f"DELETE {path}: {reply}")
    for parent in parents:
        image.drop(parent)
    image.delete([digest], reply.sent)
    if reply.repeated:
        image.blurred.update(tags)
    for reference in (digest, *tags):
        client.absent(f"{image.path}/manifests/{reference}")


def _may_be_absent(image: Image, digest: str, reply: Reply) -> bool:
    return reply.repeated or not (digest in image.live() or image.must_have(digest, reply.at))


def delete_blob(client: Client) -> None:
    """Stop an image from showing a blob; refused for one that a manifest needs."""
    image = client.touch(client.some_image())
    live = image.live()
    lately = [digest for digest, _ in image.seen]
    lately += [digest for one in live for digest, _ in image.manifests[one].blobs]
    if not lately:
        return
    digest = client.rng.choice(lately)
    holders = [m.digest for m in image.manifests.values() if digest in dict(m.blobs)]
    path = f"{image.path}/blobs/{digest}"
    reply = client.expect("DELETE", path, 202, 404, 405)
    needed = any(one in live or image.must_have(one, reply.at) for one in holders)
    if reply.status == 405 and not holders:
        raise Wrong(f"DELETE {path}: nobody needs it: {reply}")
    if reply.status != 405 and needed:
        raise Wrong(f"DELETE {path}: a manifest needs it: {reply}")
    if reply.status == 202:
        client.absent(path)


def delete_tag_path(client: Client) -> None:
    """Delete a tag by its path in the tree, and images that lie in its folder."""
    image = client.touch(client.some_image())
    if image.tags:
        delete_path(client, image.key, f"{image.name}/{client.rng.choice(sorted(image.tags))}")


def delete_image_path(client: Client) -> None:
    """Delete an image by its path, and those that lie in its folder."""
    image = client.touch(client.some_image())
    delete_path(client, image.key, image.name)


def delete_path(client: Client, key: str, path: str) -> None:
    """Delete what a path names, whether that is something or not."""
    images = [
        client.touch(image)
        for image in client.images
        if image.key == key and f"{image.name}/".startswith(f"{path}/")
    ]
    tagged = [
        (client.touch(image), tag)
        for image in client.images
        for tag in image.tags
        if (image.key, f"{image.name}/{tag}") == (key, path)
    ]
    reply = client.expect("DELETE", f"/artifactory/{key}/{path}", 204, 404)
    something = any(image.tags for image in images) or bool(tagged)
    maybe = any(image.manifests for image in images)
    if reply.status == (404 if something else 204) and not (reply.repeated or maybe):
        raise Wrong(f"DELETE /artifactory/{key}/{path}: {reply}")
    for image, tag in tagged:
        if image not in images:
            digest = image.tags[tag]
            delete_tag(image, tag, reply)
            if digest in image.unsure and not image.tagged(digest):
                # A subject is live, but whether it had a folder of its own nobody knows.
                client.settle(image, image.live() - {digest}, {})
            client.absent(f"{image.path}/manifests/{tag}")
    for image in images:
        tags = list(image.tags)
        image.empty(reply.sent, sure=not reply.repeated)
        for tag in tags[:2]:
            client.absent(f"{image.path}/manifests/{tag}")
        for digest in list(image.gone)[:2]:
            client.absent(f"{image.path}/manifests/{digest}")


def delete_tag(image: Image, tag: str, reply: Reply) -> None:
    """Take note of a tag that is gone, with its manifest if nothing else needs that."""
    digest = image.tags[tag]
    others = [other for other in image.tagged(digest) if other != tag]
    live = image.live()
    parents = image.parents(digest)
    image.remember(tag, digest, reply.sent)
    if reply.repeated:
        image.blurred.add(tag)
    with image.changed(reply.sent, promising=not reply.repeated):
        del image.tags[tag]
        known = digest in image.own | image.unsure
        if not (others or known or parents or reply.repeated):
            image.drop(digest)
            image.gone.append(digest)
    if digest not in image.manifests or others:
        return
    if any(parent in live for parent in parents):
        # It keeps a folder, because an index needs it.
        image.has_folder(digest)
    elif digest not in image.own:
        image.unsure.add(digest)
    if digest not in image.live():
        image.promised[digest] = reply.sent
