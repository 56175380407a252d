"""Putting a tag back where the records beside the manifests are damaged."""

from __future__ import annotations

import pytest

from registry.model.names import Tag
from registry.storage.manifest_files import Place
from tests.repositories.pushing import ALICE, IMAGE, KEY
from tests.services.past import NOW, PastRegistry


@pytest.mark.parametrize("former", [None, 7, "1.0", ["1.0"]], ids=repr)
def test_a_record_that_says_nonsense_hides_no_other(past: PastRegistry, former: object) -> None:
    """Without a journal the manifests themselves tell which tag they had, as far as they can."""
    one = past.push("1.0", days=9, note="one")
    two = past.push("1.0", days=5, note="two")
    past.push("1.0", days=1, note="three")
    past.forget_journal()
    manifests, place = past.store.manifests, Place(KEY, IMAGE)
    sidecar = dict(manifests.sidecar(place, two) or {})
    assert list(sidecar["formerTags"]) == ["1.0"]
    manifests.replace_sidecar(place, two, sidecar | {"formerTags": former})
    assert past.instance.history.revert(KEY, IMAGE, Tag("1.0"), one, ALICE, NOW).changed
