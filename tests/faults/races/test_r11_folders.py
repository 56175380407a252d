"""R11: folders that are removed between their making and their use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from registry.storage import atomic
from tests.faults.races.everything import everything
from tests.faults.races.gates import at
from tests.faults.races.scenes import LAYER, settle
from tests.support.bench import ALICE, CONFIG, IMAGE, KEY, OTHER, TAG, Bench, image, index
from tests.support.travel import HOUR, MINUTE


@contextlib.contextmanager
def sweeping_every_new_folder(bench: Bench) -> Iterator[list[str]]:
    """Let a pruner find each folder right after it was made for the first time, as if old."""
    pruner, make, made = bench.again(), os.mkdir, list[str]()

    def making(path: Any, *arguments: Any, **more: Any) -> None:
        make(path, *arguments, **more)
        ours = "/artifacts/" in str(path) or "/trash/" in str(path)
        if ours and str(path) not in made:
            made.append(str(path))
            bench.travel.wait(10 * MINUTE)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "mkdir", make)
                pruner.prune()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "mkdir", making)
        yield made


def test_r11_a_folder_is_removed_between_its_making_and_its_use(bench: Bench) -> None:
    bench.prune()
    with sweeping_every_new_folder(bench) as made:
        everything(bench)
    assert len(made) > 15
    assert bench.pull() == image(b"new", note="new")
    assert bench.pull(Tag("index")) == index(image(LAYER))
    assert bench.pull(TAG, ImageName("a/b/c")) == image(LAYER)
    settle(bench)


@pytest.mark.parametrize("lost", ["1.0", "_layers"])
def test_r11_a_folder_that_vanishes_again_and_again_is_made_again(bench: Bench, lost: str) -> None:
    """A writer that misses its folder makes it and tries once more, some times."""
    bench.blob(CONFIG)
    blob = bench.repository.blob(IMAGE, Digest.of(CONFIG))
    link, left = os.link, iter(range(5))

    def losing(source: Any, target: Any, **more: Any) -> None:
        folder = os.path.dirname(str(target))
        if f"/{lost}/" in str(target) and next(left, None) is not None:
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                os.unlink(f"{folder}/{name}")
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(folder)
        link(source, target, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", losing)
        if lost == "1.0":
            bench.put(image(), TAG)
        else:
            bench.repository.mount_blob(OTHER, blob, ALICE)
            bench.put(image(), TAG, at=OTHER)
    assert next(left, None) is None
    bench.pull(TAG, IMAGE if lost == "1.0" else OTHER)


def test_r11_a_folder_in_use_is_not_removed(bench: Bench) -> None:
    """``rmdir`` is the check: whoever has just put something there is not disturbed."""
    folder = f"{bench.layout.repository(KEY)}/team/app/1.0"
    os.makedirs(folder)
    bench.prune(after=HOUR)
    os.makedirs(folder, exist_ok=True)
    bench.travel.wait(HOUR)
    with at(atomic, "remove_folder", lambda: bench.push(LAYER)):
        bench.prune()
    bench.pull()
