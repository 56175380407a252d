"""The decisive test: what is said to be freed is what pruning frees, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.model.errors import OperationUnsupported
from registry.model.names import Tag
from registry.model.targets import Target, parse_tag_target, parse_target
from registry.repositories.definitions import Definitions
from registry.services.usage import Usage
from registry.storage.store import Store
from tests.services.usage_stores import (
    RandomStore,
    copy_store,
    delete,
    prune_to_the_end,
    weigh,
)

STEPS = 40
TARGETS = 15


def really_freed(store: Store, targets: list[Target]) -> int:
    """Delete from a storage folder that has been pruned to the end, and prune it again."""
    before = weigh(store)
    try:
        for target in targets:
            delete(store, target)
    finally:
        store.journal.close()
    prune_to_the_end(store)
    return before - weigh(store)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_said_to_be_freed_is_freed_to_the_byte(tmp_path: Path, seed: int) -> None:
    """It is asked before what goes by itself has gone, and after; the answers are the same."""
    made = RandomStore(str(tmp_path / "store"), seed)
    made.run(STEPS)
    unpruned = Usage(made.store, Definitions(made.store))
    unpruned.of()
    prune_to_the_end(made.store)
    usage = Usage(made.store, Definitions(made.store))
    found = made.targets()
    for number, target in enumerate(made.random.sample(found, min(len(found), TARGETS))):
        report = usage.of(target)
        assert unpruned.of(target).total.frees == report.total.frees, str(target)
        copy = copy_store(made.store, str(tmp_path / str(number)))
        try:
            freed = really_freed(copy, [target])
        except OperationUnsupported:
            assert (report.needed_by is not None, report.total.frees) == (True, 0)
            continue
        assert freed == report.total.frees, str(target)
        assert report.needed_by is None


@pytest.mark.parametrize("seed", range(8))
def test_what_tags_free_together_is_freed_to_the_byte(tmp_path: Path, seed: int) -> None:
    made = RandomStore(str(tmp_path / "store"), seed)
    made.run(STEPS)
    prune_to_the_end(made.store)
    usage = Usage(made.store, Definitions(made.store))
    tags = [target for target in made.targets() if isinstance(target.reference, Tag)]
    for number in range(4):
        chosen = made.random.sample(tags, len(tags) * (number + 1) // 5)
        copy = copy_store(made.store, str(tmp_path / str(number)))
        said = usage.freed_by([parse_tag_target(str(target)) for target in chosen])
        assert said == really_freed(copy, chosen), [str(target) for target in chosen]


@pytest.mark.parametrize("seed", range(20))
def test_a_table_says_what_asking_for_each_says(tmp_path: Path, seed: int) -> None:
    made = RandomStore(str(tmp_path / "store"), seed)
    made.run(STEPS)
    made.store.journal.close()
    usage = Usage(made.store, Definitions(made.store))
    for repository in usage.of().parts:
        assert usage.of(parse_target(repository.name)).total == repository
        for image in usage.of(parse_target(repository.name)).parts:
            assert usage.of(parse_target(image.name)).total == image
            for part in usage.of(parse_target(image.name)).parts:
                assert usage.of(parse_target(part.name)).total == part
