"""The half of the state machine of `tests.repositories.test_machine` that pushes."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from contextlib import closing
from typing import Any, Final
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown
from registry.model.names import ImageName, Tag
from tests.model import documents
from tests.repositories.modelled import ModelledImage, ModelledManifest
from tests.support.bench import ALICE, CONFIG, IMAGE, OTHER, Bench, image, index
from tests.support.travel import DAY, HOUR, MINUTE, Travel

IMAGES: Final = (IMAGE, OTHER)
images = st.sampled_from(IMAGES)
tags = st.sampled_from([Tag("1.0"), Tag("latest"), Tag("app")])
tags_or_none = st.none() | tags
blobs = st.sampled_from([b"0", b"1", b"2", b"3"])
several = st.lists(blobs, max_size=3, unique=True)
notes = st.sampled_from(["", "a", "b"])
waits = st.sampled_from(
    [MINUTE, 7 * MINUTE, HOUR, 7 * HOUR, DAY - HOUR, DAY + MINUTE, 3 * DAY, 8 * DAY]
)


class PushingMachine(RuleBasedStateMachine):
    """One storage folder, two processes, and a model of what is in it; here is what pushers do."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = contextlib.ExitStack()
        root = tempfile.mkdtemp()
        self._stack.callback(shutil.rmtree, root)
        self.travel = self._stack.enter_context(Travel())
        # What is durable is tested elsewhere, and takes time.
        self._stack.enter_context(mock.patch.object(os, "fsync"))
        self.bench = Bench(f"{root}/store", self.travel)
        self.other = self.bench.again()
        self._stack.callback(self.bench.close)
        self.model = {name: ModelledImage() for name in IMAGES}

    @property
    def now(self) -> float:
        return self.travel.time()

    def teardown(self) -> None:
        try:
            self.end()
        finally:
            self._stack.close()

    def end(self) -> None:
        """Happens after the last step."""

    # --- pushing -----------------------------------------------------------------------------

    @initialize(name=images)
    def begin(self, name: ImageName) -> None:
        self.push(name, [b"0"], Tag("1.0"), "")

    @rule(name=images, data=blobs)
    def upload(self, name: ImageName, data: bytes) -> None:
        self.bench.blob(data, name)
        self.model[name].promised[data] = self.now

    @rule(name=images, data=blobs, wait=waits)
    def upload_in_chunks(self, name: ImageName, data: bytes, wait: float) -> None:
        """With a pause and a pass between the requests, shorter than an upload lives."""
        repository = self.bench.repository
        upload = repository.start_upload(name, "sha256", ALICE)
        with closing(repository.open_upload(name, upload.id, ALICE)) as writer:
            writer.write(data)
            repository.settle_upload(name, writer)
        self.other.prune(after=min(wait, 3 * DAY))
        with closing(repository.open_upload(name, upload.id, ALICE)) as writer:
            repository.finish_upload(name, writer, Digest.of(data))
        self.model[name].promised[data] = self.now

    @rule(name=images, data=blobs)
    def ask(self, name: ImageName, data: bytes) -> None:
        """HEAD: what must be shown is; a "yes" is a promise."""
        try:
            self.bench.repository.blob(name, Digest.of(data), renew=True)
        except BlobUnknown:
            assert not self.model[name].is_shown(data, self.now)
        else:
            self.model[name].promised[data] = self.now

    @rule(data=blobs, source=images)
    def mount(self, data: bytes, source: ImageName) -> None:
        target = OTHER if source == IMAGE else IMAGE
        try:
            found = self.bench.repository.blob(source, Digest.of(data))
            self.bench.repository.mount_blob(target, found, ALICE)
        except BlobUnknown:
            assert not self.model[source].is_shown(data, self.now)
        else:
            self.model[target].promised[data] = self.now

    @rule(name=images, layers=several, tag=tags_or_none, note=notes)
    def push(self, name: ImageName, layers: list[bytes], tag: Tag | None, note: str) -> None:
        for data in (CONFIG, *layers):
            self.bench.blob(data, name)
        self._put(name, image(*layers, note=note), tag, blobs=(CONFIG, *layers))

    @rule(name=images, layers=several, tag=tags_or_none, note=notes)
    def put_what_was_promised(
        self, name: ImageName, layers: list[bytes], tag: Tag | None, note: str
    ) -> None:
        """Without another look: for as long as a "yes" is good."""
        model = self.model[name]
        promised = [data for data in layers if model.is_promised(data, self.now)]
        if not model.is_promised(CONFIG, self.now):
            self.bench.blob(CONFIG, name)
        self._put(name, image(*promised, note=note), tag, blobs=(CONFIG, *promised))

    @rule(name=images, tag=tags, number=st.integers(0, 9))
    def tag_again(self, name: ImageName, tag: Tag, number: int) -> None:
        """Push a manifest that is here to another tag, with nothing before it."""
        known = list(self.model[name].certain(self.now).values())
        if known:
            manifest = known[number % len(known)]
            self.bench.put(manifest.body, tag, at=name)
            self.model[name].put(manifest, tag, self.now)

    @rule(name=images, tag=tags_or_none, data=st.data(), note=notes)
    def push_index(self, name: ImageName, tag: Tag | None, data: st.DataObject, note: str) -> None:
        known = list(self.model[name].certain(self.now).values())
        if known:
            chosen = data.draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
            body = index(*(manifest.body for manifest in chosen), note=note)
            children = tuple(manifest.digest for manifest in chosen)
            self._put(name, body, tag, blobs=(), children=children)

    @rule(name=images, tag=tags_or_none, number=st.integers(0, 9), note=notes)
    def push_referrer(self, name: ImageName, tag: Tag | None, number: int, note: str) -> None:
        known = list(self.model[name].certain(self.now).values())
        if known:
            subject = known[number % len(known)]
            self.bench.blob(CONFIG, name)
            described = documents.descriptor(subject.body, media_types.OCI_IMAGE)
            self._put(name, image(note=note, subject=described), tag, subject=subject.digest)

    def _put(self, name: ImageName, body: bytes, tag: Tag | None, **named: Any) -> None:
        manifest = ModelledManifest(body, **named)
        self.bench.put(body, tag, at=name)
        self.model[name].put(manifest, tag, self.now)
