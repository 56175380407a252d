"""Putting a tag back to what it was before, by the service or by the command."""

from __future__ import annotations

import time

from tests.faults.soak.client import Client
from tests.faults.soak.figures import TICK, TRASH
from tests.faults.soak.helper import Outcome
from tests.faults.soak.model import Image
from tests.faults.soak.restoring import EXPIRED, bring_back
from tests.faults.soak.wire import Wrong

_BY_COMMAND = 0.05


def revert(client: Client) -> None:
    """Let a tag, which may have been deleted, stand for what was pushed to it before."""
    image = client.touch(client.some_image())
    known = [
        (tag, former)
        for tag in sorted(image.former)
        for former in image.former[tag]
        if former.digest != image.tags.get(tag)
    ]
    if not known:
        return
    tag, former = client.rng.choice(known)
    target = f"{image.key}/{image.name}:{tag}"
    done = _ask(client, target, former.digest)
    if done.error in EXPIRED and not _must_be_known(image, tag, former.digest, done.at):
        return
    if done.error is not None:
        raise Wrong(f"revert {target} to {former.digest}: {done}")
    if former.digest not in image.manifests:
        # It comes from the trash under its digest first.
        image.manifests[former.digest] = former.parts[former.digest]
        image.own.add(former.digest)
    bring_back(client, image, tag, former, done.sent)
    reply = client.expect("HEAD", f"{image.path}/manifests/{tag}", 200)
    if reply.headers["docker-content-digest"] != former.digest:
        raise Wrong(f"{target} was reverted to {reply.headers}, not to {former.digest}")
    client.site.tally.add("reverted")


def _must_be_known(image: Image, tag: str, digest: str, now: float) -> bool:
    """Return whether a manifest must be in the image or in the trash still."""
    deleted = [one.at for one in image.trash.get(tag, ()) if one.digest == digest]
    in_trash = tag not in image.blurred and any(now <= at + TRASH - TICK for at in deleted)
    return in_trash or digest in image.live() or image.must_have(digest, now)


def _ask(client: Client, target: str, digest: str) -> Outcome:
    """Revert, as an admin does beside the running server."""
    if client.rng.random() >= _BY_COMMAND:
        return client.site.helper.ask("revert", target, to=digest)
    sent = time.monotonic()
    done = client.site.server.cli("tag", "revert", target, "--to", digest)
    error = None
    if done.returncode != 0:
        gone = "have expired" in done.stderr or "nor in the trash" in done.stderr
        error = EXPIRED[0] if gone else "a defect"
    return Outcome(error, done.stdout + done.stderr, sent, time.monotonic())
