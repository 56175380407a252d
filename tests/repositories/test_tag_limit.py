"""``maxUniqueTags`` right after a push."""

from __future__ import annotations

import datetime
import json
import logging
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.errors import StorageFailed
from registry.model.names import Tag
from registry.model.repository_fields import FieldValue
from registry.model.retention import Decision
from registry.repositories import sidecars
from registry.repositories.definitions import Definitions
from registry.repositories.local import LocalRepository
from registry.repositories.tag_limit import ACTOR
from registry.repositories.tag_states import read_tag, read_tags
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.repositories.pushing import (
    ALICE,
    CONFIG,
    IMAGE,
    KEY,
    OTHER,
    all_tags,
    check_whole,
    image_body,
    index_body,
    push_blob,
    push_image,
    put,
)

PLACE = Place(KEY, IMAGE)
START = datetime.datetime(2020, 11, 23, 12, tzinfo=datetime.UTC)
"""Long ago, so that no rule about days finds anything young."""


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock for sidecars that goes on by a second whenever it is looked at."""
    moments = iter(START + datetime.timedelta(seconds=n) for n in range(10_000))
    monkeypatch.setattr(sidecars, "now", lambda: next(moments))


def limited(store: Store, most: int, **fields: FieldValue) -> LocalRepository:
    return LocalRepository(store, Definitions(store).update(KEY, {"maxUniqueTags": most, **fields}))


def push(repository: LocalRepository, *tags: str) -> None:
    for tag in tags:
        push_image(repository, reference=Tag(tag), note=tag)


def pin(store: Store, tag: str) -> None:
    known = store.manifests.sidecar(PLACE, Tag(tag)) or {}
    store.manifests.replace_sidecar(PLACE, Tag(tag), known | {sidecars.PINNED: True})


def test_the_oldest_goes_when_a_new_one_comes(store: Store) -> None:
    repository = limited(store, 3)
    push(repository, "c", "b", "a")
    assert all_tags(repository) == ["a", "b", "c"]
    push(repository, "d")
    assert all_tags(repository) == ["a", "b", "d"]
    push(repository, "b", "e")
    assert all_tags(repository) == ["b", "d", "e"]
    check_whole(store, repository)


def test_without_a_limit_all_stay(store: Store) -> None:
    repository = limited(store, 0)
    push(repository, "a", "b", "c")
    assert len(all_tags(repository)) == 3


def test_what_went_is_in_the_trash_and_the_journal_says_why(store: Store) -> None:
    repository = limited(store, 1)
    push(repository, "a", "b")
    (entry,) = store.trash.entries()
    assert (entry.reference, entry.principal) == ("a", "retention")
    last = store.journal_reader.tag_events(KEY).events[-1]
    assert (last.event, last.tag, last.rule) == ("delete", "a", "maxUniqueTags=1")
    assert (last.principal, last.address) == (ACTOR.name, ACTOR.address)


def test_each_image_has_a_limit_of_its_own(store: Store) -> None:
    repository = limited(store, 1)
    push_image(repository, image=OTHER, reference=Tag("old"))
    push(repository, "a")
    assert all_tags(repository, OTHER) == ["old"]


def test_latest_and_pinned_tags_take_no_place(store: Store) -> None:
    repository = limited(store, 2)
    push(repository, "latest", "p", "a", "b")
    assert all_tags(repository) == ["a", "b", "latest"]
    pin(store, "a")
    push(repository, "c", "latest")
    assert all_tags(repository) == ["a", "b", "c", "latest"]
    push(repository, "d")
    assert all_tags(repository) == ["a", "c", "d", "latest"]


@pytest.mark.parametrize("ending", ["", ".sig", ".att", ".sbom"])
def test_signatures_take_no_place_and_stay(store: Store, ending: str) -> None:
    repository = limited(store, 2)
    signature = f"sha256-{'0' * 64}{ending}"
    push(repository, signature, "a", "b", "c")
    assert all_tags(repository) == ["b", "c", signature]


def test_what_rules_keep_stays(store: Store) -> None:
    repository = limited(store, 1, retention="keep tag=v*; delete pushed>1d")
    push(repository, "v1", "v2", "a", "b")
    assert all_tags(repository) == ["b", "v1", "v2"]


def test_what_the_last_pull_may_keep_waits_for_the_periodic_pass(store: Store) -> None:
    repository = limited(store, 1, retention="keep pulled<7d tag=v*")
    push(repository, "v1", "a", "b")
    assert all_tags(repository) == ["b", "v1"]


def test_rules_that_delete_are_not_for_a_push(store: Store) -> None:
    repository = limited(store, 2, retention="delete tag=*")
    push(repository, "a", "b")
    assert all_tags(repository) == ["a", "b"]
    push(repository, "c")
    assert store.journal_reader.tag_events(KEY).events[-1].rule == "maxUniqueTags=2"


def test_a_push_by_digest_with_tags_counts_each_of_them(store: Store) -> None:
    repository = limited(store, 3)
    push(repository, "a", "b", "c")
    body = image_body(note="many")
    put(repository, body, Digest.of(body), tags=[Tag("x"), Tag("y")])
    assert all_tags(repository) == ["c", "x", "y"]


def test_a_push_by_digest_alone_deletes_nothing(store: Store) -> None:
    push(limited(store, 0), "a", "b", "c")
    body = image_body(note="untagged")
    repository = limited(store, 1)
    put(repository, body, Digest.of(body))
    assert len(all_tags(repository)) == 3


def test_a_push_deletes_little_more_than_it_adds(store: Store) -> None:
    push(limited(store, 0), *"abcdef")
    repository = limited(store, 1)
    push(repository, "g")
    assert all_tags(repository) == ["c", "d", "e", "f", "g"]
    push(repository, "h")
    assert all_tags(repository) == ["e", "f", "g", "h"]


def test_children_of_an_index_and_images_below_are_no_tags(store: Store) -> None:
    repository = limited(store, 2)
    push(repository, "a")
    child = image_body(note="child")
    put(repository, child, Digest.of(child))
    put(repository, index_body(child), Tag("b"))
    push_image(repository, image=IMAGE.__class__(f"{IMAGE}/sub"), reference=Tag("x"))
    put(repository, index_body(child), Tag("b"))
    assert all_tags(repository) == ["a", "b"]
    check_whole(store, repository)


def test_a_folder_that_a_killed_push_left_is_no_tag(store: Store) -> None:
    repository = limited(store, 2)
    push(repository, "a", "b")
    folder = Path(store.layout.manifest_folder(KEY, IMAGE, Tag("half")))
    folder.mkdir()
    record = {"digest": Digest.of(b""), "modified": "2999-01-01T00:00:00.000Z"}
    (folder / "manifest.json.properties.json").write_text(json.dumps(record))
    push(repository, "b")
    assert all_tags(repository) == ["a", "b"]


def test_a_tag_without_a_readable_record_is_left_to_the_periodic_pass(store: Store) -> None:
    repository = limited(store, 1)
    push(repository, "a")
    folder = Path(store.layout.manifest_folder(KEY, IMAGE, Tag("a")))
    (folder / "manifest.json.properties.json").write_text("{")
    push(repository, "b")
    assert all_tags(repository) == ["a", "b"]


def test_a_push_that_finds_nothing_to_delete_has_succeeded(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    repository = limited(store, 1)
    push(repository, "a")

    def broken(*arguments: object) -> None:
        raise StorageFailed("broken")

    monkeypatch.setattr(store.trash, "stage", broken)
    with caplog.at_level(logging.ERROR):
        push(repository, "b")
    assert all_tags(repository) == ["a", "b"]
    assert "maxUniqueTags" in caplog.text


# --- deleting what was decided on ------------------------------------------------------------


def decision(store: Store, tag: str) -> Decision:
    state = read_tag(store, PLACE, Tag(tag))
    assert state is not None
    return Decision(state, True, "delete tag=*")


def test_a_tag_goes_only_as_it_was_decided_on(store: Store) -> None:
    repository = limited(store, 0)
    push(repository, "a", "b", "c", "d", "e")
    found = {tag: decision(store, tag) for tag in "abcde"}
    push_image(repository, reference=Tag("a"), note="another")
    push_image(repository, reference=Tag("b"), note="b")
    pin(store, "c")
    repository.delete_tag(IMAGE, Tag("d"), ALICE)
    assert [repository.retire_tag(IMAGE, found[tag], ACTOR) for tag in "abcde"] == [
        False, False, False, False, True,
    ]  # fmt: skip
    assert all_tags(repository) == ["a", "b", "c"]
    assert repository.retire_tag(OTHER, found["a"], ACTOR) is False


def test_when_a_tag_was_pushed_is_what_its_record_says(store: Store) -> None:
    repository = limited(store, 0)
    push(repository, "a", "b")
    states = {str(state.tag): state for state in read_tags(store, PLACE)}
    assert states["a"] == read_tag(store, PLACE, Tag("a"))
    assert START <= states["a"].pushed < states["b"].pushed
    assert states["a"].digest == Digest.of(image_body(note="a"))
    assert read_tag(store, PLACE, Tag("none")) is None


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"modified": "x"}', '{"modified": 5}'])
def test_without_a_record_the_folder_tells(store: Store, text: str | None) -> None:
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=5)
    repository = limited(store, 0)
    push(repository, "a")
    folder = Path(store.layout.manifest_folder(KEY, IMAGE, Tag("a")))
    (folder / "manifest.json.properties.json").unlink()
    if text is not None:
        (folder / "manifest.json.properties.json").write_text(text)
    (state,) = read_tags(store, PLACE)
    assert before < state.pushed < datetime.datetime.now(datetime.UTC)
    assert state.pinned is False


def test_a_record_of_another_manifest_does_not_hide_the_tag(store: Store) -> None:
    """A push was killed after it had written its record."""
    repository = limited(store, 0)
    push_blob(repository, CONFIG)
    push(repository, "a")
    known = store.manifests.sidecar(PLACE, Tag("a")) or {}
    store.manifests.replace_sidecar(PLACE, Tag("a"), known | {"digest": Digest.of(b"other")})
    (state,) = read_tags(store, PLACE)
    assert state.digest == Digest.of(image_body(note="a"))
    push(limited(store, 1), "b")
    assert all_tags(repository) == ["a", "b"]
