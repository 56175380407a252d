"""Pushes to images that keep few tags: the oldest go as new ones come."""

from __future__ import annotations

from tests.faults.soak.checking import check_tags
from tests.faults.soak.client import Client
from tests.faults.soak.deleting import delete_tag
from tests.faults.soak.figures import MOST
from tests.faults.soak.pushing import push


def push_to_limited(client: Client) -> None:
    """Push to an image of few tags, and see which of them are left."""
    image, tag = client.touch(client.limited), client.some_tag()
    reply = push(client, image, tag, client.site.pool.build(client.rng))
    if reply is None:
        return
    client.order = [*(other for other in client.order if other != tag), tag]
    while len(client.order) > MOST:
        delete_tag(image, client.order.pop(0), reply)
        client.site.tally.add("tags beyond the limit")
    check_tags(client, image)
