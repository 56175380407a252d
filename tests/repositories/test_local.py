from __future__ import annotations

import os

import pytest

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    DigestMismatch,
    ImageUnknown,
    ManifestPartsMissing,
    ManifestUnknown,
    OperationUnsupported,
    TagInvalid,
    UploadUnknown,
)
from registry.model.names import ImageName, Tag
from registry.model.paging import PageRequest
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.model import documents
from tests.repositories.pushing import (
    ALICE,
    CONFIG,
    IMAGE,
    KEY,
    OTHER,
    TAG,
    all_tags,
    body_of,
    check_whole,
    image_body,
    index_body,
    push_blob,
    push_image,
    put,
)
from tests.storage.folders import files

LATEST = Tag("latest")


def test_an_image_is_pushed_and_pulled(repository: LocalRepository, store: Store) -> None:
    body = push_image(repository, b"one", b"two")
    stored = repository.manifest(IMAGE, TAG)
    assert (stored.body, stored.media_type) == (body, media_types.OCI_IMAGE)
    assert repository.manifest(IMAGE, Digest.of(body)).body == body
    blob = repository.blob(IMAGE, Digest.of(b"two"))
    with open(blob.path, "rb") as file:
        assert file.read() == b"two"
    assert all_tags(repository) == [TAG]
    assert list(repository.images(PageRequest()).names) == [IMAGE]
    assert check_whole(store, repository) == 1


def test_an_empty_image_is_unknown(repository: LocalRepository) -> None:
    push_blob(repository, b"one")
    with pytest.raises(ImageUnknown):
        repository.tags(IMAGE, PageRequest())
    with pytest.raises(ManifestUnknown):
        repository.manifest(IMAGE, TAG)
    with pytest.raises(ManifestUnknown):
        repository.delete_manifest(IMAGE, TAG, ALICE)


def test_all_missing_parts_are_named_and_nothing_stays(
    repository: LocalRepository, store: Store
) -> None:
    push_blob(repository, b"one")
    before = files(store.layout.root).keys()
    with pytest.raises(ManifestPartsMissing) as caught:
        put(repository, image_body(b"one", b"two", b"three", b"two"))
    missing = [Digest.of(data) for data in (CONFIG, b"two", b"three")]
    assert [detail["digest"] for detail in caught.value.details] == missing
    with pytest.raises(ManifestPartsMissing):
        put(repository, index_body(b"child"))
    assert files(store.layout.root).keys() == before


def test_a_blob_of_another_image_is_missing(repository: LocalRepository) -> None:
    push_image(repository, b"one", image=OTHER)
    with pytest.raises(ManifestPartsMissing) as caught:
        put(repository, image_body(b"one"))
    assert len(caught.value.details) == 2


def test_sparse_images_are_taken_where_they_are_allowed(store: Store) -> None:
    definitions = Definitions(store)
    repository = LocalRepository(store, definitions.update(KEY, {"allowSparseIndexes": True}))
    push_blob(repository, b"one")
    put(repository, image_body(b"one", b"two"))
    put(repository, index_body(b"child"), LATEST)
    assert all_tags(repository) == [TAG, LATEST]


def test_a_replaced_manifest_stays_by_digest(repository: LocalRepository, store: Store) -> None:
    first = push_image(repository, b"one", note="1")
    second = push_image(repository, b"two", note="2")
    assert repository.manifest(IMAGE, TAG).body == second
    assert repository.manifest(IMAGE, Digest.of(first)).body == first
    assert set(store.manifests.folders(Place(KEY, IMAGE))) == {TAG, Digest.of(first)}
    assert check_whole(store, repository) == 2


def test_a_manifest_is_put_under_a_digest_and_tags(
    repository: LocalRepository, store: Store
) -> None:
    push_image(repository, b"one")
    body = image_body(b"one", note="x")
    digest = Digest.of(body, "sha512")
    pushed = put(repository, body, digest, tags=[LATEST, Tag("2")])
    assert (pushed.digest, pushed.tags) == (digest, [LATEST, "2"])
    for reference in (LATEST, Tag("2"), digest):
        assert repository.manifest(IMAGE, reference).digest == digest
    with pytest.raises(DigestMismatch):
        put(repository, image_body(b"one", note="y"), digest)


def test_a_label_that_no_file_can_hold_does_not_break_a_push(
    repository: LocalRepository,
) -> None:
    config = b'{"config": {"Labels": {"a": "\\ud800", "b": "good"}}}'
    push_blob(repository, config)
    body = image_body(config=config)
    put(repository, body)
    assert body_of(repository) == body


def test_the_sidecar_tells_the_history_of_a_tag(repository: LocalRepository, store: Store) -> None:
    first = push_image(repository, b"one")
    sidecar = store.manifests.sidecar(Place(KEY, IMAGE), TAG)
    assert sidecar is not None
    created = sidecar["created"]
    assert sidecar["properties"]["docker.label.maintainer"] == ["alice"]
    assert (sidecar["digest"], sidecar["size"]) == (Digest.of(first), len(first))
    body = push_image(repository, b"two")
    sidecar = store.manifests.sidecar(Place(KEY, IMAGE), TAG)
    assert sidecar is not None
    assert (sidecar["created"], sidecar["createdBy"]) == (created, "alice")
    assert sidecar["sha256"] == Digest.of(body).encoded


