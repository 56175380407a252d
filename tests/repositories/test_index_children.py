"""An index and its children: what is deleted between the check and the commit is found out."""

from __future__ import annotations

import pytest

from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing
from registry.model.names import Tag
from registry.repositories.local import LocalRepository
from registry.repositories.pushing import ManifestPush
from registry.storage.store import Store
from tests.repositories.pushing import ALICE, IMAGE, body_of, index_body, push_image, put
from tests.storage.folders import files


def test_invariant_5_a_child_deleted_during_the_push_of_its_index_is_missed(
    repository: LocalRepository, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = push_image(repository, b"layer")
    index = index_body(child)
    check = ManifestPush._require_parts

    def then_deleted(self: ManifestPush, manifest: object) -> list[Digest]:
        present = check(self, manifest)  # type: ignore[arg-type]
        repository.delete_manifest(IMAGE, Digest.of(child), ALICE)
        return present

    monkeypatch.setattr(ManifestPush, "_require_parts", then_deleted)
    with pytest.raises(ManifestPartsMissing) as caught:
        repository.put_manifest(IMAGE, Tag("index"), index, "", ALICE)
    assert list(caught.value.details) == [{"digest": Digest.of(child)}]
    assert body_of(repository, Tag("index")) is None


def test_a_manifest_under_a_sha512_digest_is_content_of_that_name(
    repository: LocalRepository, store: Store
) -> None:
    body = index_body()
    digest = Digest.of(body, "sha512")
    put(repository, body, digest)
    content = files(store.layout.top("filestore"))
    assert content == {f"sha512/{digest.encoded[:2]}/{digest.encoded}": body}
