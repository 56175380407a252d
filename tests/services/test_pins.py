"""Sparing tags from retention."""

from __future__ import annotations

import json

import pytest

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown, RepositoryUnknown
from registry.model.names import RepositoryKey, Tag
from tests.repositories.pushing import IMAGE, KEY, OTHER, body_of
from tests.services.past import NOW, PLACE, PastRegistry

TAG = Tag("1.0")
OPS = Actor("command-line", "local")


def present(past: PastRegistry) -> Digest:
    return Digest.of(body_of(past.repository, TAG) or b"")


def pins(past: PastRegistry) -> list[tuple[str, str]]:
    return sorted(past.instance.history.pins(KEY))


def test_pins_come_and_go(past: PastRegistry) -> None:
    history = past.instance.history
    past.push(TAG)
    past.push("2.0")
    past.push(TAG, image=OTHER)
    assert history.pin(KEY, IMAGE, TAG, OPS) is True
    assert history.pin(KEY, IMAGE, TAG, OPS) is False
    assert history.pin(KEY, OTHER, TAG, OPS) is True
    assert pins(past) == [(IMAGE, TAG), (OTHER, TAG)]
    assert list(history.pins(KEY, OTHER)) == [(OTHER, TAG)]
    assert history.pin(KEY, IMAGE, TAG, OPS, pinned=False) is True
    assert history.pin(KEY, IMAGE, TAG, OPS, pinned=False) is False
    assert pins(past) == [(OTHER, TAG)]
    events = [(c.event, c.principal) for c in history.of(KEY, IMAGE, TAG).changes]
    assert events == [("push", "alice"), ("pin", OPS.name), ("unpin", OPS.name)]


def test_a_pin_changes_nothing_else(past: PastRegistry) -> None:
    one = past.push(TAG, days=9)
    before = json.loads(past.sidecar(TAG).read_text())
    past.instance.history.pin(KEY, IMAGE, TAG, OPS)
    assert json.loads(past.sidecar(TAG).read_text()) == before | {"pinned": True}
    past.instance.history.pin(KEY, IMAGE, TAG, OPS, pinned=False)
    assert json.loads(past.sidecar(TAG).read_text()) == before
    assert present(past) == one
    assert not past.instance.history.revert(KEY, IMAGE, TAG, "8d", OPS, NOW).changed


def test_a_pin_stays_when_the_tag_is_pushed_again(past: PastRegistry) -> None:
    past.push(TAG, note="one")
    past.instance.history.pin(KEY, IMAGE, TAG, OPS)
    past.push(TAG, note="two")
    assert pins(past) == [(IMAGE, TAG)]


def test_only_a_tag_can_be_pinned(past: PastRegistry) -> None:
    past.push(TAG)
    for image, tag in ((IMAGE, Tag("none")), (OTHER, TAG)):
        with pytest.raises(ManifestUnknown, match="no tag"):
            past.instance.history.pin(KEY, image, tag, OPS)
    with pytest.raises(RepositoryUnknown):
        list(past.instance.history.pins(RepositoryKey("none")))
    assert list(past.instance.history.pins(KEY, OTHER)) == []


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_tag_with_a_damaged_record_can_be_pinned(past: PastRegistry, text: str | None) -> None:
    one = past.push(TAG)
    past.sidecar(TAG).unlink()
    if text is not None:
        past.sidecar(TAG).write_text(text)
    assert past.instance.history.pin(KEY, IMAGE, TAG, OPS)
    assert pins(past) == [(IMAGE, TAG)]
    assert present(past) == one
    assert past.store.manifests.read(PLACE, TAG).digest == one
