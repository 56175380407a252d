"""Putting a tag back to what it was."""

from __future__ import annotations

import json
import os
import threading

import pytest

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import (
    HistoryUnknown,
    ManifestPartsMissing,
    RequestInvalid,
    TrashUnknown,
)
from registry.model.names import Tag
from registry.services.history import Reverted, TagHistory
from registry.storage.journal import timestamp
from tests.repositories.pushing import (
    ALICE,
    IMAGE,
    KEY,
    all_tags,
    body_of,
    check_whole,
    image_body,
    index_body,
    put,
)
from tests.services.past import NOW, PastRegistry, days_ago

TAG = Tag("1.0")
OPS = Actor("command-line", "local")


def history(past: PastRegistry, tag: str = TAG) -> TagHistory:
    return past.instance.history.of(KEY, IMAGE, Tag(tag))


def revert(past: PastRegistry, to: str, tag: str = TAG) -> Reverted:
    return past.instance.history.revert(KEY, IMAGE, Tag(tag), to, OPS, NOW)


def present(past: PastRegistry, tag: str = TAG) -> Digest | None:
    body = body_of(past.repository, Tag(tag))
    return None if body is None else Digest.of(body)


@pytest.mark.parametrize(
    ("to", "note"),
    [
        (timestamp(days_ago(8)), "one"), (timestamp(days_ago(9)), "one"), ("8d", "one"),
        ("7d", "one"), ("2026-11-17", "one"), ("2026-11-18", "two"), ("144h", "two"),
        ("4d", "two"), ("2d", "three"),
    ],
)  # fmt: skip
def test_a_tag_is_put_back_to_what_it_was_at_a_time(past: PastRegistry, to: str, note: str) -> None:
    digests = {
        text: past.push(TAG, days=days, note=text)
        for text, days in (("one", 9), ("two", 6), ("three", 3), ("four", 1))
    }
    assert revert(past, to) == Reverted(digests["four"], digests[note])
    assert present(past) == digests[note]
    check_whole(past.store, past.repository)
    last = history(past).changes[-1]
    assert (last.event, last.principal, last.previous) == ("revert", OPS.name, digests["four"])
    # And back, because what it was is kept by digest.
    assert revert(past, digests["four"]).changed
    assert present(past) == digests["four"]


def test_a_digest_may_be_given_by_its_beginning(past: PastRegistry) -> None:
    one = past.push(TAG, days=2, note="one")
    past.push(TAG, days=1, note="two")
    assert revert(past, one[:20]).digest == one
    with pytest.raises(HistoryUnknown, match="no manifest"):
        revert(past, "sha256:" + "0" * 12)
    with pytest.raises(HistoryUnknown, match="no manifest"):
        revert(past, past.push("other"))
    with pytest.raises(RequestInvalid):
        revert(past, one[:10])


def test_a_beginning_that_two_share_is_not_enough(
    past: PastRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.push(TAG, note="one")
    alike = [Digest("sha256:" + "ab" * 31 + end) for end in ("00", "11")]
    monkeypatch.setattr(TagHistory, "digests", lambda self: alike)
    with pytest.raises(HistoryUnknown, match="more than one"):
        revert(past, "sha256:ababab")


@pytest.mark.parametrize("to", ["12d", "2026-11-01", timestamp(days_ago(9.01))])
def test_before_its_first_push_there_was_no_tag(past: PastRegistry, to: str) -> None:
    past.push(TAG, days=9)
    with pytest.raises(HistoryUnknown, match=r"at 2026-11-\d\dT"):
        revert(past, to)


def test_while_it_was_deleted_there_was_no_tag(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    past.delete(TAG, days=6)
    past.push(TAG, days=3, note="two")
    with pytest.raises(HistoryUnknown):
        revert(past, "5d")
    assert revert(past, "7d").digest == one


def test_to_what_it_is_nothing_is_changed(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    before = past.sidecar(TAG).read_bytes()
    assert revert(past, one) == Reverted(one, one)
    assert not revert(past, "0s").changed
    assert len(history(past).changes) == 1
    assert past.sidecar(TAG).read_bytes() == before


def test_a_deleted_tag_comes_back_from_the_trash(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    past.delete(TAG, days=1)
    assert body_of(past.repository, one) is None
    assert revert(past, "2d") == Reverted(None, one)
    assert present(past) == one
    check_whole(past.store, past.repository)
    assert [change.event for change in history(past).changes] == ["push", "delete", "revert"]


def test_a_deleted_image_comes_back_from_the_trash(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    past.repository.delete_image(IMAGE, ALICE)
    assert revert(past, one).changed
    assert present(past) == one
    check_whole(past.store, past.repository)


def test_an_index_comes_back_with_its_children(past: PastRegistry) -> None:
    child = past.push("child", note="child")
    body = image_body(b"layer of child", note="child")
    assert Digest.of(body) == child
    index = index_body(body)
    put(past.repository, index, TAG)
    past.repository.delete_image(IMAGE, ALICE)
    assert revert(past, Digest.of(index)).changed
    check_whole(past.store, past.repository)
    assert all_tags(past.repository) == [TAG]


def test_what_is_gone_for_good_does_not_come_back(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    two = past.push(TAG, days=1, note="two")
    past.repository.delete_manifest(IMAGE, one, ALICE)
    for entry in past.store.trash.entries():
        past.store.trash.remove(entry)
    with pytest.raises(TrashUnknown, match=one):
        revert(past, one)
    assert present(past) == two


def test_what_lost_its_layers_does_not_come_back(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    past.delete(TAG)
    layer = Digest.of(b"layer of one")
    (entry,) = past.store.trash.entries()
    os.unlink(f"{past.store.trash.path(entry)}/{layer.replace(':', '__')}")
    os.unlink(past.store.layout.layer(KEY, IMAGE, layer))
    with pytest.raises(ManifestPartsMissing):
        revert(past, one)
    assert present(past) is None


def test_without_a_journal_the_manifest_itself_tells_that_it_had_the_tag(
    past: PastRegistry,
) -> None:
    one = past.push(TAG, days=9, note="one")
    past.push(TAG, days=1, note="two")
    past.forget_journal()
    assert revert(past, one).changed
    assert present(past) == one


def test_a_time_before_the_journal_is_answered_by_its_first_line(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    past.forget_journal()
    past.push(TAG, days=1, note="two")
    assert revert(past, "3d").digest == one


def test_a_reverted_tag_counts_as_pushed_now_and_stays_pinned(past: PastRegistry) -> None:
    past.push(TAG, days=9, note="one")
    past.push(TAG, days=8, note="two")
    past.instance.history.pin(KEY, IMAGE, TAG, OPS)
    revert(past, "9d")
    document = json.loads(past.sidecar(TAG).read_text())
    assert (document["modified"], document["modifiedBy"]) == (timestamp(NOW), OPS.name)
    assert document["pinned"] is True


def test_reverting_waits_for_a_push_of_the_image(past: PastRegistry) -> None:
    one = past.push(TAG, days=9, note="one")
    past.push(TAG, days=8, note="two")
    thread = threading.Thread(target=revert, args=[past, one])
    with past.store.locks.image(KEY, IMAGE):
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert present(past) != one
    thread.join(30)
    assert present(past) == one
