from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from registry.model.errors import (
    FieldInvalid,
    RepositoryExists,
    RepositoryNotEmpty,
    RepositoryUnknown,
    StorageFull,
)
from registry.model.names import RepositoryKey
from registry.model.repository_fields import FIELDS_OF, LOCAL, REMOTE, VIRTUAL
from registry.model.repository_values import MASK
from registry.repositories.definition import NewRepository
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.storage.store import Store
from tests.repositories.pushing import ALICE, CONFIG, IMAGE, KEY, TAG, push_blob, push_image
from tests.storage.folders import files

NEW = RepositoryKey("docker-new")


@pytest.fixture
def definitions(store: Store) -> Definitions:
    return Definitions(store)


def test_a_new_repository_has_the_defaults(definitions: Definitions, store: Store) -> None:
    made = definitions.create(NEW, LOCAL, {})
    assert made.document() == {
        "key": NEW, "rclass": LOCAL, "packageType": "docker",
        **{name: field.default for name, field in FIELDS_OF[LOCAL].items()},
    }  # fmt: skip
    assert definitions.get(NEW) == made
    assert [d.key for d in definitions.all()] == [KEY, NEW]
    assert os.path.isdir(store.layout.repository(NEW))


def test_a_key_is_taken_once(definitions: Definitions) -> None:
    with pytest.raises(RepositoryExists, match=KEY):
        definitions.create(KEY, LOCAL, {"description": "another"})
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
        {"key": "x"}, {"rclass": "remote"}, {"packageType": "npm"}, {"description": 1},
        {"notes": ["x"]}, {"blockPushingSchema1": "yes"}, {"maxUniqueTags": -1},
    ],
)  # fmt: skip
def test_values_that_no_field_can_have_are_refused(
    definitions: Definitions, store: Store, fields: dict[str, Any]
) -> None:
    before = files(store.layout.root)
    with pytest.raises(FieldInvalid):
        definitions.update(KEY, fields)
    with pytest.raises(FieldInvalid):
        definitions.create(NEW, LOCAL, fields)
    assert files(store.layout.root) == before
    assert not os.path.exists(store.layout.repository(NEW))


def test_what_clients_send_beside_the_fields_comes_back(definitions: Definitions) -> None:
    made = definitions.create(
        NEW, LOCAL, {"vcsType": "GIT", "members": [{"url": "x"}], "notes": None, "apiToken": "x"}
    )
    assert made.unknown == {"vcsType": "GIT", "members": [{"url": "x"}]}
    assert definitions.update(NEW, {"vcsType": None, "notes": "x"}).unknown == made.unknown
    assert definitions.get(NEW).document()["vcsType"] == "GIT"


def test_fields_of_another_kind_are_not_kept(definitions: Definitions, store: Store) -> None:
    made = definitions.create(NEW, LOCAL, {"enableTokenAuthentication": True, "password": "x"})
    assert not {"enableTokenAuthentication", "password", "url"} & set(made.document())
    assert "password" not in Path(store.layout.repository_definition(NEW)).read_text()


def test_a_definition_is_made_once_as_long_as_it_stays(
    definitions: Definitions, store: Store
) -> None:
    """It is looked at in every request."""
    path = store.layout.repository_definition(KEY)
    os.utime(path)
    while definitions.get(KEY) is not definitions.get(KEY):
        pass
    definitions.update(KEY, {"notes": "new"})
    assert definitions.get(KEY).text("notes") == "new"


# --- remote and virtual repositories -------------------------------------------------------------

FREE = dict.fromkeys(("key", "rclass", "packageType"))
"""Takes what never changes out of a document that is sent back."""
UPSTREAM = {"url": "https://registry.example.com"}
HUB = RepositoryKey("hub")
ALL = RepositoryKey("all")


def test_a_password_is_kept_and_never_shown(definitions: Definitions, store: Store) -> None:
    made = definitions.create(HUB, REMOTE, {**UPSTREAM, "username": "u", "password": "geheim"})
    path = Path(store.layout.repository_definition(HUB))
    assert made.text("password") == "geheim"
    assert path.stat().st_mode & 0o777 == 0o600
    shown = made.document()
    assert (shown["username"], shown["password"]) == ("u", MASK)
    assert definitions.update(HUB, shown | {"notes": "x"} | FREE).text("password") == "geheim"
    assert path.stat().st_mode & 0o777 == 0o600
    assert definitions.update(HUB, {"password": "other"}).text("password") == "other"
    assert definitions.update(HUB, {"password": ""}).document()["password"] == ""
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_masked_password_is_none_for_a_new_repository(definitions: Definitions) -> None:
    made = definitions.create(HUB, REMOTE, {**UPSTREAM, "password": MASK})
    assert made.document()["password"] == ""


def test_local_and_remote_repositories_have_folders_and_virtual_ones_have_not(
    definitions: Definitions, store: Store
) -> None:
    definitions.create(HUB, REMOTE, UPSTREAM)
    definitions.create(ALL, VIRTUAL, {"repositories": [HUB]})
    assert sorted(os.listdir(store.layout.top("artifacts"))) == [KEY, "hub-cache"]
    for key in (HUB, ALL):
        definitions.delete(key, ALICE)
        definitions.create(key, LOCAL, {})


