"""How a scrub is made: in parts, at a bounded rate, and without believing one bad reading."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from registry.model.digests import Digest, Hasher
from registry.services.instance import Instance
from registry.storage import walk
from registry.storage.contents import Content, Pace
from registry.storage.contents import compute as real_compute
from tests.conftest import Client
from tests.http.support import ABSENT, KEY, digest_of
from tests.services.checking.plants import name
from tests.services.checking.stores import OWN, SHARED, content, flip, found
from tests.services.checking.test_scrubbing import scrub, status


class Clock:
    """Passes a second at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_it_goes_on_where_it_was_stopped(instance: Instance, storage: Path) -> None:
    flip(str(storage / content(digest_of(OWN))))
    instance.scrubbing._clock = Clock()
    reports = [scrub(instance, most_seconds=20)]
    while not reports[-1].complete:
        reports.append(scrub(instance, most_seconds=20))
    assert len(reports) > 2
    everything = [path for path in (storage / "filestore").rglob("*") if path.is_file()]
    # One was taken away.
    assert sum(report.files for report in reports) == len(everything) + 1
    assert [len(report.damaged) for report in reports].count(1) == 1
    assert scrub(instance, restart=True, most_seconds=20).files < len(everything)
    (storage / "scrubbing.json").write_text("damaged")
    assert scrub(instance).files == len(everything)


def assert_sums_are_right(storage: Path) -> None:
    """Compute the checksums that a scrub has kept once more."""
    files = [path for path in (storage / "checksums").rglob("*") if path.is_file()]
    for line in (line for path in files for line in path.read_text().splitlines()):
        encoded, sha1, md5 = line.split()
        algorithm = {64: "sha256", 128: "sha512"}[len(encoded)]
        data = (storage / "filestore" / algorithm / encoded[:2] / encoded).read_bytes()
        assert sha1 == hashlib.sha1(data).hexdigest()
        assert md5 == hashlib.md5(data).hexdigest()


def test_an_error_of_the_memory_takes_nothing_away(
    instance: Instance, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong once and right the second time is right."""
    calls = 0

    def compute(content: Content, pace: Pace, also: Sequence[Hasher] = ()) -> Digest | None:
        nonlocal calls
        calls += 1
        right = real_compute(content, pace, also)
        return Digest(ABSENT) if calls == 5 else right

    monkeypatch.setattr("registry.services.scrubbing.compute", compute)
    assert scrub(instance).is_clean
    assert_sums_are_right(storage)
    assert list((storage / "quarantine").iterdir()) == []


def test_what_the_disk_does_not_read_is_left_where_it_is(
    instance: Instance, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(content: Content, pace: Pace, also: Sequence[Hasher] = ()) -> Digest | None:
        if content.digest == digest_of(OWN):
            raise OSError(5, "Input/output error")
        return real_compute(content, pace, also)

    monkeypatch.setattr("registry.services.scrubbing.compute", compute)
    monkeypatch.setattr("registry.services.checking_content.compute", compute)
    report = scrub(instance)
    assert report.unreadable == [f"{content(digest_of(OWN))}: Input/output error"]
    assert not report.is_clean
    assert list((storage / "quarantine").iterdir()) == []
    findings = found(instance, deep=True)
    assert [(f.kind, f.path) for f in findings] == [("unreadable", content(digest_of(OWN)))]


def test_a_lease_that_is_made_meanwhile_is_found(
    instance: Instance, storage: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    """A mount that came between the look at the names and the taking."""
    flip(str(storage / content(digest_of(SHARED))))
    real, calls = walk.names_of, 0
    layer = storage / f"artifacts/{KEY}/late/_layers" / name(SHARED)

    def names_of(*arguments: object) -> object:
        nonlocal calls
        names = real(*arguments)  # type: ignore[arg-type]
        calls += 1
        if calls == 1:
            layer.parent.mkdir(parents=True)
            os.link(storage / content(digest_of(SHARED)), layer)
        return names

    monkeypatch.setattr("registry.services.scrubbing.walk.names_of", names_of)
    scrub(instance)
    assert not layer.exists()
    assert status(client, f"blobs/{digest_of(SHARED)}", f"/v2/{KEY}/late") == 404


def test_the_rate_is_bounded() -> None:
    rests: list[float] = []
    time = 0.0

    def sleep(seconds: float) -> None:
        nonlocal time
        rests.append(seconds)
        time += seconds

    pace = Pace(1000, lambda: time, sleep)
    for _ in range(100):
        pace.spend(100)
    # A second's worth may come at once.
    assert 9 <= time <= 10
    assert max(rests) <= 1.1
    time += 1000
    for _ in range(100):
        pace.spend(100)
    assert 1017 <= time <= 1020


def test_without_a_rate_there_is_no_rest() -> None:
    Pace(0, lambda: 0.0, lambda seconds: pytest.fail("it rested")).spend(10**12)
