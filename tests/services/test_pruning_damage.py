"""What a pass does among strangers' files, and where something is damaged: it goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.names import RepositoryKey, Tag
from registry.repositories.local import LocalRepository
from tests.support.accounts import check_accounts
from tests.support.bench import ALICE, GRACE, IMAGE, KEY, TRASH, Bench, index
from tests.support.travel import DAY, HOUR

PLACES: list[Callable[[Bench], str]] = [
    lambda bench: bench.root,
    lambda bench: bench.layout.top("artifacts"),
    lambda bench: bench.layout.repository(KEY),
    lambda bench: os.path.dirname(bench.layout.image(KEY, IMAGE)),
    lambda bench: bench.layout.image(KEY, IMAGE),
    lambda bench: bench.layout.manifest_folder(KEY, IMAGE, Tag("1.0")),
    lambda bench: bench.layout.layers(KEY, IMAGE),
    lambda bench: bench.layout.manifests(KEY, IMAGE),
    lambda bench: bench.layout.top("filestore"),
    lambda bench: f"{bench.layout.top('filestore')}/sha256",
    lambda bench: f"{bench.layout.top('filestore')}/sha256/{Digest.of(b'layer').encoded[:2]}",
    lambda bench: bench.layout.top("trash"),
    lambda bench: bench.layout.top("uploads"),
    lambda bench: bench.layout.top("etc/repositories"),
    lambda bench: bench.layout.top("journal"),
    lambda bench: bench.layout.top("locks"),
]


@pytest.mark.parametrize("place", range(len(PLACES)))
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_stranger_does_not_stop_the_pruner(bench: Bench, place: int, kind: str) -> None:
    """Files of desktops, ``lost+found``: somebody's, whatever they are for."""
    bench.push(b"layer")
    path = f"{PLACES[place](bench)}/.DS_Store"
    if kind == "file":
        Path(path).touch()
    elif kind == "folder":
        os.mkdir(path)
    else:
        os.symlink("/nowhere", path)
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    report = bench.live_for(4 * DAY, every=12 * HOUR)
    assert report.failed == 0
    assert not bench.stores(b"alone")
    assert os.path.lexists(path) or kind == "folder"
    bench.pull()


def spoil(path: str) -> None:
    """Flip some bits."""
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"\0\0")


def test_a_damaged_manifest_stays_and_keeps_nothing_else_from_going(bench: Bench) -> None:
    """Whether a pass has read it before it was damaged or not; its blobs stay with it."""
    for number in range(2):
        spoilt = bench.push(b"spoilt", note="1")
        gone = bench.push(b"gone", note="2")
        bench.push(b"layer", note="3")
        bench.live_for(number * DAY)
        spoil(bench.layout.manifest(KEY, IMAGE, Digest.of(spoilt)))
        bench.store.filestore.store(b"alone", Digest.of(b"alone"))
        bench.blob(b"lonely")
        report = bench.settle()
        assert report.failed == 0
        assert report.manifests_kept == {"damage": 1}
        assert not any(map(bench.stores, (b"alone", b"gone", b"lonely")))
        assert not bench.has(gone)
        assert bench.stores(b"spoilt")
        bench.pull()


def test_the_children_of_a_damaged_index_stay(bench: Bench) -> None:
    """Pushing the index again heals it, and needs them."""
    child = bench.push(b"layer", to=None)
    body = index(child)
    bench.put(body, Tag("1.0"))
    spoil(bench.layout.manifest(KEY, IMAGE, Digest.of(body)))
    fresh = bench.again()
    fresh.settle()
    assert fresh.pulls(child)


@pytest.mark.parametrize("top", ["sidecar", "record"])
def test_a_damaged_document_stops_nothing(bench: Bench, top: str) -> None:
    gone = bench.push(b"first", note="1")
    bench.push(b"layer", note="2")
    bench.live_for(2 * DAY)
    folder = bench.layout.manifest_folder(KEY, IMAGE, Digest.of(gone))
    sidecar = f"{folder}/manifest.json.properties.json"
    Path(sidecar if top == "sidecar" else bench.layout.pruning()).write_bytes(b"{")
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    assert bench.settle().failed == 0
    assert not bench.stores(b"alone")
    assert not bench.has(gone)
    bench.pull()


def test_a_damaged_definition_keeps_its_repository_and_no_other(bench: Bench) -> None:
    """Nobody can say what it wants to keep, so it is as if no pass was made there."""
    other = RepositoryKey("other-local")
    bench.definitions.create(other, "local", {})
    late = LocalRepository(bench.store, bench.definitions.get(other))
    digest = Digest.of(b"other")
    with closing(late.open_whole_upload(IMAGE, "sha256", ALICE, 5)) as writer:
        writer.write(b"other")
        late.finish_upload(IMAGE, writer, digest)
    bench.push(b"layer")
    bench.blob(b"lonely")
    path = Path(bench.layout.repository_definition(other))
    whole = path.read_bytes()
    path.write_bytes(b"{")
    report = bench.settle()
    assert report.failed == 1
    assert not bench.stores(b"lonely")
    assert late.blob(IMAGE, digest).size == 5
    assert bench.entries() == []
    path.write_bytes(whole)
    assert bench.settle().failed == 0
    assert not bench.stores(b"other")
    bench.pull()


@pytest.mark.parametrize(
    "note",
    [b"", b"{", b"[]", b"{}", {"time": "yesterday"}, {"time": 3}, {"time": None}, {"act": None},
     {"repository": 7}, {"image": 7}, {"reference": 7}, {"digest": 7}, {"digest": "sha256:x"},
     {"time": "2026-01-01T00:00:00"}, {"reference": "../../.."}],
    ids=str,
)  # fmt: skip
def test_a_damaged_note_in_the_trash(bench: Bench, note: bytes | dict[str, object]) -> None:
    """It stops no pass, and what it is the note of goes when its time is over."""
    bench.delete(bench.push(b"layer"))
    path = f"{bench.store.trash.path(bench.entries()[0])}/deletion.json"
    if isinstance(note, dict):
        note = json.dumps(json.loads(Path(path).read_bytes()) | note).encode()
    Path(path).write_bytes(note)
    bench.store.filestore.store(b"alone", Digest.of(b"alone"))
    bench.live_for(3 * DAY, every=12 * HOUR)
    assert not bench.stores(b"alone")
    bench.live_for(TRASH + 3 * GRACE, every=DAY)
    assert os.listdir(bench.layout.top("trash")) == []
    check_accounts(bench.root)
