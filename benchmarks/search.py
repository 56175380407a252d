"""Figures of lists and searches over many tags: ``python -m benchmarks.search``.

Makes a store of many tags, starts a server with two workers, and asks it over HTTP. Nothing here
is compared with another registry, but with what is wanted.
"""

import argparse
import base64
import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from benchmarks import search_store
from benchmarks.errors import MeasurementFailed
from benchmarks.ours import ROOT, WORKERS
from benchmarks.processes import (
    clean_environment,
    descendants,
    free_port,
    running,
    wait_ready,
)
from benchmarks.search_store import KEY, LARGE, image_name, revision, shared_layer, tag_name
from benchmarks.wire import Connection
from registry.model.names import Tag

PASSWORD = "benchmark-password"
READY = re.compile(r"the index is ready after ([0-9.]+) s")
PAGE = 1000
_FIRST_REQUESTS = 10
"""Requests before the clock starts, so that every code path has run once in each worker."""


@dataclass(frozen=True)
class Server:
    """A server over one store."""

    port: int
    pid: int
    log: Path

    def ask(self, connection: Connection, method: str, path: str, body: bytes = b"") -> object:
        """Return the document that a request answers with."""
        credentials = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        if body:
            headers["Content-Type"] = "text/plain"
        answer = connection.request(method, path, headers, body)
        if answer.status != 200:
            text = answer.body[:300].decode("utf-8", "replace")
            raise MeasurementFailed(f"{method} {path} answered {answer.status}: {text}")
        found: object = json.loads(answer.body)
        return found

    def ready(self) -> list[float]:
        """Wait until all workers have their index; return how many seconds each has taken."""
        deadline = time.monotonic() + 600
        while len(found := READY.findall(self.log.read_text())) < WORKERS:
            if time.monotonic() > deadline:
                raise MeasurementFailed("the index is not ready after ten minutes")
            time.sleep(0.05)
        return [float(seconds) for seconds in found]

    def memory(self) -> int:
        """Bytes of the largest worker that are in memory."""
        return max(map(_resident, descendants(self.pid)))


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+([0-9]+)", status)[0]) * 1024


@contextlib.contextmanager
def serving(storage: Path) -> Iterator[Server]:
    """A server over a store, while the context lasts."""
    port, log = free_port(), storage.parent / f"{storage.name}.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, str(ROOT / "app.py"), "serve", "--workers", str(WORKERS)]
    command += ["--storage", str(storage), "--listen", f"127.0.0.1:{port}"]
    environment = clean_environment({"REGISTRY_ADMIN_PASSWORD": PASSWORD})
    with running(command, log, ROOT, environment) as process:
        wait_ready(process, port, "/readyz", 200, log)
        yield Server(port, process.pid, log)


@dataclass(frozen=True)
class Question:
    """Something that is asked again and again, each time for something else."""

    name: str
    limit: float
    """Milliseconds in which nearly all answers are wanted."""
    ask: Callable[[Server, Connection, int], int]
    """Asks for the thing of that number; returns how many results came."""


def _get(path: Callable[[int], str], field: str) -> Callable[[Server, Connection, int], int]:
    return lambda server, connection, number: _count(
        server.ask(connection, "GET", path(number)), field
    )


def _aql(text: Callable[[int], str]) -> Callable[[Server, Connection, int], int]:
    return lambda server, connection, number: _count(
        server.ask(connection, "POST", "/artifactory/api/search/aql", text(number).encode()),
        "results",
    )


def _find(**criteria: object) -> str:
    return f"items.find({json.dumps(criteria)})"


def _count(document: object, field: str) -> int:
    found = document.get(field) if isinstance(document, dict) else None
    return len(found) if isinstance(found, list) else 0


def questions(images: int, tags: int) -> list[Question]:
    """What is asked of the store of many images."""

    def digest(number: int) -> str:
        return shared_layer(image_name(number % images), number % search_store.SHARED_LAYERS)

    def label(number: int) -> str:
        return revision(image_name(number * 7 % images), tag_name(number % tags))

    def date(number: int) -> str:
        path = {"$match": f"{image_name(number % images)}/*"}
        return _find(repo=KEY, name="manifest.json", created={"$gt": "2020-01-01"}, path=path)

    def one(number: int) -> str:
        path = f"{image_name(number % images)}/{tag_name(number % tags)}"
        return _find(repo=KEY, path=path, name="manifest.json")

    def properties(number: int) -> str:
        tag, image = tag_name(number % tags), image_name(number % images)
        return _find(**{"@docker.manifest": tag, "@docker.repoName": image})

    prop = "/artifactory/api/search/prop?docker.label.org.opencontainers.image.revision="
    return [
        Question(
            "tag page of 100", 10,
            _get(lambda n: f"/v2/{KEY}/{image_name(n % images)}/tags/list?n={PAGE}", "tags"),
        ),
        Question("catalog page", 10, _get(lambda n: f"/v2/_catalog?n={PAGE}", "repositories")),
        Question(
            "package search by layer", 10,
            _get(lambda n: f"/artifactory/api/docker/search?digest={digest(n)}", "packages"),
        ),
        Question("property search", 50, _get(lambda n: f"{prop}{label(n)}", "results")),
        Question("AQL by property", 50, _aql(properties)),
        Question("AQL by name and path", 50, _aql(one)),
        Question("AQL by name, path and date", 50, _aql(lambda n: f"{date(n)}.limit(100)")),
    ]  # fmt: skip


