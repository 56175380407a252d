"""R15: copies of a storage folder that have lost their hard links."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from registry.model.digests import Digest
from registry.model.names import Tag
from tests.support.bench import EVERYTHING, Bench
from tests.support.travel import DAY


def test_r15_a_restored_copy_is_not_emptied(bench: Bench, tmp_path: Path) -> None:
    bodies = {Tag(f"{n}"): bench.push(f"{n}".encode(), to=Tag(f"{n}")) for n in range(4)}
    shutil.copytree(bench.root, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Bench(str(tmp_path / "copy"), bench.travel)
    before = {name for _, _, names in os.walk(copy.layout.top("filestore")) for name in names}
    report = copy.live_for(EVERYTHING, every=2 * DAY)
    assert report.skipped is not None
    after = {name for _, _, names in os.walk(copy.layout.top("filestore")) for name in names}
    assert after == before
    for tag, body in bodies.items():
        assert copy.pull(tag) == body


def test_r15_a_few_lost_links_keep_their_content_and_nothing_else(bench: Bench) -> None:
    """As where a part of the folder has been restored."""
    for n in range(4):
        bench.push(f"{n}".encode(), to=Tag(f"{n}"))
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    encoded = Digest.of(b"0").encoded
    for folder, _, names in os.walk(bench.root):
        for path in (f"{folder}/{name}" for name in names if encoded in name):
            shutil.copyfile(path, f"{path}.copy")
            os.replace(f"{path}.copy", path)
    assert bench.live_for(EVERYTHING, every=2 * DAY).skipped is None
    assert bench.stores(b"0")
    assert not bench.stores(b"alone")