def test_a_deleted_tag_leaves_its_manifest_by_digest(
    repository: LocalRepository, store: Store
) -> None:
    body = push_image(repository, b"one")
    put(repository, body, LATEST)
    repository.delete_manifest(IMAGE, TAG, ALICE)
    assert all_tags(repository) == [LATEST]
    repository.delete_manifest(IMAGE, LATEST, ALICE)
    assert all_tags(repository) == []
    assert repository.manifest(IMAGE, Digest.of(body)).body == body
    assert check_whole(store, repository) == 1
    with pytest.raises(ManifestUnknown):
        repository.delete_manifest(IMAGE, TAG, ALICE)


def test_a_deleted_digest_goes_with_all_its_tags(repository: LocalRepository, store: Store) -> None:
    body = push_image(repository, b"one", note="1")
    put(repository, body, LATEST)
    other = push_image(repository, b"one", note="2", reference=Tag("other"))
    repository.delete_manifest(IMAGE, Digest.of(body), ALICE)
    assert all_tags(repository) == ["other"]
    with pytest.raises(ManifestUnknown):
        repository.manifest(IMAGE, Digest.of(body))
    repository.delete_manifest(IMAGE, Digest.of(other), ALICE)
    for data in (CONFIG, b"one"):
        repository.delete_blob(IMAGE, Digest.of(data), ALICE)
    assert os.listdir(store.layout.repository(KEY)) == []


def test_a_child_of_an_index_cannot_be_deleted(repository: LocalRepository) -> None:
    child = push_image(repository, b"one", reference=Tag("child"))
    put(repository, index_body(child))
    with pytest.raises(OperationUnsupported, match=r"1\.0"):
        repository.delete_manifest(IMAGE, Digest.of(child), ALICE)
    repository.delete_manifest(IMAGE, Tag("child"), ALICE)
    assert body_of(repository, Digest.of(child)) == child
    repository.delete_manifest(IMAGE, Digest.of(index_body(child)), ALICE)
    repository.delete_manifest(IMAGE, Digest.of(child), ALICE)


def test_a_used_blob_cannot_be_deleted(repository: LocalRepository) -> None:
    push_image(repository, b"one")
    push_blob(repository, b"free")
    with pytest.raises(OperationUnsupported, match=r"1\.0"):
        repository.delete_blob(IMAGE, Digest.of(b"one"), ALICE)
    repository.delete_blob(IMAGE, Digest.of(b"free"), ALICE)
    for _ in range(2):
        with pytest.raises(BlobUnknown):
            repository.delete_blob(IMAGE, Digest.of(b"free"), ALICE)


def test_a_mount_lets_another_image_show_a_blob(repository: LocalRepository) -> None:
    push_image(repository, b"one", image=OTHER)
    for data in (CONFIG, b"one"):
        repository.mount_blob(IMAGE, repository.blob(OTHER, Digest.of(data)), ALICE)
    put(repository, image_body(b"one"))
    assert all_tags(repository) == [TAG]


def test_referrers_are_the_manifests_with_that_subject(repository: LocalRepository) -> None:
    subject = push_image(repository, b"one")
    reference = {"subject": documents.descriptor(subject, media_types.OCI_IMAGE)}
    body = documents.encode(documents.image(CONFIG, b"one", **reference))
    pushed = put(repository, body, Digest.of(body))
    assert pushed.subject == Digest.of(subject)
    assert [m.body for m in repository.referrers(IMAGE, Digest.of(subject))] == [body]
    assert repository.referrers(OTHER, Digest.of(subject)) == []
    repository.delete_manifest(IMAGE, Digest.of(body), ALICE)
    assert repository.referrers(IMAGE, Digest.of(subject)) == []


def test_schema_1_is_taken_only_where_it_is_allowed(store: Store) -> None:
    definitions = Definitions(store)
    repository = LocalRepository(store, definitions.get(KEY))
    push_blob(repository, b"one")
    body = documents.encode(documents.schema1(b"one", tag="1.0"))
    with pytest.raises(OperationUnsupported, match="blockPushingSchema1"):
        put(repository, body)
    repository = LocalRepository(store, definitions.update(KEY, {"blockPushingSchema1": False}))
    with pytest.raises(TagInvalid):
        put(repository, body, LATEST)
    put(repository, body)
    assert repository.manifest(IMAGE, TAG).media_type == media_types.SCHEMA1


def test_a_tag_and_an_image_may_share_a_folder(repository: LocalRepository, store: Store) -> None:
    foo, bar = ImageName("foo"), ImageName("foo/bar")
    push_image(repository, b"one", image=foo, reference=Tag("bar"))
    push_image(repository, b"two", image=bar)
    assert check_whole(store, repository) == 2
    repository.delete_manifest(foo, Tag("bar"), ALICE)
    assert all_tags(repository, bar) == [TAG]
    assert check_whole(store, repository) == 2


def test_uploads_belong_to_an_image_and_a_user(repository: LocalRepository) -> None:
    state = repository.start_upload(IMAGE, "sha256", ALICE)
    assert repository.upload(IMAGE, state.id, ALICE).size == 0
    with pytest.raises(UploadUnknown):
        repository.upload(OTHER, state.id, ALICE)
    repository.cancel_upload(IMAGE, state.id, ALICE)
    with pytest.raises(UploadUnknown):
        repository.cancel_upload(IMAGE, state.id, ALICE)
