"""How many fsyncs a push costs."""

from __future__ import annotations

import pytest

from registry.services.instance import Instance
from tests.faults.model import operations as do
from tests.faults.model.crashes import Ordered, Weakest
from tests.faults.model.flows import Flow
from tests.faults.model.operations import Work
from tests.faults.model.trial import record
from tests.repositories.pushing import image_body, push_blob, put


def push_of(blobs: int) -> Work:
    """Return the push of an image with so many blobs, of which the folder has none."""

    def push(at: Instance) -> None:
        config, *layers = [b"%d of %d" % (number, blobs) for number in range(blobs)]
        for data in (config, *layers):
            push_blob(do.local(at), data)
        put(do.local(at), image_body(*layers, config=config), do.SECOND)

    return push


def fsyncs(before: Work, blobs: int) -> tuple[int, int]:
    """Return how many fsyncs a push does on the weakest filesystem, and on one with a journal."""
    flow = Flow((before,), (push_of(blobs),))
    weakest, ordered = (len(record(flow, model).syncs()) for model in (Weakest, Ordered))
    return weakest, ordered


@pytest.mark.parametrize("blobs", [1, 2, 5])
def test_a_push_to_an_image(blobs: int) -> None:
    """The bytes of the blobs, of the manifest and of its sidecar, and the commit; the weakest
    filesystem needs four folders, too: what the image shows, the new one, and the image's own."""
    assert fsyncs(do.pushed, blobs) == (blobs + 7, blobs + 3)


@pytest.mark.parametrize("blobs", [1, 2, 5])
def test_a_push_to_a_new_image(blobs: int) -> None:
    """On the weakest filesystem each of four folders that are made costs one, and so do the two
    above the image; and so does the filestore's folder of an algorithm, which is made once."""
    assert fsyncs(do.empty, blobs) == (blobs + 14, blobs + 3)
