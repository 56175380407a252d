"""One client that does everything once: what must go on, whatever the pruner does meanwhile."""

from __future__ import annotations

from contextlib import closing

from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from tests.faults.races.scenes import LAYER
from tests.support.bench import ALICE, IMAGE, Bench, index, referrer


def chunked(bench: Bench) -> None:
    repository = bench.repository
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        writer.write(LAYER)
        repository.settle_upload(IMAGE, writer)
    with closing(repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        repository.finish_upload(IMAGE, writer, Digest.of(LAYER))


def everything(bench: Bench) -> None:
    """Push, mount, refer, retag, delete and restore."""
    chunked(bench)
    body = bench.push(LAYER)
    bench.put(index(body), Tag("index"))
    bench.put(referrer(body))
    deep = ImageName("a/b/c")
    bench.repository.mount_blob(deep, bench.repository.blob(IMAGE, Digest.of(LAYER)), ALICE)
    bench.push(LAYER, at=deep)
    bench.push(b"new", note="new")
    bench.untag()
    bench.restore()
