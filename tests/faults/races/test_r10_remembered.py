"""R10: what a process remembers of content that another one has pruned."""

from __future__ import annotations

from contextlib import closing

import pytest

from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, ManifestPartsMissing, ManifestUnknown
from tests.faults.races.clients import Image, has, pull, push, put
from tests.faults.races.scenes import LAYER, check_pushed, yes
from tests.faults.races.workers import Workers
from tests.live.wire import digest_of
from tests.support.bench import ALICE, IMAGE, TAG, Bench


def test_r10_no_process_answers_from_memory(bench: Bench) -> None:
    """Everything has been asked of this process before another one prunes it away."""
    body = bench.push(LAYER)
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        writer.write(LAYER)
        repository.settle_upload(IMAGE, writer)
    assert bench.pull() == bench.pull(body) == body
    assert yes(bench)
    other = bench.again()
    other.delete(body)
    other.settle()
    assert not yes(bench)
    assert not bench.has(body)
    assert not bench.pulls()
    with pytest.raises(ManifestUnknown):
        repository.manifest(IMAGE, Digest.of(body))
    assert not bench.stores(LAYER)
    with pytest.raises(ManifestPartsMissing):
        bench.put(body, TAG)
    with pytest.raises(BlobUnknown):
        repository.blob(IMAGE, Digest.of(LAYER))
    bench.push(LAYER)
    check_pushed(bench)


def test_r10_no_worker_answers_from_memory(workers: Workers) -> None:
    """One has served everything again and again before another one deletes it."""
    image, other = Image("r10"), Image("r10-other")
    uploads = f"{other.path}/blobs/uploads/?mount={digest_of(image.layer)}&from=docker-local/r10"
    with workers.no_pruning(), workers.apart() as (one, another):
        push(one, image)
        for _ in range(2):
            assert pull(one, image) == image.manifest
            assert has(one, image, image.layer)
            assert one.ask("POST", uploads).status == 201
        digest = digest_of(image.manifest)
        assert another.ask("DELETE", f"{image.path}/manifests/{digest}").status == 202
        assert pull(one, image) is None
        workers.prune_until(
            lambda: not workers.stores(Digest(digest_of(image.layer))), "freed", grace=0.05
        )
        assert not has(one, image, image.layer)
        assert one.ask("HEAD", f"{image.path}/manifests/{digest}").status == 404
        assert one.ask("POST", uploads).status == 202
        refused = put(one, image)
        assert (refused.status, refused.code) == (404, "MANIFEST_BLOB_UNKNOWN")
        push(one, image)
        assert pull(another, image) == image.manifest
