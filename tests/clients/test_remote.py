"""Pulls through a remote repository whose upstream is Debian's registry: up, down, coming back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.images import Layout
from tests.clients.programs import Docker, Program
from tests.clients.wire import OCI_INDEX, OCI_MANIFEST
from tests.support.debian_registry import DebianRegistry
from tests.support.live import LiveServer

INSECURE = "--tls-verify=false"
KEY = "debian-mirror"
FIELDS = (
    "retrievalCachePeriodSecs=0",
    "failedRetrievalCachePeriodSecs=0",
    "missedRetrievalCachePeriodSecs=0",
    "assumedOfflinePeriodSecs=0",
)
"""Each pull asks upstream, so that a test sees what it says now."""

Publish = Callable[[str, str], str]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRegistry]:
    with DebianRegistry(tmp_path_factory.mktemp("debian-registry")) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def mirror(registry: LiveServer, upstream: DebianRegistry) -> None:
    done = registry.cli("repo", "create", KEY, "--class=remote", f"url={upstream.url}", *FIELDS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def publish(upstream: DebianRegistry, tmp_path: Path) -> Publish:
    """Put an image of two platforms, with a line in a file, upstream; return the index's digest."""

    def published(name: str, line: str) -> str:
        layout = Layout(tmp_path / f"{name}-{line}")
        children = [
            layout.image([{"base": b"base\n"}, {"line": line.encode()}], {"line": line}, system)
            for system in ("amd64", "arm64")
        ]
        index = layout.index(children, "1")
        manifests = [child["digest"] for child in children]
        folder = layout.folder / "blobs/sha256"
        for path in sorted(folder.iterdir()):
            digest = f"sha256:{path.name}"
            if digest not in (*manifests, index["digest"]):
                upstream.push_blob(name, path.read_bytes())
        for digest in manifests:
            body = (folder / digest.removeprefix("sha256:")).read_bytes()
            upstream.push_manifest(name, digest, body, OCI_MANIFEST)
        body = (folder / index["digest"].removeprefix("sha256:")).read_bytes()
        upstream.push_manifest(name, "1", body, OCI_INDEX)
        return str(index["digest"])

    return published


def goes_on(
    upstream: DebianRegistry, publish: Publish, name: str, pull: Callable[[str], str]
) -> None:
    """Pull while upstream is up, down, and has come back; ``pull`` returns the line it got."""
    publish(name, "first")
    assert pull(name) == "first"
    publish(name, "second")
    assert pull(name) == "second"
    upstream.stop()
    try:
        assert pull(name) == "second"
    finally:
        upstream.start()
    publish(name, "third")
    assert pull(name) == "third"


def test_skopeo(
    skopeo: Program, registry: LiveServer, user: User, upstream: DebianRegistry, publish: Publish,
    tmp_path: Path,
) -> None:  # fmt: skip
    access = (f"--src-creds={user.pair}", "--src-tls-verify=false", "--all")

    def pull(name: str) -> str:
        target = tmp_path / f"pulled-{len(list(tmp_path.iterdir()))}"
        skopeo("copy", *access, f"docker://{registry.host}/{KEY}/{name}:1", f"dir:{target}")
        index = json.loads((target / "manifest.json").read_text())
        child = index["manifests"][0]["digest"].removeprefix("sha256:")
        manifest = json.loads((target / f"{child}.manifest.json").read_text())
        config = manifest["config"]["digest"].removeprefix("sha256:")
        return str(json.loads((target / config).read_text())["config"]["Labels"]["line"])

    goes_on(upstream, publish, "skopeo", pull)


def test_podman(
    podman: Program, registry: LiveServer, user: User, upstream: DebianRegistry, publish: Publish
) -> None:
    def pull(name: str) -> str:
        reference = f"{registry.host}/{KEY}/{name}:1"
        podman("rmi", "--force", "--all")
        podman("pull", INSECURE, f"--creds={user.pair}", reference)
        mounted = Path(podman("image", "mount", reference).strip())
        line = (mounted / "line").read_text()
        podman("image", "unmount", reference)
        return line

    goes_on(upstream, publish, "podman", pull)


def test_docker(
    docker: Docker, registry: LiveServer, user: User, upstream: DebianRegistry, publish: Publish
) -> None:
    docker.login(registry, user.name, user.password)

    def pull(name: str) -> str:
        reference = f"{registry.host}/{KEY}/{name}:1"
        docker("pull", reference)
        (found,) = json.loads(docker("image", "inspect", reference))
        docker("rmi", "--force", reference)
        return str(found["Config"]["Labels"]["line"])

    goes_on(upstream, publish, "docker", pull)


def test_what_was_never_pulled_cannot_be_while_upstream_is_down(
    skopeo: Program, registry: LiveServer, user: User, upstream: DebianRegistry, publish: Publish
) -> None:
    publish("unpulled", "first")
    image = f"docker://{registry.host}/{KEY}/unpulled:1"
    upstream.stop()
    try:
        said = skopeo.fails("inspect", f"--creds={user.pair}", INSECURE, image)
    finally:
        upstream.start()
    assert "it is not in the cache" in said
    assert "first" in skopeo("inspect", f"--creds={user.pair}", INSECURE, image)


def test_a_push_is_refused_and_says_why(
    skopeo: Program, registry: LiveServer, user: User, tmp_path: Path
) -> None:
    layout = Layout(tmp_path / "layout")
    layout.image([{"a": b"a"}], {}, tag="1")
    said = skopeo.fails(
        "copy", f"--dest-creds={user.pair}", "--dest-tls-verify=false",
        f"oci:{layout.folder}:1", f"docker://{registry.host}/{KEY}/pushed:1",
    )  # fmt: skip
    assert "takes no pushes" in said
