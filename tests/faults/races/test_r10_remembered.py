"""R10: what a process remembers of content that another one has pruned."""

from __future__ import annotations

from contextlib import closing

import pytest

from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, ManifestPartsMissing
from tests.faults.races.scenes import LAYER, check_pushed, yes
from tests.support.bench import ALICE, IMAGE, TAG, Bench


def test_r10_no_process_answers_from_memory(bench: Bench) -> None:
    """Everything has been asked of this process before another one prunes it away."""
    body = bench.push(LAYER)
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        writer.write(LAYER)
        repository.settle_upload(writer)
    assert bench.pull() == bench.pull(body) == body
    assert yes(bench)
    other = bench.again()
    other.delete(body)
    other.settle()
    assert not yes(bench)
    assert not bench.has(body)
    assert not bench.pulls()
    assert not bench.stores(LAYER)
    with pytest.raises(ManifestPartsMissing):
        bench.put(body, TAG)
    with pytest.raises(BlobUnknown):
        repository.blob(IMAGE, Digest.of(LAYER))
    bench.push(LAYER)
    check_pushed(bench)
