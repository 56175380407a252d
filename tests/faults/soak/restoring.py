"""Bringing back what was deleted, by the services as a command does: tags, images, repositories."""

from __future__ import annotations

from typing import Final

from tests.faults.soak.client import Client
from tests.faults.soak.figures import TICK, TRASH
from tests.faults.soak.helper import Outcome
from tests.faults.soak.model import Deleted, Image
from tests.faults.soak.wire import Wrong

EXPIRED: Final = ("TrashUnknown", "ManifestPartsMissing")


def restore_tag(client: Client) -> None:
    """Restore a tag that was deleted a moment ago."""
    image = client.touch(client.some_image())
    tags = sorted(tag for tag, deleted in image.trash.items() if deleted)
    if not tags:
        return
    # What was deleted last is what can still be there.
    tag = max(tags, key=lambda tag: image.trash[tag][-1].at)
    last = image.trash[tag][-1]
    overwrite = client.rng.random() < 0.5
    target = f"{image.key}/{image.name}:{tag}"
    done = client.site.helper.ask("restore", target, overwrite=overwrite)
    if done.error == "RestoreConflict" and not overwrite and image.tags.get(tag) is not None:
        if image.tags[tag] == last.digest and tag not in image.blurred:
            raise Wrong(f"restore {target}: {done}")
        return
    if done.error in EXPIRED:
        _judge_late(target, done, last.at, blurred=tag in image.blurred)
        image.trash.pop(tag)
        return
    if done.error is not None:
        raise Wrong(f"restore {target}: {done}")
    restored = _restored(client, image, tag, last)
    bring_back(client, image, tag, restored, done.sent)


def _judge_late(target: str, done: Outcome, deleted: float, *, blurred: bool) -> None:
    if done.at <= deleted + TRASH - TICK and not blurred:
        raise Wrong(f"restore {target}: deleted {done.at - deleted:.3f} s ago, but {done}")


def _restored(client: Client, image: Image, tag: str, last: Deleted) -> Deleted:
    """Return what was restored: what was deleted last, unless that was broken off."""
    path = f"{image.path}/manifests/{tag}"
    digest = client.expect("HEAD", path, 200).headers["docker-content-digest"]
    for deleted in reversed(image.trash[tag]):
        if digest == deleted.digest and (deleted is last or tag in image.blurred):
            image.trash[tag].remove(deleted)
            return deleted
    raise Wrong(f"{image}:{tag} was restored as {digest}, but deleted as {last.digest}")


def bring_back(client: Client, image: Image, tag: str, deleted: Deleted, since: float) -> None:
    """Take note of a tag that is back, with what it needs, which may have come back with it."""
    for part, manifest in deleted.parts.items():
        if part not in image.manifests:
            image.manifests[part] = manifest
            if part != deleted.digest:
                image.own.add(part)
        elif part != deleted.digest and part not in image.own:
            image.unsure.add(part)
        if part in image.gone:
            image.gone.remove(part)
    client.put(image, tag, deleted.parts[deleted.digest], since)


def restore_image(client: Client) -> None:
    """Delete an image by its path, and restore it as it was."""
    image = client.touch(client.some_image())
    before = image.emptied
    if before is None:
        return
    target = f"{image.key}/{image.name}"
    done = client.site.helper.ask("restore", target)
    if done.error in EXPIRED:
        _judge_late(target, done, image.emptied_at, blurred=False)
        image.emptied = None
        return
    if done.error is not None:
        raise Wrong(f"restore {target}: {done}")
    late = done.at > image.emptied_at + TRASH - TICK
    bring_back_image(client, image, before, done.sent, late=late)
    for tag in before.tags:
        if image.trash.get(tag):
            image.trash[tag].pop()


def bring_back_image(
    client: Client, image: Image, before: Image, since: float, *, late: bool = False
) -> None:
    """Take note of an image that is as it was before it was deleted; if ``late``, a part of it."""
    certain = before.live()
    with image.changed(since):
        image.tags = dict(before.tags)
        image.manifests = dict(before.manifests)
        image.own, image.unsure = before.own & certain, set(before.unsure)
        image.unsure |= before.own - certain
        image.promised = dict.fromkeys(set(before.manifests) - certain, since)
    for digest in certain & set(image.gone):
        image.gone.remove(digest)
    for digest in set(image.gone) & set(image.manifests):
        image.gone.remove(digest)
    lost = [tag for tag in image.tags if not _is_back(client, image, tag, late=late)]
    if lost:
        with image.changed(since, promising=False):
            for tag in lost:
                del image.tags[tag]
        client.settle(image, set().union(*map(image.parts, image.tags.values())), {})


def _is_back(client: Client, image: Image, tag: str, *, late: bool) -> bool:
    """Return whether a tag is as it was; if ``late``, it may have expired."""
    digest, path = image.tags[tag], f"{image.path}/manifests/{tag}"
    found = client.expect("HEAD", path, 200, *([404] if late else []))
    if found.status == 200 and found.headers["docker-content-digest"] != digest:
        raise Wrong(f"{image}:{tag} was restored as {found.headers}, not {digest}")
    return found.status == 200


# --- repositories -------------------------------------------------------------------------------


def delete_repository(client: Client) -> None:
    """Delete the client's own repository; bring it back, or make a new one of that key."""
    key = client.repository
    if key is None:
        return
    images = [client.touch(image) for image in client.images if image.key == key]
    deleted = _must(client.site.helper.ask("delete", key))
    for image in images:
        for tag in sorted(image.tags)[:1]:
            client.absent(f"{image.path}/manifests/{tag}")
    client.pause(TRASH / 2)
    if client.rng.random() < 0.6:
        done = client.site.helper.ask("restore", key)
        if done.error is None:
            for image in images:
                bring_back_image(client, image, image.copy(), done.sent)
            return
        if done.error not in EXPIRED:
            raise Wrong(f"restore {key}: {done}")
        _judge_late(key, done, deleted.sent, blurred=False)
    _must(client.site.helper.ask("create", key))
    for image in images:
        image.empty(deleted.sent, sure=False)
        image.trash.clear()
        image.seen.clear()
        for digest in list(image.gone)[:2]:
            client.absent(f"{image.path}/manifests/{digest}")


def _must(done: Outcome) -> Outcome:
    if done.error is not None:
        raise Wrong(f"a command failed: {done}")
    return done
