"""What happens to the folder of a tag is in the journal, and is no move of the tag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from registry.model.names import Tag
from registry.model.property_language import PropertyChange
from registry.repositories.items import LocalItems
from tests.support.bench import ALICE, IMAGE, KEY, TAG, Bench


def last_line(bench: Bench) -> dict[str, Any]:
    files = sorted(Path(bench.layout.top("journal")).iterdir())
    found: dict[str, Any] = json.loads(files[-1].read_text().splitlines()[-1])
    return {name: found.get(name) for name in ("event", "image", "folder", "tag", "principal")}


def test_properties_do_not_move_a_tag(bench: Bench) -> None:
    bench.push(b"layer")
    events = bench.store.journal_reader.tag_events(KEY, IMAGE, TAG).events
    items = LocalItems(bench.store, KEY)
    item = items.item(f"{IMAGE}/{TAG}/manifest.json")
    items.change_properties(item, PropertyChange({"by": ["alice"]}, frozenset()), ALICE)
    assert last_line(bench) == {
        "event": "properties", "image": IMAGE, "folder": TAG, "tag": None, "principal": "alice",
    }  # fmt: skip
    assert bench.store.journal_reader.tag_events(KEY, IMAGE, TAG).events == events


def test_a_layer_without_a_manifest_makes_no_tag(bench: Bench) -> None:
    digest = bench.blob(b"layer")
    bench.repository.place_blob(IMAGE, Tag("new"), digest, ALICE)
    expected = {"image": IMAGE, "folder": "new", "tag": None, "principal": "alice"}
    assert last_line(bench) == {"event": "deploy", **expected}
    assert bench.repository.remove_placed_blob(IMAGE, Tag("new"), digest, ALICE)
    assert last_line(bench) == {"event": "undeploy", **expected}
    assert bench.store.journal_reader.tag_events(KEY, IMAGE).events == []
