"""Rules tried on what is recorded of the past."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from registry.model.digests import Digest
from registry.model.errors import RepositoryUnknown
from registry.model.names import RepositoryKey, Tag
from registry.model.targets import parse_target
from registry.services.regret import Regretted, Replay
from tests.repositories.pushing import ALICE, IMAGE, KEY, image_body, index_body, put
from tests.services.past import NOW, PastRegistry, days_ago


def replay(past: PastRegistry, *keys: RepositoryKey) -> Replay:
    return past.instance.regret.replay(NOW, keys)


def told(past: PastRegistry) -> dict[str, int]:
    return {found.name.partition(":")[2]: found.pulls for found in replay(past).regretted}


def midnight(days: int) -> datetime.datetime:
    return days_ago(days).replace(hour=0)


def test_what_would_have_gone_and_was_pulled_later(past: PastRegistry) -> None:
    one = past.push("one", days=20)
    two = past.push("two", days=20)
    past.push("three", days=1)
    past.pull("one", one, days=18)
    past.pull("one", one, days=10, who="carol")
    past.pull("one", one, days=8, who="dave")
    past.pull("two", two, days=16)
    past.configure(retention="delete pushed>5d")
    assert replay(past) == Replay(
        midnight(18),
        2,
        [Regretted(f"{KEY}/{IMAGE}:one", midnight(14), "delete pushed>5d", 2, days_ago(8), "dave")],
    )


def test_counted_days_tell_the_same(past: PastRegistry) -> None:
    one = past.push("one", days=20)
    for days in (18, 10, 8, 0):
        past.pull("one", one, days=days)
    past.configure(retention="delete pushed>5d")
    before = replay(past)
    assert len(past.store.pulls.compact(NOW)) == 3
    assert replay(past) == before
    assert before.regretted[0].pulls == 3


def test_without_pulls_nothing_can_be_said(past: PastRegistry) -> None:
    past.push("one", days=20)
    past.configure(retention="delete pushed>5d")
    assert replay(past) == Replay()


def test_without_rules_nothing_is_tried(past: PastRegistry) -> None:
    past.pull("one", past.push("one", days=20), days=8)
    assert replay(past) == Replay()
    with pytest.raises(RepositoryUnknown):
        replay(past, RepositoryKey("none"))


def test_only_the_repositories_that_were_named(past: PastRegistry) -> None:
    other = RepositoryKey("docker-stage")
    past.instance.definitions.create(other, "local", {"retention": "delete pushed>5d"})
    past.pull("one", past.push("one", days=20), days=8)
    past.configure(retention="delete pushed>5d")
    assert replay(past, other).deleted == 0
    assert replay(past, KEY).deleted == replay(past).deleted == 1


def test_without_a_journal_the_tags_themselves_tell(past: PastRegistry) -> None:
    past.pull("one", past.push("one", days=20), days=8)
    past.pull("one", past.push("two", days=20), days=12)
    past.forget_journal()
    past.configure(retention="delete pushed>5d")
    assert told(past) == {"one": 1}


def test_a_tag_that_is_gone_is_known_from_the_journal(past: PastRegistry) -> None:
    one = past.push("one", days=20)
    past.pull("one", one, days=11)
    past.pull("one", one, days=8)
    past.delete("one", days=2)
    past.configure(retention="delete pushed>5d")
    assert told(past) == {"one": 1}


def test_an_image_that_is_gone_is_known_from_the_journal(past: PastRegistry) -> None:
    past.pull("one", past.push("one", days=20), days=8)
    past.pull("one", past.push("two", days=20), days=12)
    with past.at(2):
        past.repository.delete_image(IMAGE, ALICE)
    past.configure(retention="delete pushed>5d")
    assert told(past) == {"one": 1}


def test_pinned_tags_never_went(past: PastRegistry) -> None:
    past.pull("one", past.push("one", days=20), days=8)
    past.pull("x", past.push("x", days=1), days=12)
    past.instance.history.pin(KEY, IMAGE, Tag("one"), ALICE)
    past.configure(retention="delete pushed>5d")
    assert replay(past).deleted == 0


def test_pinning_and_restoring_make_nothing_younger(past: PastRegistry) -> None:
    one = past.push("one", days=20)
    with past.at(13):
        past.instance.history.pin(KEY, IMAGE, Tag("one"), ALICE)
        past.instance.history.pin(KEY, IMAGE, Tag("one"), ALICE, pinned=False)
    past.delete("one", days=12)
    with past.at(11):
        (entry,) = past.store.trash.entries()
        assert entry.digest == one
        past.instance.trashcan.restore(parse_target(f"{KEY}/{IMAGE}:one"), ALICE)
    past.pull("one", one, days=19)
    past.pull("one", one, days=8)
    past.configure(retention="delete pushed>10d")
    (found,) = replay(past).regretted
    # On the 10th day before; the push was 20, the restoring 11 days before.
    assert (found.gone, found.pulls) == (midnight(9), 1)
    past.configure(retention="delete pushed>6d")
    assert replay(past).deleted == 2


def test_parts_of_an_index_are_pulled_by_digest_without_their_tags(past: PastRegistry) -> None:
    child = past.push("amd64", days=20, note="child")
    with past.at(20):
        index = index_body(image_body(b"layer of child", note="child"))
        put(past.repository, index, Tag("all"))
    past.pull("all", Digest.of(index), days=8)
    past.pull(child, child, days=8)
    past.pull("x", child, days=19)
    past.configure(retention="delete tag=amd64")
    assert (replay(past).deleted, told(past)) == (1, {})
    past.configure(retention="delete pushed>5d")
    assert (replay(past).deleted, told(past)) == (2, {"all": 1})


def test_damaged_lines_of_the_journal_stop_nothing(past: PastRegistry) -> None:
    one = past.push("one", days=20)
    past.pull("one", one, days=12)
    past.pull("one", one, days=8)
    journal = next(Path(past.store.layout.top("journal")).iterdir())
    journal.write_bytes(b"\0\n" + journal.read_bytes())
    past.configure(retention="delete pushed>5d")
    assert told(past) == {"one": 1}
