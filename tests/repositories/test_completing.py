"""A manifest that a killed push left without a folder is given one by whoever relies on it."""

from __future__ import annotations

import os

import pytest

from registry.model.digests import Digest
from registry.model.names import Tag
from registry.storage.manifest_files import Place
from registry.storage.manifests import Manifests
from tests.support.accounts import Accounts
from tests.support.bench import IMAGE, KEY, OTHER, Bench, image, index
from tests.support.travel import DAY

HERE = Place(KEY, IMAGE)


class Killed(BaseException):
    """Stands for SIGKILL."""


def push_killed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Let the push of a manifest by digest be killed right before its commit; return it."""

    def killed(*arguments: object, **more: object) -> None:
        raise Killed

    body = image(b"layer", note="child")
    with monkeypatch.context() as patch:
        # Whoever is killed tidies nothing up.
        for name in ("commit", "discard", "unregister"):
            patch.setattr(Manifests, name, killed)
        with pytest.raises(Killed):
            bench.push(b"layer", to=None, note="child")
    assert bench.has(body)
    assert not bench.store.manifests.has_folder(HERE, Digest.of(body))
    return body


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_index_that_names_it_completes_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    if elsewhere:
        bench.push(b"layer", at=OTHER, note="child")
    child = push_killed(bench, monkeypatch)
    bench.put(index(child), Tag("index"))
    folder = bench.layout.manifest_folder(KEY, IMAGE, Digest.of(child))
    assert "manifest.json" in os.listdir(folder)
    assert bench.store.manifests.holds(HERE, Digest.of(child), Digest.of(b"layer"))


def test_the_pruner_completes_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a registry of an earlier version has taken the index."""
    child = push_killed(bench, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr("registry.repositories.pushing.ManifestPush.complete", lambda *_: False)
        bench.put(index(child), Tag("index"))
    bench.prune(dry_run=True)
    assert not bench.store.manifests.has_folder(HERE, Digest.of(child))
    bench.prune()
    assert bench.store.manifests.has_folder(HERE, Digest.of(child))
    bench.settle()
    found = Accounts(bench.root)
    assert (found.problems, found.bare) == ([], [])


def test_a_child_that_has_a_tag_needs_no_folder_more(bench: Bench) -> None:
    child = bench.push(b"layer", note="child")
    bench.put(index(child), Tag("index"))
    bench.prune()
    assert not bench.store.manifests.has_folder(HERE, Digest.of(child))


def test_one_that_nothing_names_goes_after_the_grace(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long manifests without a tag are to stay: no client was told that it is here."""
    bench.configure(untaggedRetentionDays=-1)
    child = push_killed(bench, monkeypatch)
    bench.live_for(3 * DAY)
    assert not bench.has(child)