def test_all_foreign_layers_are_fetched_where_no_pattern_is_given(definitions: Definitions) -> None:
    made = definitions.create(HUB, REMOTE, {**UPSTREAM, "externalDependenciesEnabled": True})
    assert made.document()["externalDependenciesPatterns"] == ["**"]


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (REMOTE, {}, "needs a 'url'"),
        (REMOTE, {"url": None}, "needs a 'url'"),
        (VIRTUAL, {"repositories": ["none"]}, "no repository 'none'"),
        (VIRTUAL, {"repositories": [NEW]}, "contain itself"),
        (VIRTUAL, {"repositories": [KEY, KEY]}, "twice"),
        (VIRTUAL, {"repositories": [KEY], "defaultDeploymentRepo": HUB}, "not among the members"),
        (VIRTUAL, {"repositories": [HUB], "defaultDeploymentRepo": HUB}, "not a local repository"),
        (VIRTUAL, {"defaultDeploymentRepo": "none"}, "not among the members"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    definitions: Definitions, kind: str, fields: dict[str, Any], said: str
) -> None:
    definitions.create(HUB, REMOTE, UPSTREAM)
    with pytest.raises(FieldInvalid, match=said):
        definitions.create(NEW, kind, fields)
    assert definitions.find(NEW) is None


def test_a_virtual_repository_may_have_others_but_not_itself(definitions: Definitions) -> None:
    definitions.create(ALL, VIRTUAL, {"repositories": [KEY], "defaultDeploymentRepo": KEY})
    definitions.create(NEW, VIRTUAL, {"repositories": [ALL, KEY]})
    with pytest.raises(FieldInvalid, match="contain itself"):
        definitions.update(ALL, {"repositories": [NEW], "defaultDeploymentRepo": ""})
    assert definitions.get(ALL).fields["repositories"] == [KEY]


@pytest.mark.parametrize("way", ["remove", "delete"])
def test_a_repository_that_goes_leaves_the_virtual_ones(definitions: Definitions, way: str) -> None:
    definitions.create(HUB, REMOTE, UPSTREAM)
    definitions.create(ALL, VIRTUAL, {"repositories": [KEY, HUB], "defaultDeploymentRepo": KEY})
    if way == "remove":
        definitions.remove(KEY)
    else:
        definitions.delete(KEY, ALICE)
    left = definitions.get(ALL)
    assert (left.fields["repositories"], left.text("defaultDeploymentRepo")) == ([HUB], "")


def test_a_repository_that_cannot_go_stays_a_member(
    definitions: Definitions, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise StorageFull("the disk is full")

    made = definitions.create(ALL, VIRTUAL, {"repositories": [KEY], "defaultDeploymentRepo": KEY})
    monkeypatch.setattr(store.trash, "take_repository", full)
    with pytest.raises(StorageFull):
        definitions.delete(KEY, ALICE)
    assert definitions.get(ALL) == made


def test_several_are_created_or_none(definitions: Definitions, store: Store) -> None:
    before = files(store.layout.top("etc"))
    good = [NewRepository(ALL, VIRTUAL, {"repositories": [HUB, NEW]}),
            NewRepository(HUB, REMOTE, UPSTREAM)]  # fmt: skip
    for wrong in (NewRepository(KEY, LOCAL, {}), NewRepository(NEW, LOCAL, {"notes": 1}), good[0]):
        with pytest.raises((FieldInvalid, RepositoryExists)):
            definitions.create_all([*good, NewRepository(NEW, LOCAL, {}), wrong])
        assert files(store.layout.top("etc")) == before
    assert len(definitions.create_all([*good, NewRepository(NEW, LOCAL, {})])) == 3


def test_several_are_changed_or_none(definitions: Definitions) -> None:
    definitions.create(NEW, LOCAL, {})
    for wrong in ((HUB, {}), (NEW, {"notes": 1})):
        with pytest.raises((FieldInvalid, RepositoryUnknown)):
            definitions.update_all([(KEY, {"notes": "x"}), wrong])
        assert definitions.get(KEY).text("notes") == ""
    made = definitions.update_all([(KEY, {"notes": "x"}), (NEW, {"notes": "y"}), (KEY, {})])
    assert [one.text("notes") for one in made] == ["x", "y", "x"]


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
    assert definitions.create(KEY, LOCAL, {}).key == KEY


def test_a_repository_with_blobs_only_keeps_them(
    definitions: Definitions, repository: LocalRepository, store: Store
) -> None:
    """Somebody is pushing there, or broke off; only empty folders are removed."""
    digest = push_blob(repository, CONFIG)
    definitions.remove(KEY)
    assert repository.blob(IMAGE, digest).size == len(CONFIG)
    definitions.create(KEY, LOCAL, {})
    repository.delete_blob(IMAGE, digest, ALICE)
