"""Everything that can be done to images, in any order, with the pruner at work all along.

A model says what must be there after each step: every tag pulls completely, what a pusher was
promised is kept, what was deleted is not shown, and can be brought back while the trash has it. In
the end, when all graces have passed, every file of the storage folder has a reason.

``REGISTRY_SOAK=1`` makes a long run of it. A failure prints what reproduces it.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from registry.model.errors import (
    ManifestPartsMissing,
    OperationUnsupported,
    RestoreConflict,
    TrashUnknown,
)
from registry.model.names import ImageName, Tag
from registry.storage.manifest_files import Place
from tests.repositories.machine import PushingMachine, images, tags, waits
from tests.support.accounts import Accounts
from tests.support.bench import ALICE, KEY

SOAK: Final = os.environ.get("REGISTRY_SOAK") == "1"
SETTINGS: Final = settings(
    max_examples=1000 if SOAK else 60,
    stateful_step_count=100 if SOAK else 30,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
LEVELS: Final = 20
"""Indexes in indexes, and referrers of referrers, go one after the other."""
numbers = st.integers(0, 9)


class Machine(PushingMachine):
    """What deletes, brings back and prunes; and what must be true all along."""

    def end(self) -> None:
        """Let everything go that has to go, and look at every file."""
        problems = ["not settled"]
        for _ in range(LEVELS):
            if problems:
                self.bench.settle()
                problems = self._problems()
        assert problems == []
        for name, model in self.model.items():
            for digest in sorted(model.live()):
                assert self.bench.pull(digest, name) == model.shown[digest].body

    def _problems(self) -> list[str]:
        """Return what is in the storage folder without a reason."""
        accounts = Accounts(self.bench.root)
        found = accounts.problems + accounts.bare
        for name, model in self.model.items():
            shown = self.bench.store.manifests.digests(Place(KEY, name))
            found += [f"{digest} is shown" for digest in sorted(set(shown) - model.live())]
            found += [f"{digest} is not shown" for digest in sorted(model.live() - set(shown))]
        return found

    # --- deleting ----------------------------------------------------------------------------

    @rule(name=images, tag=tags)
    def untag(self, name: ImageName, tag: Tag) -> None:
        if tag in self.model[name].tags:
            self.bench.repository.delete_manifest(name, tag, ALICE)
            self.model[name].untag(tag, self.now)

    @rule(name=images, tag=tags)
    def delete_tag(self, name: ImageName, tag: Tag) -> None:
        model = self.model[name]
        if tag in model.tags:
            digest = model.tags[tag].digest
            self.bench.repository.delete_tag(name, tag, ALICE)
            remains = self.bench.store.manifests.has(Place(KEY, name), digest)
            model.delete_tag(tag, self.now, remains=remains)
            if not remains:
                assert digest not in (manifest.digest for manifest in model.tags.values())
                assert not set(model.parents(digest)) & set(model.certain(self.now))

    @rule(name=images, number=numbers)
    def delete_manifest(self, name: ImageName, number: int) -> None:
        model = self.model[name]
        known = list(model.certain(self.now))
        if not known:
            return
        digest = known[number % len(known)]
        try:
            self.bench.repository.delete_manifest(name, digest, ALICE)
        except OperationUnsupported:
            assert list(model.parents(digest))
        else:
            assert not set(model.parents(digest)) & set(known)
            model.delete(digest, self.now)

    @rule(name=images, chance=numbers)
    def delete_image(self, name: ImageName, chance: int) -> None:
        if chance < 3 and self.model[name].certain(self.now):
            self.bench.repository.delete_image(name, ALICE)
            self.model[name].delete_all(self.now)

    # --- bringing back -----------------------------------------------------------------------

    @rule(name=images, tag=tags, overwrite=st.booleans())
    def restore(self, name: ImageName, tag: Tag, overwrite: bool) -> None:
        model = self.model[name]
        deletion, present = model.restorable(tag, self.now), model.tags.get(tag)
        certain = model.certain(self.now)
        try:
            self.bench.restore(tag, name, overwrite=overwrite)
        except TrashUnknown:
            assert deletion is None
        except RestoreConflict:
            assert not overwrite
            assert present is not None
        except ManifestPartsMissing:
            assert deletion is None or not set(deletion.manifest.children) <= set(certain)
        else:
            digest = self.bench.repository.manifest(name, tag).digest
            (manifest,) = [d.manifest for d in model.trash[tag] if d.manifest.digest == digest][-1:]
            assert deletion is None or deletion.manifest == manifest
            assert overwrite or present in (None, manifest)
            model.trash[tag].remove([d for d in model.trash[tag] if d.manifest == manifest][-1])
            model.restore(manifest, tag, self.now)

    # --- pruning -----------------------------------------------------------------------------

    @rule(wait=waits, both=st.booleans())
    def prune(self, wait: float, both: bool) -> None:
        self.other.prune(after=wait)
        if both:
            self.bench.pruning.run(pause=self._prune_too)

    def _prune_too(self) -> None:
        self.other.prune()

    @rule(wait=waits)
    def wait(self, wait: float) -> None:
        self.travel.wait(wait)

    @rule()
    def look_at_what_a_pass_would_do(self) -> None:
        self.other.prune(dry_run=True)

    # --- what must be true -------------------------------------------------------------------

    @invariant()
    def every_tag_pulls(self) -> None:
        for name, model in self.model.items():
            for tag in (Tag("1.0"), Tag("latest"), Tag("app")):
                if tag in model.tags:
                    assert self.bench.pull(tag, name) == model.tags[tag].body
                else:
                    assert not self.bench.store.manifests.has_folder(Place(KEY, name), tag)

    @invariant()
    def what_must_be_there_pulls_by_digest(self) -> None:
        for name, model in self.model.items():
            certain = model.certain(self.now)
            for digest, manifest in certain.items():
                assert self.bench.pull(digest, name) == manifest.body

    @invariant()
    def what_is_shown_has_been_pushed(self) -> None:
        """Deleted means gone; and what is shown without need can be pulled, or goes as a whole."""
        for name, model in self.model.items():
            shown = set(self.bench.store.manifests.digests(Place(KEY, name)))
            for digest in sorted(set(model.shown) - shown):
                assert digest not in model.certain(self.now)
                model.gone(digest)
            assert shown <= set(model.shown)
            for digest in sorted(shown):
                assert self.bench.pull(digest, name) == model.shown[digest].body


def test_machine() -> None:
    run_state_machine_as_test(Machine, settings=SETTINGS)
