"""What keeps content and what does not: the trash, names elsewhere, damage, half-done work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.names import RepositoryKey, Tag
from registry.model.targets import parse_target
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.storage.manifest_files import Place
from registry.storage.orphans import Amount
from registry.storage.store import Store
from tests.repositories.pushing import (
    ALICE,
    CONFIG,
    IMAGE,
    KEY,
    OTHER,
    TAG,
    index_body,
    push_blob,
    push_image,
    put,
)
from tests.services.usage_asking import APP, BASE, ONE, SECOND, TWO, ask, figures, shares
from tests.services.usage_stores import open_store, prune_to_the_end


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(str(tmp_path / "store"))
    Definitions(made).create(KEY, "local", {})
    yield made
    made.journal.close()


@pytest.fixture
def repository(store: Store) -> LocalRepository:
    return LocalRepository(store, Definitions(store).get(KEY))


def test_what_goes_by_itself_is_nobodys(store: Store, repository: LocalRepository) -> None:
    """An overwritten tag's manifest and a blob without one share with the tag, for a while."""
    old = push_image(repository, BASE, ONE)
    new = push_image(repository, BASE, note="new")
    push_blob(repository, TWO)
    name = f"{APP}@{Digest.of(old)}"
    common = len(CONFIG) + len(BASE)
    assert shares(store, f"{APP}:{TAG}") == {name: common}
    assert figures(store, f"{APP}:{TAG}")[2:] == (len(new), len(new) + common)
    assert figures(store, name)[2:] == (len(old) + len(ONE), 0)
    assert {part.name for part in ask(store, APP).parts} == {f"{APP}:{TAG}", name}
    waiting = {kind: amount for kind, amount in ask(store).waiting.items() if amount.names}
    assert waiting == {
        "untagged": Amount(2, len(old) + len(ONE)), "leases": Amount(1, len(TWO))
    }  # fmt: skip
    Definitions(store).update(KEY, {"untaggedRetentionDays": -1})
    assert figures(store, f"{APP}:{TAG}")[2:] == (len(new), len(new))
    assert figures(store, name)[2:] == (len(old) + len(ONE), len(old) + len(ONE))
    assert "untagged" not in {k for k, amount in ask(store).waiting.items() if amount.names}


def test_the_trash_shares_and_does_not_keep(store: Store, repository: LocalRepository) -> None:
    one = push_image(repository, BASE, ONE)
    two = push_image(repository, BASE, reference=SECOND, note="two")
    repository.delete_tag(IMAGE, TAG, ALICE)
    common = len(CONFIG) + len(BASE)
    assert shares(store, f"{APP}:{SECOND}") == {"trash": common}
    assert figures(store, f"{APP}:{SECOND}")[2:] == (len(two), len(two) + common)
    assert ask(store).waiting["trash"] == Amount(2, len(one) + len(ONE))


def test_names_elsewhere_keep(store: Store, repository: LocalRepository, tmp_path: Path) -> None:
    """A backup of hard links, which pruning does not touch."""
    body = push_image(repository, BASE)
    os.link(store.layout.layer(KEY, IMAGE, Digest.of(BASE)), tmp_path / "backup")
    rest = len(body) + len(CONFIG)
    assert figures(store, f"{APP}:{TAG}")[2:] == (rest, rest)
    assert shares(store, f"{APP}:{TAG}") == {"elsewhere": len(BASE)}


def test_quarantine_keeps(store: Store, repository: LocalRepository) -> None:
    body = push_image(repository, BASE)
    os.link(
        store.layout.layer(KEY, IMAGE, Digest.of(BASE)), store.layout.quarantined(Digest.of(BASE))
    )
    assert shares(store, f"{APP}:{TAG}") == {"quarantine": len(BASE)}
    assert figures(store, f"{APP}:{TAG}")[3] == len(body) + len(CONFIG)


def test_orphans_and_uploads_are_listed(store: Store, repository: LocalRepository) -> None:
    push_image(repository, BASE)
    store.filestore.store(ONE, Digest.of(ONE))
    upload = repository.start_upload(IMAGE, "sha256", ALICE)
    writer = repository.open_upload(IMAGE, upload.id, ALICE)
    writer.write(TWO)
    writer.close()
    waiting = ask(store).waiting
    assert waiting["orphans"] == Amount(1, len(ONE))
    assert waiting["uploads"] == Amount(1, len(TWO))
    assert ask(store).total.own == figures(store, f"{APP}:{TAG}")[1]


