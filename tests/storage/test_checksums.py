"""SHA-1 and MD5 of content: right, kept, found again, and never more than derived."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.services.scrubbing import Scrubbing, ScrubOptions
from registry.storage.checksums import Checksums, ChecksumStore
from registry.storage.store import Store
from tests.storage.pushes import add_blob

DATA = b"some content"
DIGEST = Digest.of(DATA)
SUMS = Checksums(hashlib.sha1(DATA).hexdigest(), hashlib.md5(DATA).hexdigest())


def fresh(store: Store) -> ChecksumStore:
    """Return what another process has, which remembers nothing."""
    return ChecksumStore(store.layout, store.filestore)


def lines(store: Store) -> list[str]:
    folder = Path(store.layout.top("checksums"))
    return [
        line
        for file in folder.rglob("*")
        if file.is_file()
        for line in file.read_text().splitlines()
    ]


def test_they_are_computed_once_and_kept(store: Store) -> None:
    add_blob(store, DATA)
    assert fresh(store).known(DIGEST) is None
    assert store.checksums.of(DIGEST) == SUMS
    Path(store.layout.content(DIGEST)).unlink()
    assert fresh(store).of(DIGEST) == SUMS
    assert len(lines(store)) == 1


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_content_is_found_by_either_sum(store: Store, algorithm: str) -> None:
    digest = Digest.of(DATA, algorithm)
    store.filestore.store(DATA, digest)
    assert list(store.checksums.find("sha1", SUMS.sha1)) == []
    store.checksums.of(digest)
    for kind, value in (("sha1", SUMS.sha1), ("md5", SUMS.md5)):
        assert list(fresh(store).find(kind, value)) == [digest]
    assert list(store.checksums.find("md5", SUMS.sha1[:32])) == []


def test_what_has_been_pruned_is_not_found(store: Store) -> None:
    add_blob(store, DATA)
    store.checksums.of(DIGEST)
    Path(store.layout.content(DIGEST)).unlink()
    assert list(store.checksums.find("sha1", SUMS.sha1)) == []


def test_content_that_is_not_there_has_none(store: Store) -> None:
    assert store.checksums.of(DIGEST) is None
    assert lines(store) == []


@pytest.mark.parametrize("left", [10, 64, 80, 120, 138])
def test_a_torn_line_is_computed_again(store: Store, left: int) -> None:
    add_blob(store, DATA)
    store.checksums.of(DIGEST)
    path = Path(store.layout.checksums("sha256", DIGEST.encoded[:2]))
    path.write_bytes(path.read_bytes()[:left])
    assert fresh(store).of(DIGEST) == SUMS
    assert fresh(store).of(DIGEST) == SUMS
    other = next(d for d in map(other_digest, range(9999)) if d.encoded[:2] == DIGEST.encoded[:2])
    assert fresh(store).known(other) is None


def other_digest(number: int) -> Digest:
    return Digest.of(b"%d" % number)


def test_a_scrub_computes_them_on_the_way(store: Store) -> None:
    add_blob(store, DATA)
    assert Scrubbing(store).run(ScrubOptions()).is_clean
    assert fresh(store).known(DIGEST) == SUMS
    Scrubbing(store).run(ScrubOptions(restart=True))
    assert len(lines(store)) == 1


def test_a_scrub_keeps_none_of_damaged_content(store: Store) -> None:
    add_blob(store, DATA)
    path = Path(store.layout.content(DIGEST))
    path.chmod(0o644)
    path.write_bytes(b"other bytes!")
    assert not Scrubbing(store).run(ScrubOptions()).is_clean
    assert fresh(store).known(DIGEST) is None
