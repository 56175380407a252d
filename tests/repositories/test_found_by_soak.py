"""What the soak has found in repositories, each as the one order of steps that it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.model.errors import ManifestPartsMissing, ManifestUnknown, RegistryError
from registry.storage import atomic
from tests.faults.races import gates
from tests.support.bench import ALICE, KEY, TAG, Bench, image

BODY = image(b"layer")

CHANGES: dict[str, tuple[Callable[[Bench], object], type[RegistryError]]] = {
    "push": (lambda bench: bench.put(BODY, TAG), ManifestPartsMissing),
    "untag": (lambda bench: bench.untag(), ManifestUnknown),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_under_which_the_repository_is_deleted_finds_nothing(
    bench: Bench, name: str
) -> None:
    """The tree goes right before the rename that puts a manifest in place."""
    change, error = CHANGES[name]
    bench.push(b"layer", note="other") if name == "push" else bench.push(b"layer")
    other = bench.again()

    def commits(source: str, target: str) -> bool:
        return target.endswith("/manifest.json")

    with (
        gates.at(atomic, "rename", lambda: other.definitions.delete(KEY, ALICE), when=commits),
        pytest.raises(error),
    ):
        change(bench)
    assert [entry.is_repository for entry in bench.entries()] == [True]
    bench.restore(None, None)
    assert bench.pulls()