def test_half_done_work_is_nobodys_name(store: Store, repository: LocalRepository) -> None:
    body = push_image(repository, BASE)
    layer = store.layout.layer(KEY, IMAGE, Digest.of(BASE))
    folder = store.layout.manifest_folder(KEY, IMAGE, TAG)
    for name in ("_tmp.1234", "_held.1.00000000.x"):
        os.link(layer, f"{folder}/{name}")
        os.link(layer, f"{store.layout.layers(KEY, IMAGE)}/{name}")
    os.mkdir(f"{store.layout.image(KEY, IMAGE)}/half")
    os.link(layer, f"{store.layout.image(KEY, IMAGE)}/half/{os.path.basename(layer)}")
    size = len(body) + len(CONFIG) + len(BASE)
    assert figures(store, f"{APP}:{TAG}") == (size, size, size, size)


def test_content_that_is_split_counts_as_often_as_it_is_there(
    store: Store, repository: LocalRepository
) -> None:
    push_image(repository, BASE)
    store.filestore._split(store.layout.content(Digest.of(BASE)))
    other = push_image(repository, BASE, image=OTHER)
    prune_to_the_end(store)
    assert shares(store, APP) == {f"{KEY}/{OTHER}": len(other) + len(CONFIG)}
    assert figures(store, APP)[2:] == (len(BASE), len(BASE))


def test_a_copy_without_hard_links_is_warned_of(
    store: Store, repository: LocalRepository, tmp_path: Path
) -> None:
    push_image(repository, BASE)
    assert ask(store).warning is None
    shutil.copytree(store.layout.root, tmp_path / "copy")
    report = ask(Store(str(tmp_path / "copy")), APP)
    assert report.warning is not None
    assert "'relink'" in report.warning


def test_what_is_damaged_lets_nothing_else_go(store: Store, repository: LocalRepository) -> None:
    """Nobody knows what a damaged manifest needs, so the pruner leaves the image as it is."""
    old = push_image(repository, ONE)
    body = push_image(repository, BASE, note="new")
    path = store.layout.manifest(KEY, IMAGE, Digest.of(body))
    os.chmod(path, 0o644)
    Path(path).write_bytes(b"{")
    assert figures(store, f"{APP}@{Digest.of(old)}")[3] == len(old) + len(ONE)
    assert figures(store, f"{APP}:{TAG}")[3] == 0
    assert ask(store).waiting["untagged"] == Amount()


def test_a_manifest_without_a_folder_needs_its_blobs(
    store: Store, repository: LocalRepository
) -> None:
    """As a push leaves it that was killed; its index needs it all the same."""
    child = push_image(repository, BASE)
    index = index_body(child)
    put(repository, index, SECOND)
    with store.locks.image(KEY, IMAGE):
        store.manifests.remove_folders(Place(KEY, IMAGE), [TAG])
    size = len(child) + len(index) + len(CONFIG) + len(BASE)
    assert figures(store, f"{APP}:{SECOND}") == (size, size, size, size)


def test_tags_and_images_below_one_another(store: Store, repository: LocalRepository) -> None:
    """The folder ``team/app/debug`` is a tag of one image, and another image."""
    push_image(repository, BASE, reference=Tag("debug"))
    debug = parse_target(f"{KEY}/{IMAGE}/debug")
    assert debug.image is not None
    push_image(repository, ONE, image=debug.image, note="below")
    assert {part.name for part in ask(store, str(KEY)).parts} == {APP, f"{APP}/debug"}
    assert [part.name for part in ask(store, APP).parts] == [f"{APP}:debug"]


def test_a_folder_of_no_repository_is_nobodys(store: Store, repository: LocalRepository) -> None:
    body = push_image(repository, BASE)
    shutil.copytree(
        store.layout.repository(KEY), store.layout.repository(RepositoryKey("lost")),
        copy_function=os.link,
    )  # fmt: skip
    size = len(body) + len(CONFIG) + len(BASE)
    assert figures(store, APP) == (size, size, size, size)
