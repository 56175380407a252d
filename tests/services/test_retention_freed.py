"""How many bytes come back if the rules are applied."""

from __future__ import annotations

from collections.abc import Sequence

from registry.model.names import Tag
from registry.services.retention import Retention, TagTarget
from tests.repositories.pushing import IMAGE, KEY, image_body
from tests.services.past import NOW, PastRegistry


def test_how_many_bytes_come_back_is_asked_once(past: PastRegistry) -> None:
    past.push("a", days=9)
    past.push("b", days=1)
    past.configure(retention="delete pushed>7d")
    asked: list[Sequence[TagTarget]] = []

    def freed(tags: Sequence[TagTarget]) -> int:
        asked.append(tags)
        return 17

    instance = past.instance
    retention = Retention(past.store, instance.definitions, instance.directory, freed)
    going = [found for found in retention.plan(NOW) if found.decision.goes]
    assert retention.freed(going) == 17
    assert asked == [[(KEY, IMAGE, Tag("a"))]]
    without = Retention(past.store, instance.definitions, instance.directory)
    assert without.freed(going) is None


def test_the_bytes_that_come_back_are_those_of_nobody_else(past: PastRegistry) -> None:
    past.push("a", days=9, note="a")
    past.push("b", days=1, note="b")
    past.configure(retention="delete pushed>7d")
    going = [found for found in past.instance.retention.plan(NOW) if found.decision.goes]
    # The layer and the manifest go; the configuration is that of the other tag, too.
    manifest = image_body(b"layer of a", note="a")
    assert past.instance.retention.freed(going) == len(b"layer of a") + len(manifest)
