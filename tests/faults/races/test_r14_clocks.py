"""R14: clocks that jump, between passes and in the middle of one.

More of that is in the tests of the pruner's guards.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import closing
from typing import Any, Final

import pytest

from registry.config import Config
from registry.jobs import Jobs, Pace
from registry.model.errors import ManifestUnknown
from registry.model.names import Tag
from registry.services.pruning_report import Report
from registry.services.pruning_steps import ImageSteps, TrashSteps
from registry.storage import held, leases, orphans, upload_sweep
from registry.wiring import build
from tests.faults.races.gates import at
from tests.faults.races.scenes import DIGEST, LAYER, check_pushed, is_layer, put
from tests.support.bench import ALICE, CONFIG, GRACE, HOLD, IMAGE, KEY, TAG, Bench, image, index
from tests.support.travel import DAY, HOUR, MINUTE

YEARS: Final = 3650 * DAY
JUMPS: Final = (HOUR, -HOUR, YEARS, -YEARS)


def scene(bench: Bench) -> str:
    """Let there be something of everything whose time is not over; return an upload.

    All of it is some hours old, which many passes have proved, and content is on hold.
    """
    bench.configure(untaggedRetentionDays=0)
    bench.store.filestore.store(LAYER, DIGEST)
    bench.prune()
    bench.travel.wait(GRACE - 4 * HOUR)
    bench.push(b"child", to=None, note="child")
    bench.push(b"first", note="first")
    bench.push(b"second", note="second")
    bench.push(b"deleted", to=Tag("deleted"), note="deleted")
    bench.repository.delete_tag(IMAGE, Tag("deleted"), ALICE)
    bench.blob(b"lonely")
    upload = bench.repository.start_upload(IMAGE, "sha256", ALICE)
    with closing(bench.repository.open_upload(IMAGE, upload.id, ALICE)) as writer:
        writer.write(b"la")
        bench.repository.settle_upload(IMAGE, writer)
    bench.live_for(4 * HOUR - MINUTE, every=2 * HOUR)
    assert bench.prune(after=2 * MINUTE).set_on_hold.names == 1
    return upload.id


def check_quiet(report: Report) -> None:
    """Assert that nothing has been taken away."""
    taken = (
        report.freed.names, report.set_on_hold.names, report.manifests_deleted,
        report.leases_ended, report.trash_expired, report.uploads_removed,
    )  # fmt: skip
    assert not any(taken), report


def check_scene(bench: Bench, upload: str) -> None:
    """Assert that all who rely on something get it."""
    repository = bench.repository
    with closing(repository.open_upload(IMAGE, upload, ALICE)) as writer:
        writer.write(b"yer")
        repository.finish_upload(IMAGE, writer, DIGEST)
    bench.put(index(image(b"child", note="child")), Tag("index"))
    bench.pull(Tag("index"))
    bench.put(image(b"lonely"), Tag("lonely"))
    bench.pull(Tag("lonely"))
    bench.pull(image(b"first", note="first"))
    bench.restore(Tag("deleted"))
    bench.pull(Tag("deleted"))
    bench.pull()


STEPS: Final = [
    *((jump,) for jump in JUMPS),
    *itertools.permutations(JUMPS, 2),
    (HOUR,) * 6,
    (-HOUR,) * 6,
    (YEARS, HOUR, -YEARS, -HOUR, -YEARS, YEARS),
]


def steps_id(steps: tuple[float, ...]) -> str:
    names = {HOUR: "+1h", -HOUR: "-1h", YEARS: "+10y", -YEARS: "-10y"}
    return " ".join(names[step] for step in steps)


@pytest.mark.parametrize("steps", STEPS, ids=steps_id)
def test_r14_the_clock_jumps_between_passes(bench: Bench, steps: tuple[float, ...]) -> None:
    """In so short a time nothing goes, whatever the clock of the wall makes of it."""
    upload = scene(bench)
    for step in steps:
        bench.travel.jump(step)
        for _ in range(2):
            check_quiet(bench.prune(after=3 * MINUTE))
    check_scene(bench, upload)


PLACES: Final[list[tuple[Any, str]]] = [
    (TrashSteps, "resolve"),
    (ImageSteps, "run"),
    (upload_sweep, "abandoned"),
    (orphans.Orphans, "settle"),
]


@pytest.mark.parametrize("back", [False, True], ids=["for good", "and back"])
@pytest.mark.parametrize("jump", JUMPS, ids=lambda jump: steps_id((jump,)))
@pytest.mark.parametrize(("owner", "function"), PLACES)
def test_r14_the_clock_jumps_within_passes(
    bench: Bench, owner: Any, function: str, jump: float, back: bool
) -> None:
    """What a pass believes of the time is fixed at its beginning."""
    upload = scene(bench)
    with at(owner, function, lambda: bench.travel.jump(jump)):
        check_quiet(bench.prune(after=3 * MINUTE))
    if back:
        bench.travel.jump(-jump)
    for _ in range(3):
        check_quiet(bench.prune(after=3 * MINUTE))
    check_scene(bench, upload)


@pytest.mark.parametrize("jump", JUMPS, ids=lambda jump: steps_id((jump,)))
@pytest.mark.parametrize("lease", [True, False], ids=["lease", "content"])
def test_r14_what_a_wrong_clock_sets_on_hold_has_its_hold(
    bench: Bench, lease: bool, jump: float
) -> None:
    """The clock is right again before the next pass, which so knows nothing of it."""
    bench.blob(LAYER) if lease else bench.store.filestore.store(LAYER, DIGEST)
    bench.live_for(GRACE - 2 * HOUR, every=12 * HOUR)
    bench.live_for(2 * HOUR - MINUTE, every=20 * MINUTE)
    with (
        at(held, "hold", lambda: bench.travel.jump(jump), when=is_layer),
        at(held, "hold", lambda: bench.travel.jump(-jump), when=is_layer, after=True),
    ):
        bench.again().prune(after=2 * MINUTE)
    bench.live_for(HOLD - 10 * MINUTE, every=25 * MINUTE)
    if not lease:
        assert held.resurrect(bench.layout.content(DIGEST))
        bench.store.links.add(KEY, IMAGE, DIGEST)
    put(bench)
    check_pushed(bench)


@pytest.mark.parametrize("jump", [HOUR, DAY, YEARS, -HOUR, -YEARS])
@pytest.mark.parametrize("place", [(leases, "end"), (held, "hold"), (orphans.Orphans, "scan")])
def test_r14_the_clock_jumps_in_the_middle_of_a_pass(
    bench: Bench, jump: float, place: tuple[Any, str]
) -> None:
    """What a pass believes of the time is fixed at its beginning."""
    bench.blob(b"old")
    bench.prune(after=MINUTE)
    bench.travel.wait(GRACE + HOUR)
    bench.blob(LAYER)
    bench.blob(CONFIG)
    owner, function = place
    with at(owner, function, lambda: bench.travel.jump(jump)):
        bench.prune()
    for _ in range(5):
        bench.prune(after=10 * MINUTE)
    bench.put(image(LAYER), TAG)
    bench.pull()


@pytest.mark.parametrize("within", [False, True], ids=["between passes", "within a pass"])
def test_r14_rules_delete_no_tag_because_of_a_jump(bench: Bench, within: bool) -> None:
    """Of what was pushed minutes ago, because the clock says that it was ten years ago."""
    bench.configure(retention="delete pushed>90d")
    body = bench.push(LAYER)
    jobs, pace = Jobs(build(Config(storage_root=bench.root))), Pace(threading.Event())
    jobs._pass(pace)
    if within:
        with at(orphans.Orphans, "scan", lambda: bench.travel.jump(YEARS)):
            jobs._pass(pace)
    else:
        bench.travel.jump(YEARS)
    for _ in range(5):
        bench.travel.wait(10 * MINUTE)
        jobs._pass(pace)
    assert bench.pull() == body


def test_r14_rules_delete_what_has_really_become_old(bench: Bench) -> None:
    """With a pass a day, the last of which has seen the tag long ago."""
    bench.configure(retention="delete pushed>90d")
    body = bench.push(LAYER)
    jobs, pace = Jobs(build(Config(storage_root=bench.root))), Pace(threading.Event())
    for _ in range(90):
        jobs._pass(pace)
        bench.travel.wait(DAY)
    assert bench.pull() == body
    jobs._pass(pace)
    bench.travel.wait(HOUR)
    jobs._pass(pace)
    with pytest.raises(ManifestUnknown):
        bench.pull()
