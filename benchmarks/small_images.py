"""Eight clients that push small images at the same time."""

import json
import os
from collections.abc import Callable, Sequence

from benchmarks.machine import small_file_seconds
from benchmarks.registry import (
    Registry,
    digest_of,
    expect,
    manifest_of,
    push_blob,
    push_manifest,
)
from benchmarks.together import seconds_together
from benchmarks.wire import Connection
from benchmarks.workload import Metric, Workload

CLIENTS = 8
LAYERS = 5
LAYER_BYTES = 8 << 10
# Five layers, a config and a manifest are what any registry must at least make durable.
FILES_PER_IMAGE = LAYERS + 2


class SmallImage:
    """A new image of random layers, with its digests taken before any clock starts."""

    def __init__(self) -> None:
        layers = [os.urandom(LAYER_BYTES) for _ in range(LAYERS)]
        names = [digest_of(layer) for layer in layers]
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Labels": {"benchmark": os.urandom(8).hex()}},
                "rootfs": {"type": "layers", "diff_ids": names},
            }
        ).encode()
        self.blobs = [*zip(names, layers, strict=True), (digest_of(config), config)]
        self.manifest = manifest_of(
            (digest_of(config), len(config)), [(name, LAYER_BYTES) for name in names]
        )

    def push(self, connection: Connection, image: str, headers: dict[str, str], tag: str) -> None:
        """Push as clients do: ask for each blob, send those that are missing, then the tag."""
        for digest, body in self.blobs:
            answer = connection.request("HEAD", f"/v2/{image}/blobs/{digest}", headers)
            expect(answer, 404, "HEAD of a new blob")
            push_blob(connection, image, headers, digest, body)
        push_manifest(connection, image, headers, tag, self.manifest)


class SmallImages(Workload):
    """Images a second of eight clients, each with one keep-alive connection."""

    name = "small-images"
    about = "eight clients push images of five 8 KiB layers"

    def metrics(self) -> Sequence[Metric]:
        """Images a second of all clients together."""
        title = f"small images, {CLIENTS} clients"
        goal = 2.0 if self.settings.is_behind else 1.5
        return [Metric("images", title, "images/s", True, goal=goal)]

    def prepare(self, registries: Sequence[Registry]) -> None:
        """Push one image to each server, so that every code path has run once."""
        for registry in registries:
            image = registry.image("small-warm")
            with registry.connect() as connection:
                SmallImage().push(connection, image, registry.headers(image), "warm")

    def measure(self, registry: Registry) -> dict[str, float]:
        """Let all clients push their images."""
        count = self.settings.images_per_client
        # Tokens are fetched here, before the fork, so that no client asks for one on the clock.
        places = [registry.image(f"small-{number}") for number in range(CLIENTS)]
        headers = [registry.headers(image) for image in places]

        def prepare(number: int) -> Callable[[], None]:
            images = [SmallImage() for _ in range(count)]
            connection = registry.connect()

            def work() -> None:
                for index, image in enumerate(images):
                    tag = f"r{self.round}-{index}"
                    image.push(connection, places[number], headers[number], tag)

            return work

        os.sync()
        return {"images": CLIENTS * count / seconds_together(CLIENTS, prepare)}

    def machine(self) -> dict[str, float]:
        """The same number of durable files, written without a registry."""
        count = self.settings.images_per_client
        os.sync()
        seconds = small_file_seconds(
            self.settings.folder, CLIENTS, count * FILES_PER_IMAGE, LAYER_BYTES
        )
        return {"images": CLIENTS * count / seconds}
