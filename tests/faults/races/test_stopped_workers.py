"""Workers that are stopped in the middle of a request for longer than the grace, and go on.

Each of them has a client of its own. While they are stopped somebody else prunes, until the image
of a blob that was pushed after all of that, and that nobody needs, has lost it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from registry.model.digests import Digest
from tests.faults.races.clients import Image, has, pull, push, put
from tests.faults.races.workers import Workers, wait_until
from tests.live.wire import Wire, digest_of

BODY: Final = "the middle of the body"
BLOB: Final = (BODY, "Filestore.publish.before", "Links.add.before")
"""Where the PUT of a blob is stopped; its bytes have a name all the time."""
MANIFEST: Final = {
    BODY: False,
    "ManifestPush._require_parts.after": False,
    "Manifests.store.after": False,
    "Manifests.prepare.after": True,
    "Manifests.commit.before": True,
    "Manifests.settle.before": True,
}
"""Where the PUT of a manifest is stopped, and whether it keeps the pruner from its blobs there."""


@dataclass(frozen=True)
class Stopped:
    """A request in the hands of a worker that is stopped."""

    place: str
    image: Image
    wire: Wire
    is_blob: bool

    @property
    def is_safe(self) -> bool:
        """Whether nothing that it needs can be taken from it."""
        return self.is_blob or MANIFEST[self.place]

    @property
    def old(self) -> Image:
        """What the tag stood for before."""
        return replace(self.image, version="old")


@contextmanager
def stopped(server: Workers, test: str) -> Iterator[list[Stopped]]:
    """Let a worker stop at each of the places, pushing over a tag; all go on at the end."""
    found = []
    places = [(place, True) for place in BLOB] + [(place, False) for place in MANIFEST]
    with ExitStack() as stack:
        stack.callback(server.go_on)
        for number, (place, is_blob) in enumerate(places):
            wire = stack.enter_context(Wire(server))
            case = Stopped(place, Image(f"{test}-{number}", "new"), wire, is_blob)
            push(wire, case.old)
            stop(server, case)
            found.append(case)
        assert len(server.stopped()) == len(found)
        yield found


def stop(server: Workers, case: Stopped) -> None:
    """Make a request, and let its worker stop."""
    image, wire = case.image, case.wire
    wire.push_blob(image.config, image.path)
    head, body = image.head, image.manifest
    if case.is_blob:
        path = f"{wire.start_upload(image.path)}?digest={digest_of(image.layer)}"
        head, body = [path, f"Content-Length: {len(image.layer)}"], image.layer
    else:
        wire.push_blob(image.layer, image.path)
    half = len(body) // 2

    def request() -> None:
        wire.begin("PUT", *head)
        wire.send(body[:half])
        if case.place != BODY:
            wire.send(body[half:])

    if case.place == BODY:
        request()
        server.stop_worker_of(wire)
    else:
        server.stop_at(case.place, request)


def go_on(server: Workers, cases: list[Stopped]) -> dict[str, tuple[int, str]]:
    """Let all go on; return how each request was answered."""
    server.go_on()
    answers = {}
    for case in cases:
        if case.place == BODY:
            body = case.image.layer if case.is_blob else case.image.manifest
            case.wire.send(body[len(body) // 2 :])
        reply = case.wire.reply("PUT")
        code = reply.code if reply.status >= 400 else ""
        answers[f"{'blob' if case.is_blob else 'manifest'}: {case.place}"] = reply.status, code
    return answers


def check_tags(wire: Wire, cases: list[Stopped]) -> None:
    """Assert that each tag is whole, whichever of its manifests it stands for right now."""
    for case in cases:
        assert pull(wire, case.image) in (case.old.manifest, case.image.manifest), case.place


def finish(server: Workers, wire: Wire, cases: list[Stopped]) -> None:
    """Let the clients do what is left for them; then all is there, and nothing else."""
    for case in cases:
        assert has(wire, case.image, case.image.layer) or not case.is_blob, case.place
        push(wire, case.image)
    server.prune_until(lambda: not server.problems(), "nothing is left over", grace=0.05)
    for case in cases:
        assert pull(wire, case.image) == case.image.manifest


def test_a_worker_that_is_stopped_for_longer_than_the_grace(workers: Workers) -> None:
    """But not for longer than grace and hold: nothing is refused that relies on what was said.

    And as long as it has not come to its changes, others can make theirs in the same image.
    """
    canary = Image("first-canary")
    with workers.no_pruning(), stopped(workers, "first") as cases, Wire(workers) as wire:
        digest = Digest(wire.push_blob(canary.layer, canary.path))
        workers.prune_until(lambda: not workers.shows(canary.name, digest), "held", hold=3600.0)
        check_tags(wire, cases)
        for case in cases:
            if case.is_blob or not case.is_safe:
                push(wire, replace(case.image, version="beside", tag="beside"))
        answers = go_on(workers, cases)
        assert set(answers.values()) == {(201, "")}, answers
        for case in cases:
            assert put(wire, case.image).status == 201, case.place
        finish(workers, wire, cases)


def test_a_worker_that_is_stopped_until_nothing_is_left_of_what_it_relied_on(
    workers: Workers,
) -> None:
    """Another worker prunes. What is missing then is said to be, and the client sends it again."""
    canary = Image("second-canary")
    with ExitStack() as stack:
        with workers.no_pruning():
            cases = stack.enter_context(stopped(workers, "second"))
            wire = stack.enter_context(Wire(workers))
            digest = Digest(wire.push_blob(canary.layer, canary.path))
        wait_until(lambda: not workers.holds(canary.name, digest), "taken by another worker")
        stack.enter_context(workers.no_pruning())
        check_tags(wire, cases)
        answers = go_on(workers, cases)
        assert list(answers.values()) == [
            (201, "") if case.is_safe else (404, "MANIFEST_BLOB_UNKNOWN") for case in cases
        ], answers
        check_tags(wire, cases)
        finish(workers, wire, cases)
