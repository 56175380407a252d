from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.access.decision import Decisions
from registry.access.principals import ANONYMOUS, Action, Principal
from registry.model.digests import Digest
from registry.model.errors import AuthenticationRequired, BlobUnknown, RepositoryUnknown
from registry.model.names import NAME_LIMIT, ImageName, Reference, RepositoryKey
from registry.model.paging import PageRequest
from registry.repositories.definitions import Definitions
from registry.repositories.directory import Directory, GuardedDirectory
from registry.repositories.local import LocalRepository
from registry.storage import format as storage_format
from registry.storage.store import Store
from tests.repositories.pushing import IMAGE, KEY, OTHER, push_image
from tests.storage.test_catalog import plant

ALICE = Principal("alice")
DIGEST = Digest.of(b"one")


@pytest.fixture
def seen(directory: Directory) -> GuardedDirectory:
    return directory.as_seen_by(ALICE, "192.0.2.1")


def test_a_repository_is_opened_by_its_key(seen: GuardedDirectory) -> None:
    assert seen.open(str(KEY)).key == KEY


@pytest.mark.parametrize(
    "key", ["", "none", "..", "../etc", "v2", "A", "x" * 5000, "a/b", "ä", "\0"]
)
def test_what_is_no_repository_is_unknown(seen: GuardedDirectory, key: str) -> None:
    with pytest.raises(RepositoryUnknown) as caught:
        seen.open(key)
    assert len(str(caught.value.details)) < 400


@pytest.mark.parametrize("key", [str(KEY), "none", "..", "A"])
def test_nobody_learns_which_repositories_there_are(directory: Directory, key: str) -> None:
    nobody = directory.as_seen_by(Principal(ANONYMOUS), "192.0.2.1")
    messages = set()
    with pytest.raises(AuthenticationRequired) as caught:
        nobody.open(key).manifest(IMAGE, DIGEST)
    messages.add(caught.value.message)
    assert messages == {"authentication required"}
    for ask in (nobody.require_login, lambda: nobody.images(PageRequest())):
        with pytest.raises(AuthenticationRequired):
            ask()


def test_a_blob_is_mounted_from_an_image_that_has_it(
    seen: GuardedDirectory, repository: LocalRepository
) -> None:
    push_image(repository, b"one")
    assert seen.mount_source(KEY, IMAGE, DIGEST).size == 3
    assert seen.find_blob(DIGEST, seen.open(KEY)).size == 3


@pytest.mark.parametrize(
    ("key", "image"),
    [
        (KEY, OTHER), ("none", IMAGE), ("..", IMAGE), (KEY, "../x"), (KEY, ""), (KEY, "A"),
        (KEY, "a" * NAME_LIMIT), (KEY, "sha256__" + "a" * (NAME_LIMIT - 8)), (KEY, "a\0b"),
    ],
)  # fmt: skip
def test_there_is_no_source_anywhere_else(
    seen: GuardedDirectory, repository: LocalRepository, key: str, image: str
) -> None:
    push_image(repository, b"one")
    with pytest.raises(BlobUnknown):
        seen.mount_source(key, image, DIGEST)


def test_a_source_that_may_not_be_read_does_not_exist(
    directory: Directory, repository: LocalRepository
) -> None:
    push_image(repository, b"one")
    access = {f"{KEY}/{OTHER}": frozenset(Action)}
    limited = directory.as_seen_by(Principal("alice", access=access), "192.0.2.1")
    with pytest.raises(BlobUnknown):
        limited.mount_source(KEY, IMAGE, DIGEST)


def test_a_search_finds_only_what_the_principal_may_read(
    store: Store, repository: LocalRepository
) -> None:
    class OnlyOther(Decisions):
        """Decisions that let one image be read."""

        def allows(
            self,
            principal: Principal,
            action: Action,
            key: RepositoryKey,
            image: ImageName,
            reference: Reference | None = None,
        ) -> bool:
            return image == OTHER

    seen = Directory(store, Definitions(store), OnlyOther()).as_seen_by(ALICE, "192.0.2.1")
    push_image(repository, b"one")
    for digest in (DIGEST, Digest.of(b"nowhere")):
        with pytest.raises(BlobUnknown):
            seen.find_blob(digest, seen.open(KEY))
    push_image(repository, b"one", image=OTHER)
    assert f"/{OTHER}/" in seen.find_blob(DIGEST, seen.open(KEY)).path


@settings(
    database=None, deadline=None, max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    st.sets(st.tuples(st.sampled_from(["a", "a-b", "a.b", "ab"]), st.sampled_from("abc"))),
    st.none() | st.sampled_from(["a", "a/", "a-b/a", "a.b/b", "a/b", "ab/z", "", "zz", "a-"]),
    st.none() | st.integers(0, 9),
)  # fmt: skip
def test_a_page_of_all_images_is_a_slice_of_the_sorted_list(
    tmp_path: Path, names: set[tuple[str, str]], after: str | None, limit: int | None
) -> None:
    root = tmp_path / str(len(list(tmp_path.iterdir())))
    store = Store(str(root))
    storage_format.prepare(store.layout)
    definitions = Definitions(store)
    for key, image in names:
        if definitions.find(key) is None:
            definitions.create(RepositoryKey(key), "local", {})
        plant(store.layout, image, "1.0", RepositoryKey(key))
    seen = Directory(store, definitions, Decisions()).as_seen_by(ALICE, "192.0.2.1")
    page = seen.images(PageRequest(limit, after))
    rest = sorted(f"{k}/{i}" for k, i in names if after is None or f"{k}/{i}" > after)
    assert list(page.names) == rest[:limit]
    assert page.more == (limit is not None and len(rest) > limit)
