from __future__ import annotations

import time
from pathlib import Path

import pytest

from registry.model.errors import StorageUnusable
from registry.services.readiness import TRIED_EVERY, Readiness
from registry.storage import format as storage_format
from registry.storage.layout import Layout
from registry.storage.store import Store


def test_an_answer_is_good_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str | None] = []
    failure: list[str | None] = [None]
    clock = [100.0]

    def probe(layout: Layout) -> None:
        tried.append(failure[0])
        if failure[0] is not None:
            raise StorageUnusable(failure[0])

    monkeypatch.setattr(storage_format, "probe", probe)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    readiness = Readiness(Store(str(tmp_path)))
    readiness.check()
    failure[0] = "gone"
    clock[0] += TRIED_EVERY * 0.9
    readiness.check()
    clock[0] += TRIED_EVERY
    for _ in range(2):
        with pytest.raises(StorageUnusable, match="gone"):
            readiness.check()
    failure[0] = None
    clock[0] += TRIED_EVERY
    readiness.check()
    assert tried == [None, "gone", None]


@pytest.mark.parametrize("name", ["artifacts", "filestore", "uploads"])
def test_a_harmed_folder_is_not_ready(tmp_path: Path, name: str) -> None:
    store = Store(str(tmp_path / "store"))
    storage_format.prepare(store.layout)
    Readiness(store).check()
    folder = Path(store.layout.top(name))
    folder.rmdir()
    folder.touch()
    with pytest.raises(StorageUnusable):
        Readiness(store).check()