def large_page(tags: int) -> Question:
    """What is asked of the store of one large image."""
    path = f"/v2/{KEY}/{LARGE}/tags/list?n={PAGE}&last="
    return Question(
        f"tag page of {PAGE}", 10,
        _get(lambda n: path + quote(f"t{n * 997 % max(tags - PAGE, 1):06}"), "tags"),
    )  # fmt: skip


def measure(server: Server, question: Question, requests: int) -> bool:
    """Ask, print what it took, and return whether that is what is wanted."""
    times, results = list[float](), 0
    for number in range(_FIRST_REQUESTS + requests):
        # A connection belongs to one worker; new ones go to both.
        with Connection("127.0.0.1", server.port) as connection:
            began = time.perf_counter()
            results = max(results, question.ask(server, connection, number))
            times.append(1000 * (time.perf_counter() - began))
    times = sorted(times[_FIRST_REQUESTS:])
    middle, last = times[len(times) // 2], times[min(int(len(times) * 0.99), len(times) - 1)]
    met = last <= question.limit and results > 0
    wanted = f"wanted {question.limit:g} ms: {'met' if met else 'MISSED'}"
    print(
        f"{question.name:28} p50 {middle:7.2f} ms  p99 {last:7.2f} ms  "
        f"up to {results} results  {wanted}",
        flush=True,
    )
    return met


def seen_elsewhere(server: Server, storage: Path, rounds: int) -> None:
    """Push by one process, and ask both workers at once."""
    store, repository = search_store.open_store(str(storage))
    for number in range(rounds):
        tag = Tag(f"new-{time.time_ns()}-{number}")
        image = image_name(0)
        search_store.push(store, repository, image, tag)
        for _ in range(2 * WORKERS):
            with Connection("127.0.0.1", server.port) as connection:
                path = f"/artifactory/api/docker/search?image={image}&tag={tag}"
                if _count(server.ask(connection, "GET", path), "packages") != 1:
                    raise MeasurementFailed(f"a push of {tag} was not seen at once")
    store.journal.close()
    print(f"pushes by another process seen at once by the workers: {rounds} of {rounds}")


def many_images(storage: Path, empty: Path, images: int, tags: int, requests: int) -> bool:
    """Measure a store of many images with some tags each."""
    with serving(empty) as server:
        server.ready()
        least = server.memory()
    with serving(storage) as server:
        seconds = server.ready()
        a_tag = (server.memory() - least) / (images * tags)
        met = max(seconds) <= 10 and a_tag <= 1024
        print(f"{images * tags} tags in {images} images")
        print(f"index ready after {max(seconds):.1f} s, wanted 10 s; at the same time in each of "
              f"{WORKERS} workers")  # fmt: skip
        print(f"memory of a worker: {a_tag:.0f} bytes a tag, wanted 1024")
        for question in questions(images, tags):
            met = measure(server, question, requests) and met
        seen_elsewhere(server, storage, 10)
        print(f"memory of a worker afterwards: {(server.memory() - least) / (images * tags):.0f} "
              "bytes a tag")  # fmt: skip
    return met


def large_image(storage: Path, tags: int, requests: int) -> bool:
    """Measure a store of one image with very many tags."""
    with serving(storage) as server:
        print(f"{tags} tags in one image")
        print(f"index ready after {max(server.ready()):.1f} s")
        return measure(server, large_page(tags), requests)


def main() -> int:
    """Measure and print; return the exit code: 1 if something that is wanted was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000, help="images")
    parser.add_argument("--tags", type=int, default=100, help="tags of each image")
    parser.add_argument("--large", type=int, default=100_000, help="tags of one large image")
    parser.add_argument("--requests", type=int, default=300, help="requests of each kind")
    parser.add_argument("--workdir", type=Path, help="where to make the folders")
    parser.add_argument("--keep", type=Path, help="a folder whose stores are made once, and stay")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="search-", dir=arguments.workdir))
    many, large, empty = folder / "many", folder / "large", folder / "empty"
    try:
        if not many.exists():
            search_store.make(empty, 0, 0, 1, PASSWORD)
            search_store.make(many, arguments.images, arguments.tags, WORKERS, PASSWORD)
            search_store.make_large(large, arguments.large, WORKERS, PASSWORD)
            # What the disk still has to write of them is not what is measured.
            os.sync()
        met = many_images(many, empty, arguments.images, arguments.tags, arguments.requests)
        met = large_image(large, arguments.large, arguments.requests) and met
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
