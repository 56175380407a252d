from __future__ import annotations

import os
from typing import Any

import pytest

from registry.model.errors import (
    FieldInvalid,
    RepositoryExists,
    RepositoryNotEmpty,
    RepositoryUnknown,
)
from registry.model.names import RepositoryKey
from registry.repositories.definitions import FIELDS, Definitions, parse_field
from registry.repositories.local import LocalRepository
from registry.storage.store import Store
from tests.repositories.pushing import ALICE, CONFIG, IMAGE, KEY, TAG, push_blob, push_image
from tests.storage.folders import files

NEW = RepositoryKey("docker-new")


@pytest.fixture
def definitions(store: Store) -> Definitions:
    return Definitions(store)


def test_a_new_repository_has_the_defaults(definitions: Definitions, store: Store) -> None:
    made = definitions.create(NEW, "local", {})
    assert made.document() == {
        "key": NEW, "rclass": "local", "packageType": "docker", "description": "", "notes": "",
        "blockPushingSchema1": True, "maxUniqueTags": 0, "dockerTagRetention": 1,
        "untaggedRetentionDays": 7, "retention": "", "registryPort": 0,
        "allowSparseIndexes": False,
    }  # fmt: skip
    assert definitions.get(NEW) == made
    assert [d.key for d in definitions.all()] == [KEY, NEW]
    assert os.path.isdir(store.layout.repository(NEW))


def test_every_field_is_described() -> None:
    assert [name for name, field in FIELDS.items() if len(field.description) < 10] == []


def test_a_key_is_taken_once(definitions: Definitions) -> None:
    with pytest.raises(RepositoryExists, match=KEY):
        definitions.create(KEY, "local", {"description": "another"})
    assert definitions.get(KEY).fields["description"] == ""


def test_some_fields_change_and_the_others_stay(definitions: Definitions) -> None:
    definitions.update(KEY, {"description": "ours", "allowSparseIndexes": True})
    changed = definitions.update(KEY, {"allowSparseIndexes": False})
    assert changed.fields["description"] == "ours"
    assert definitions.get(KEY) == changed
    assert changed.flag("blockPushingSchema1")


def test_a_change_is_seen_by_others_at_once(definitions: Definitions, store: Store) -> None:
    other = Definitions(Store(store.layout.root))
    assert other.get(KEY).fields["notes"] == ""
    definitions.update(KEY, {"notes": "x"})
    assert other.get(KEY).fields["notes"] == "x"


@pytest.mark.parametrize(
    "fields",
    [
        {"nonsense": "x"}, {"key": "x"}, {"rclass": "remote"}, {"packageType": "npm"}, {"": ""},
        {"description": True}, {"description": 1}, {"description": None}, {"notes": ["x"]},
        {"blockPushingSchema1": "true"}, {"blockPushingSchema1": 1}, {"allowSparseIndexes": None},
    ],
)  # fmt: skip
def test_other_fields_and_values_are_refused(
    definitions: Definitions, store: Store, fields: dict[str, Any]
) -> None:
    before = files(store.layout.root)
    with pytest.raises(FieldInvalid):
        definitions.update(KEY, fields)
    with pytest.raises(FieldInvalid):
        definitions.create(NEW, "local", fields)
    assert files(store.layout.root) == before
    assert not os.path.exists(store.layout.repository(NEW))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("description=a=b", ("description", "a=b")),
        ("notes=", ("notes", "")),
        ("allowSparseIndexes=true", ("allowSparseIndexes", True)),
        ("blockPushingSchema1=false", ("blockPushingSchema1", False)),
    ],
)
def test_a_field_is_read_from_a_text(text: str, expected: tuple[str, object]) -> None:
    assert parse_field(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "=", "description", "nonsense=1", "allowSparseIndexes=yes", "allowSparseIndexes=True",
     "allowSparseIndexes=", "key=x", "Description=x"],
)  # fmt: skip
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(FieldInvalid):
        parse_field(text)


def test_a_repository_that_holds_images_is_not_removed(
    definitions: Definitions, repository: LocalRepository
) -> None:
    body = push_image(repository, b"one")
    with pytest.raises(RepositoryNotEmpty, match=KEY):
        definitions.remove(KEY)
    assert definitions.get(KEY)
    assert repository.manifest(IMAGE, TAG).body == body


def test_an_empty_repository_is_removed_and_made_again(
    definitions: Definitions, store: Store
) -> None:
    definitions.remove(KEY)
    assert definitions.find(KEY) is None
    assert not os.path.exists(store.layout.repository(KEY))
    with pytest.raises(RepositoryUnknown, match=KEY):
        definitions.get(KEY)
    for change in (lambda: definitions.remove(KEY), lambda: definitions.update(KEY, {})):
        with pytest.raises(RepositoryUnknown):
            change()
    assert definitions.create(KEY, "local", {}).key == KEY


def test_a_repository_with_blobs_only_keeps_them(
    definitions: Definitions, repository: LocalRepository, store: Store
) -> None:
    """Somebody is pushing there, or broke off; only empty folders are removed."""
    digest = push_blob(repository, CONFIG)
    definitions.remove(KEY)
    assert repository.blob(IMAGE, digest).size == len(CONFIG)
    definitions.create(KEY, "local", {})
    repository.delete_blob(IMAGE, digest, ALICE)
