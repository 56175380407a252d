"""The registries of the comparison: an upstream, ours in front of it, and the peer likewise."""

import base64
import contextlib
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import MeasurementFailed
from benchmarks.ours import ROOT, WORKERS
from benchmarks.peer import PROGRAM, UNGUARDED
from benchmarks.processes import clean_environment, free_port, running, wait_ready
from benchmarks.wire import RECEIVE_BYTES, Connection

PASSWORD = "benchmark-only"
IMAGE = "bench/app"
REMOTE = "mirror"
VIRTUAL = "all"
LOCAL = "docker-local"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, eq=False)
class Server:
    """A registry, and how it is asked for the benchmark's image."""

    port: int
    path: str
    """What stands before the image."""
    headers: dict[str, str]

    def ask(self, method: str, rest: str, body: bytes = b"", kind: str = "") -> str:
        """Send one request about the image, and return where it leads."""
        headers = {**self.headers, "Content-Type": kind or "application/octet-stream"}
        path = rest if rest.startswith("/") else f"{self.path}/{IMAGE}/{rest}"
        with Connection("127.0.0.1", self.port) as connection:
            answer = connection.request(method, path, headers, body)
        if answer.status not in (200, 201, 202):
            raise MeasurementFailed(f"{method} {path} answered {answer.status}")
        location = answer.headers.get("location", "")
        return location.removeprefix(f"http://127.0.0.1:{self.port}")

    def url(self, rest: str) -> str:
        """Return where something of the benchmark's image is."""
        return f"http://127.0.0.1:{self.port}{self.path}/{IMAGE}/{rest}"

    @property
    def name(self) -> str:
        """The benchmark's image as clients name it, without the host."""
        return f"{self.path}/{IMAGE}".removeprefix("/v2/")

    def beside(self, key: str) -> "Server":
        """Return another repository of the server."""
        return Server(self.port, f"/v2/{key}", self.headers)

    def create(self, key: str, document: dict[str, object]) -> None:
        """Create a repository of the server."""
        body = json.dumps(document).encode()
        self.ask("PUT", f"/artifactory/api/repositories/{key}", body, "application/json")

    def push(self, tag: str, *layers: bytes) -> list[str]:
        """Push an image of these layers; return the digests of its blobs."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "tag": tag}).encode()
        digests = []
        for data in (config, *layers):
            digests.append(f"sha256:{hashlib.sha256(data).hexdigest()}")
            session = self.ask("POST", "blobs/uploads/")
            joined = "&" if "?" in session else "?"
            self.ask("PUT", f"{session}{joined}digest={digests[-1]}", data)
        parts = [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": d, "size": len(b)}
            for d, b in zip(digests, (config, *layers), strict=True)
        ]
        parts[0]["mediaType"] = "application/vnd.oci.image.config.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST}
        manifest |= {"config": parts[0], "layers": parts[1:]}
        self.ask("PUT", f"manifests/{tag}", json.dumps(manifest).encode(), MANIFEST)
        return digests

    def pull(self, digest: str) -> tuple[float, float]:
        """Pull a blob; return the seconds until its first byte and until its last."""
        first: list[float] = []
        path = f"{self.path}/{IMAGE}/blobs/{digest}"
        buffer = bytearray(RECEIVE_BYTES)
        with Connection("127.0.0.1", self.port) as connection:
            began = time.perf_counter()

            def taste(_: memoryview) -> None:
                if not first:
                    first.append(time.perf_counter() - began)

            connection.download(path, self.headers, buffer, taste)
            return first[0] if first else 0.0, time.perf_counter() - began

    def pull_image(self, tag: str, digests: Sequence[str]) -> None:
        """Pull a manifest and all its blobs."""
        self.ask("GET", f"manifests/{tag}")
        for digest in digests:
            self.pull(digest)


@contextlib.contextmanager
def upstream_in(folder: Path, mirrors: int | None = None) -> Iterator[Server]:
    """The peer with its store in a folder: an upstream, or a proxy of the one at a port."""
    folder.mkdir()
    port, configuration = free_port(), folder / "config.yml"
    text = UNGUARDED.format(storage=folder / "storage", port=port)
    if mirrors is not None:
        text += f"proxy:\n  remoteurl: http://127.0.0.1:{mirrors}\n"
    configuration.write_text(text)
    log = folder / "server.log"
    command = [PROGRAM, "serve", str(configuration)]
    with running(command, log, folder, clean_environment({})) as process:
        wait_ready(process, port, "/v2/", 200, log)
        yield Server(port, "/v2", {})


@contextlib.contextmanager
def proxy_in(folder: Path, upstream: int) -> Iterator[Server]:
    """Ours with its store in a folder, a remote repository and a virtual one over it."""
    folder.mkdir()
    port, log = free_port(), folder / "server.log"
    command = [sys.executable, str(ROOT / "app.py"), "serve", "--workers", str(WORKERS)]
    command += ["--storage", str(folder / "storage"), "--listen", f"127.0.0.1:{port}"]
    environment = clean_environment({"REGISTRY_ADMIN_PASSWORD": PASSWORD})
    credentials = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    with running(command, log, ROOT, environment) as process:
        wait_ready(process, port, "/readyz", 200, log)
        server = Server(port, f"/v2/{REMOTE}", {"Authorization": f"Basic {credentials}"})
        server.create(REMOTE, {"rclass": "remote", "url": f"http://127.0.0.1:{upstream}"})
        server.create(VIRTUAL, {"rclass": "virtual", "repositories": [REMOTE]})
        yield server
