"""What is counted, and what is shared with whom; each figure worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.errors import ImageUnknown, ManifestUnknown, RepositoryUnknown
from registry.model.names import RepositoryKey, Tag
from registry.model.targets import Target
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.services.usage import Usage
from registry.services.usage_report import Figures
from registry.storage.store import Store
from tests.model import documents
from tests.repositories.pushing import (
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
from tests.services.usage_stores import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(str(tmp_path / "store"))
    Definitions(made).create(KEY, "local", {})
    yield made
    made.journal.close()


@pytest.fixture
def repository(store: Store) -> LocalRepository:
    return LocalRepository(store, Definitions(store).get(KEY))


def test_tags_that_share_a_base(store: Store, repository: LocalRepository) -> None:
    one = push_image(repository, BASE, ONE)
    two = push_image(repository, BASE, TWO, reference=SECOND)
    common = len(CONFIG) + len(BASE)
    assert figures(store, f"{APP}:{TAG}") == (
        len(one) + common + len(ONE), len(one) + common + len(ONE),
        len(one) + len(ONE), len(one) + len(ONE),
    )  # fmt: skip
    assert shares(store, f"{APP}:{TAG}") == {f"{APP}:{SECOND}": common}
    every = len(one) + len(two) + len(ONE) + len(TWO) + common
    assert figures(store, APP) == (every + common, every, every, every)
    assert figures(store, KEY) == (every + common, every, every, every)
    assert [part.name for part in ask(store, APP).parts] == [f"{APP}:{SECOND}", f"{APP}:{TAG}"]
    assert ask(store).total == Figures("", every + common, every, every, None)


def test_two_tags_of_one_manifest_free_nothing_alone(
    store: Store, repository: LocalRepository
) -> None:
    body = push_image(repository, BASE)
    put(repository, body, SECOND)
    size = len(body) + len(CONFIG) + len(BASE)
    assert figures(store, f"{APP}:{TAG}") == (size, size, 0, 0)
    usage = Usage(store, Definitions(store))
    assert usage.freed_by([(KEY, IMAGE, TAG)]) == 0
    assert usage.freed_by([(KEY, IMAGE, TAG), (KEY, IMAGE, SECOND)]) == size
    assert usage.freed_by([(KEY, IMAGE, TAG), (KEY, IMAGE, TAG)]) == 0
    assert usage.freed_by([(KEY, OTHER, TAG), (KEY, IMAGE, Tag("none"))]) == 0
    # As a manifest, both tags are the thing itself.
    assert figures(store, f"{APP}@{Digest.of(body)}") == (size, size, size, size)


def test_the_others_are_of_the_same_kind(store: Store, repository: LocalRepository) -> None:
    second = LocalRepository(store, Definitions(store).create(RepositoryKey("second"), "local", {}))
    body = push_image(repository, BASE)
    push_image(repository, BASE, image=OTHER)
    push_image(second, BASE, reference=SECOND)
    size = len(body) + len(CONFIG) + len(BASE)
    assert shares(store, f"{APP}:{TAG}") == {
        f"{KEY}/{OTHER}:{TAG}": size, f"second/{IMAGE}:{SECOND}": size
    }  # fmt: skip
    assert shares(store, APP) == {f"{KEY}/{OTHER}": size, f"second/{IMAGE}": size}
    assert shares(store, str(KEY)) == {"second": size}
    assert figures(store, str(KEY)) == (2 * size, size, 0, 0)


def test_an_index_has_its_children_and_what_refers_to_it(
    store: Store, repository: LocalRepository
) -> None:
    for data in (CONFIG, BASE, ONE):
        push_blob(repository, data)
    child = documents.encode(documents.image(CONFIG, BASE))
    put(repository, child, Digest.of(child))
    index = index_body(child)
    put(repository, index)
    signature = documents.encode(documents.image(CONFIG, ONE, subject=documents.descriptor(index)))
    put(repository, signature, Digest.of(signature))
    manifests = len(child) + len(index) + len(signature)
    own = manifests + len(CONFIG) + len(BASE) + len(ONE)
    assert figures(store, f"{APP}:{TAG}") == (own + len(CONFIG), own, own, own)
    assert [part.name for part in ask(store, APP).parts] == [f"{APP}:{TAG}"]
    report = ask(store, f"{APP}@{Digest.of(child)}")
    assert (report.needed_by, report.total.frees) == (f"{APP}:{TAG}", 0)
    assert report.total.own == len(child) + len(CONFIG) + len(BASE)
    Definitions(store).update(KEY, {"allowSparseIndexes": True})
    report = ask(store, f"{APP}@{Digest.of(child)}")
    assert (report.needed_by, report.total.frees) == (None, len(child) + len(BASE))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("none", RepositoryUnknown), (f"{KEY}/none", ImageUnknown),
        (f"{APP}:none", ManifestUnknown), (f"{APP}@sha256:{'0' * 64}", ManifestUnknown),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(
    store: Store, repository: LocalRepository, text: str, error: type[Exception]
) -> None:
    push_image(repository, BASE)
    with pytest.raises(error):
        ask(store, text)


def test_one_walk_answers_all(store: Store, repository: LocalRepository) -> None:
    push_image(repository, BASE)
    folders: list[int] = []
    usage = Usage(store, Definitions(store), folders.append)
    before = usage.of(Target(KEY))
    push_image(repository, ONE, reference=SECOND)
    assert usage.of(Target(KEY)) == before
