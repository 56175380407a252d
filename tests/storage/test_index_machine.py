"""Whatever happens to a store, by two processes and by hand: the index is what the tree is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.names import ImageName, Tag
from registry.model.paging import PageRequest
from tests.storage.indexing import EVERYTHING, assert_agrees, copy_tag, located, on_disk
from tests.support.bench import ALICE, KEY, Bench, index
from tests.support.travel import Travel

ABOVE = ImageName("team")
images = st.sampled_from([ABOVE, ImageName("team/app"), ImageName("team/app/deep")])
tags = st.sampled_from([Tag("app"), Tag("deep"), Tag("1.0"), Tag("_x")])
tags_or_none = st.none() | tags
layers = st.lists(st.sampled_from([b"1", b"2"]), max_size=2, unique=True)
notes = st.sampled_from(["a", "b"])
processes = st.integers(0, 1)


@pytest.fixture(autouse=True)
def _from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tags of small images come from the index, too, which is what is tested here."""
    monkeypatch.setattr("registry.storage.index.index._LISTED", -1)


class IndexMachine(RuleBasedStateMachine):
    """Two processes over one folder; the first one has an index."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        root = tempfile.mkdtemp()
        self._stack.callback(shutil.rmtree, root)
        # What is durable is tested elsewhere, and takes time.
        self._stack.enter_context(mock.patch.object(os, "fsync"))
        first = Bench(f"{root}/store", Travel())
        self.benches = (first, first.again())
        for bench in self.benches:
            self._stack.callback(bench.close)
        self.store = first.store
        self.store.index.build()
        self.pushed: list[tuple[ImageName, bytes]] = []

    def teardown(self) -> None:
        try:
            assert self.store.index.heal() == 0
            assert_agrees(self.store)
        finally:
            self._stack.close()

    # --- what processes do -------------------------------------------------------------------

    @rule(by=processes, image=images, tag=tags_or_none, data=layers, note=notes)
    def push(
        self, by: int, image: ImageName, tag: Tag | None, data: list[bytes], note: str
    ) -> None:
        with contextlib.suppress(RegistryError):
            body = self.benches[by].push(*data, to=tag, at=image, note=note)
            self.pushed.append((image, body))

    @rule(by=processes, number=st.integers(0, 9), tag=tags_or_none)
    def push_index(self, by: int, number: int, tag: Tag | None) -> None:
        if self.pushed:
            image, body = self.pushed[number % len(self.pushed)]
            with contextlib.suppress(RegistryError):
                self.benches[by].put(index(body), tag, image)

    @rule(by=processes, image=images, tag=tags)
    def untag(self, by: int, image: ImageName, tag: Tag) -> None:
        with contextlib.suppress(RegistryError):
            self.benches[by].repository.delete_manifest(image, tag, ALICE)

    @rule(by=processes, image=images, tag=tags)
    def delete_tag(self, by: int, image: ImageName, tag: Tag) -> None:
        with contextlib.suppress(RegistryError):
            self.benches[by].repository.delete_tag(image, tag, ALICE)

    @rule(by=processes, number=st.integers(0, 9))
    def delete_manifest(self, by: int, number: int) -> None:
        if self.pushed:
            image, body = self.pushed[number % len(self.pushed)]
            with contextlib.suppress(RegistryError):
                self.benches[by].repository.delete_manifest(image, Digest.of(body), ALICE)

    @rule(by=processes, image=images)
    def delete_image(self, by: int, image: ImageName) -> None:
        with contextlib.suppress(RegistryError):
            self.benches[by].repository.delete_image(image, ALICE)

    @rule(by=processes, image=images, tag=tags)
    def restore(self, by: int, image: ImageName, tag: Tag) -> None:
        with contextlib.suppress(RegistryError):
            self.benches[by].restore(tag, image, overwrite=True)

    @rule(by=processes)
    def delete_repository(self, by: int) -> None:
        with contextlib.suppress(RegistryError):
            self.benches[by].definitions.delete(KEY, ALICE)
        with contextlib.suppress(RegistryError):
            self.benches[1 - by].definitions.create(KEY, "local", {})

    @rule(by=processes)
    def bring_back_repository(self, by: int) -> None:
        with contextlib.suppress(RegistryError):
            self.benches[by].definitions.delete(KEY, ALICE)
        with contextlib.suppress(RegistryError):
            self.benches[by].restore(None, None)

    # --- what people do by hand --------------------------------------------------------------

    @rule(image=images, tag=tags, copied=tags)
    def copy(self, image: ImageName, tag: Tag, copied: Tag) -> None:
        with contextlib.suppress(OSError, shutil.Error):
            copy_tag(self.benches[0], image, tag, copied)
        self.store.index.heal()

    @rule(image=images, tag=tags)
    def remove_manifest(self, image: ImageName, tag: Tag) -> None:
        folder = Path(self.store.layout.manifest_folder(KEY, image, tag))
        for name in ("manifest.json", "list.manifest.json"):
            (folder / name).unlink(missing_ok=True)
        given = located(self.store.index.items(EVERYTHING))
        assert given.items() <= on_disk(self.store).items()
        self.store.index.heal()

    @rule(image=images, tag=tags, value=notes)
    def edit(self, image: ImageName, tag: Tag, value: str) -> None:
        folder = Path(self.store.layout.manifest_folder(KEY, image, tag))
        sidecar = folder / "manifest.json.properties.json"
        if sidecar.exists():
            document: dict[str, Any] = json.loads(sidecar.read_text())
            document["properties"] = {**document["properties"], "by.hand": [value]}
            document["folderProperties"] = {"on.folder": [value]}
            document["modified"] = "2001-01-01T00:00:00.000Z"
            sidecar.write_text(json.dumps(document))
        self.store.index.heal()

    @rule()
    def another_worker(self) -> None:
        """A process that begins now knows the same."""
        bench = self.benches[1].again()
        try:
            bench.store.index.build()
            given = located(bench.store.index.items(EVERYTHING))
            assert given == located(self.store.index.items(EVERYTHING))
        finally:
            bench.close()

    # --- what holds --------------------------------------------------------------------------

    @invariant()
    def it_is_what_the_tree_is(self) -> None:
        assert located(self.store.index.items(EVERYTHING)) == on_disk(self.store)

    @invariant()
    def lists_are_those_of_the_tree(self) -> None:
        found = self.store.index.images(KEY, PageRequest())
        assert found == self.store.catalog.images(KEY, PageRequest())
        for image in found.names:
            given = self.store.index.tags(KEY, image, PageRequest())
            assert given == self.store.catalog.tags(KEY, image, PageRequest())


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=60, stateful_step_count=20)
