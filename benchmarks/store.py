"""Figures of the storage folder: a pruning pass, the syncs of a push, a start with many tags.

``python -m benchmarks.store`` prints them; sizes by options. Nothing here is compared with another
registry, but with the machine: reading the same names without looking at them.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

from benchmarks.ours import ROOT
from benchmarks.processes import free_port
from registry.config import Config
from registry.jobs import Pace
from registry.model.digests import Digest
from registry.services.instance import Instance
from registry.services.setup import FIRST_REPOSITORY, set_up
from registry.wiring import build

PASSWORD = "benchmark-password"

PUSH = """
import sys
from registry.config import Config
from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.wiring import build
import json, os
root, image, number = sys.argv[1], ImageName(sys.argv[2]), int(sys.argv[3])
repository = build(Config(storage_root=root)).directory.unguarded_repository(
    RepositoryKey("docker-local"))
actor, parts = Actor("benchmark", "local"), []
for blob in range(number):
    data = f"{image} {number} {blob}".encode()
    digest = Digest.of(data)
    writer = repository.open_whole_upload(image, "sha256", actor, len(data))
    writer.write(data)
    repository.finish_upload(image, writer, digest)
    writer.close()
    parts.append({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest,
                  "size": len(data)})
kind = "application/vnd.oci.image.manifest.v1+json"
body = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": parts[0],
                   "layers": parts[1:]}).encode()
repository.put_manifest(image, Tag(f"t{number}"), body, kind, actor)
"""


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000, help="names in the filestore")
    parser.add_argument("--tags", type=int, default=100_000, help="tags of one image")
    parser.add_argument("--workdir", type=Path, help="where to make the folders")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="registry-store-", dir=arguments.workdir))
    try:
        syncs(folder / "syncs")
        pruning(folder / "pruning", arguments.names)
        start(folder / "start", arguments.tags)
    finally:
        shutil.rmtree(folder)
    return 0


def new_store(root: Path) -> Instance:
    """Return a registry over a new folder."""
    instance = build(Config(storage_root=str(root)))
    set_up(instance, PASSWORD)
    return instance


def syncs(root: Path) -> None:
    """Count the syncs of pushes with strace."""
    if shutil.which("strace") is None:
        print("syncs of a push: not counted, strace is missing")
        return
    new_store(root)
    for image, about in (("fresh", "to a new image"), ("fresh", "to an image that exists")):
        for number in (2, 12):
            name = f"{image}{number}" if "new" in about else image
            if "new" not in about:
                traced_push(root, image, 1 + number * 2)
            print(f"push of {number} blobs {about}: {traced_push(root, name, number)} syncs")


def traced_push(root: Path, image: str, number: int) -> int:
    """Push an image of so many blobs in a process of its own; return how often it synced."""
    trace = root.parent / "trace"
    subprocess.run(
        ["strace", "-f", "-e", "trace=fsync,fdatasync,syncfs", "-o", str(trace), sys.executable,
         "-c", PUSH, str(root), image, str(number)],
        check=True, cwd=ROOT,
    )  # fmt: skip
    return len(re.findall(r"(?:fsync|fdatasync|syncfs)\(", trace.read_text()))


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that an action takes, on the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def pruning(root: Path, names: int) -> None:
    """Measure a pass over so many names, of which the half has a second link."""
    instance = new_store(root)
    layout = instance.store.layout
    layers = f"{layout.repository(FIRST_REPOSITORY)}/image/_layers"
    os.makedirs(layers)
    os.makedirs(f"{os.path.dirname(layers)}/_manifests")
    for number in range(names):
        path = layout.content(Digest.of(str(number).encode()))
        if number < 256 * 8:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o444))
    wall, _ = timed(lambda: [read_all(layout.top("filestore"))])
    print(f"reading {names} names with stat, nothing more: {wall:.2f} s")
    wall, cpu = timed(instance.pruning.run)
    print(f"pruning pass over {names} names, at full speed: {wall:.2f} s, {cpu:.2f} s of one core")
    wall, cpu = timed(lambda: instance.pruning.run(pause=Pace(threading.Event())))
    print(
        f"pruning pass over {names} names, as the server makes it: {wall:.2f} s, "
        f"{100 * cpu / wall:.0f} % of one core"
    )


def read_all(root: str) -> int:
    """Return how many names there are; each is asked for its status."""
    number = 0
    for folder, _, _ in os.walk(root):
        with os.scandir(folder) as entries:
            for entry in entries:
                entry.stat(follow_symlinks=False)
                number += 1
    return number


def start(root: Path, tags: int) -> None:
    """Measure a start with so many tags: until the first answer, and until one manifest."""
    instance = new_store(root)
    instance.store.journal.close()
    subprocess.run([sys.executable, "-c", PUSH, str(root), "image", "3"], check=True, cwd=ROOT)
    image = f"{instance.store.layout.repository(FIRST_REPOSITORY)}/image"
    names = os.listdir(f"{image}/t3")
    for number in range(tags):
        folder = f"{image}/tag{number}"
        os.mkdir(folder)
        for name in names:
            if number % 60_000 == 0 and number:
                # As many links as ext4 allows: a copy takes over.
                os.rename(f"{image}/t3/{name}", f"{image}/t3/old")
                shutil.copy2(f"{image}/t3/old", f"{image}/t3/{name}")
                os.unlink(f"{image}/t3/old")
            os.link(f"{image}/t3/{name}", f"{folder}/{name}")
    port = free_port()
    command = [sys.executable, "app.py", "serve", "--storage", str(root)]
    began = time.perf_counter()
    server = subprocess.Popen(
        [*command, "--listen", f"127.0.0.1:{port}"], cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port, "/healthz")
        print(f"start with {tags} tags: {time.perf_counter() - began:.2f} s to the first answer")
        wait_for(port, f"/v2/docker-local/image/manifests/tag{tags - 1}")
        print(f"start with {tags} tags: {time.perf_counter() - began:.2f} s to the first manifest")
    finally:
        server.terminate()
        server.wait()


def wait_for(port: int, path: str) -> None:
    """Ask until the answer is good."""
    credentials = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    request = Request(f"http://127.0.0.1:{port}{path}")
    request.add_header("Authorization", f"Basic {credentials}")
    for _ in range(3000):
        try:
            with urlopen(request) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(path)


if __name__ == "__main__":
    sys.exit(main())
