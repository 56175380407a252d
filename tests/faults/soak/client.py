"""A client: asks, asks again where a worker was killed, and judges what it is answered."""

from __future__ import annotations

import dataclasses
import random
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from tests.faults.soak.content import Manifest
from tests.faults.soak.figures import COMMON_KEY, KEY, LIMITED_KEY
from tests.faults.soak.model import Image
from tests.faults.soak.wire import Broken, Reply, Wrong

if TYPE_CHECKING:
    from tests.faults.soak.site import Site

_CONNECTIONS: Final = 3
"""Connections of each client: its requests go to several workers."""
_ATTEMPTS: Final = 20
_NO_REPOSITORY: Final = f'"detail":{{"name":"{COMMON_KEY}"}}'.encode()
TAGS: Final = ("t0", "t1", "t2", "t3", "t4")

Operation = Callable[["Client"], None]


class Vanished(Exception):
    """The common repository was not there when the client wanted something of it."""


class Client:
    """One client. Nobody else changes the images that it owns."""

    def __init__(self, number: int, site: Site) -> None:
        self.site = site
        self.number = number
        self.rng = random.Random(f"client {site.figures.seed} {number}")
        self.name = f"c{number}"
        # The second image lies in the folder of a tag of the first one.
        names = (f"{self.name}/app", f"{self.name}/app/t1", f"{self.name}/lib")
        self.images = [Image(KEY, name) for name in names]
        self.limited = Image(LIMITED_KEY, self.name)
        """An image that keeps few tags, and to which nothing is done but to push."""
        self.order: list[str] = []
        """Its tags, the one pushed last at the end."""
        self.repository: str | None = None
        """The key of a repository of its own, for those that have one."""
        self._connections = [site.connect() for _ in range(_CONNECTIONS)]
        self._trace: deque[tuple[float, str, str, Reply | None]] = deque(maxlen=80)
        self._doing = (0, "nothing")
        self._touched: dict[str, Image] = {}

    # --- asking ------------------------------------------------------------------------------

    def once(
        self,
        method: str,
        path: str,
        headers: Sequence[str] = (),
        body: bytes = b"",
        *,
        rest: float = 0.0,
    ) -> Reply:
        """Return the answer to one request. Raises Broken, Wrong."""
        reply = None
        try:
            connection = self.rng.choice(self._connections)
            reply = connection.ask(method, path, headers, body, rest=rest)
        except Broken:
            self.site.tally.add("broken off")
            raise
        finally:
            self._trace.append((time.monotonic(), method, path, reply))
        if reply.status >= 500:
            raise Wrong(f"{method} {path}: {reply}")
        if reply.status == 404 and COMMON_KEY in path and _NO_REPOSITORY in reply.body:
            raise Vanished
        return reply

    def ask(
        self,
        method: str,
        path: str,
        headers: Sequence[str] = (),
        body: bytes = b"",
        *,
        rest: float = 0.0,
    ) -> Reply:
        """Return the answer to a request that may be made again; its time is that of the first."""
        began = time.monotonic()
        for attempt in range(_ATTEMPTS):
            try:
                reply = self.once(method, path, headers, body, rest=rest)
            except Broken:
                continue
            return dataclasses.replace(reply, sent=began, repeated=True) if attempt else reply
        raise Wrong(f"{method} {path}: broken off {_ATTEMPTS} times")

    def expect(
        self,
        method: str,
        path: str,
        *statuses: int,
        again: int | None = None,
        headers: Sequence[str] = (),
        body: bytes = b"",
        rest: float = 0.0,
    ) -> Reply:
        """Return the answer, which has one of these statuses.

        ``again`` is what a repeated request may be answered, too: it had been done already.
        """
        reply = self.ask(method, path, headers, body, rest=rest)
        if reply.status in statuses or (reply.repeated and reply.status == again):
            return reply
        expected = " or ".join(map(str, statuses))
        raise Wrong(f"{method} {path}: not {expected}, but {reply}")

    def absent(self, path: str) -> None:
        """See that something that was deleted is not shown."""
        self.expect("GET", path, 404)

    # --- what several operations do ----------------------------------------------------------

    def put(self, image: Image, reference: str, manifest: Manifest, since: float) -> None:
        """Take note of a manifest that was put in place."""
        before, promised = image.live(), dict(image.promised)
        image.put(reference, manifest, since)
        known = image.parts(manifest.digest)
        self.settle(image, before | known, promised)

    def settle(self, image: Image, known: set[str], promised: Mapping[str, float]) -> None:
        """Ask for what is needed again, by its subject, and may have gone in between."""
        for digest in sorted(image.live() - known):
            if digest not in image.live():
                continue
            reply = self.expect("HEAD", f"{image.path}/manifests/{digest}", 200, 404)
            if reply.status == 404:
                if reply.at <= promised.get(digest, 0.0):
                    raise Wrong(f"{image}@{digest} is gone within the grace")
                with image.changed(reply.sent, promising=False):
                    image.drop(digest)

    def all_images(self) -> list[Image]:
        """Return all images that nobody else changes."""
        return [*self.images, self.limited]

    def some_image(self) -> Image:
        """Return one of the client's images."""
        return self.rng.choice(self.images)

    def some_tag(self) -> str:
        """Return a tag to push to: a free one, or one that is taken."""
        return self.rng.choice(TAGS)

    def pause(self, longest: float) -> None:
        """Rest, as clients do that have other things to do."""
        time.sleep(self.rng.random() * longest)

    def touch(self, image: Image) -> Image:
        """Say which image an operation is about."""
        self._touched[str(image)] = image
        return image

    # --- working -----------------------------------------------------------------------------

    def run(self) -> None:
        """Do operations until there are enough, or something is wrong."""
        while (number := self.site.next_operation()) is not None:
            self._do(number)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def _do(self, number: int) -> None:
        name, operation = self.site.draw(self.rng)
        self._doing = (number, name)
        self._touched.clear()
        self._trace.clear()
        began, epoch = time.monotonic(), self.site.common_epoch
        result = "done"
        try:
            operation(self)
        except Vanished as error:
            result = "the repository was not there"
            if not self.site.common_may_be_away(epoch):
                self.site.fail(self._report(error))
                return
        except Exception as error:
            self.site.fail(self._report(error))
            return
        self.site.tally.add(name)
        moment = f"{began - self.site.began:.3f} to {time.monotonic() - self.site.began:.3f} s"
        for image in self._touched.values():
            image.history.append(f"{moment}: {number} {name}: {result}, tags {short(image.tags)}")

    def attempt(self, name: str, operation: Operation) -> None:
        """Do something that is no operation; a failure is reported the same way."""
        self._doing = (0, name)
        try:
            operation(self)
        except Exception as error:
            self.site.fail(self._report(error))

    def _report(self, error: Exception) -> str:
        number, name = self._doing
        said = str(error) if isinstance(error, Wrong) else traceback.format_exc()
        lines = [
            f"operation {number} ({name}) of client {self.number}, seed {self.site.figures.seed}:",
            f"  {said}",
            "requests:",
        ]
        for moment, method, path, reply in self._trace:
            answer = "broken off" if reply is None else str(reply)[:200]
            took = "" if reply is None else f" ({reply.at - reply.sent:.3f} s)"
            lines.append(f"  {moment - self.site.began:.3f} {method} {path}: {answer}{took}")
        for image in self._touched.values():
            lines += [f"last operations on {image}:", *(f"  {line}" for line in image.history)]
            lines += [f"the model has {short(image.tags)}, own {sorted(d[:19] for d in image.own)}"]
        return "\n".join(lines)


def short(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags with digests that fit on a line."""
    return {tag: digest[:19] for tag, digest in sorted(tags.items())}
