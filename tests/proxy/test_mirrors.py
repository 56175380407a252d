"""A repository as a mirror of another registry: images keep their names, and nobody is outside.

The clients are in a network from which nothing leads to the registry that they name; so whatever
they pull came from here.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.folders import engine_folder
from tests.clients.images import Layout
from tests.clients.programs import Docker, Program
from tests.proxy.enclave import Enclave
from tests.proxy.fronts import LOCAL, Front
from tests.proxy.wire import FrontWire, digest_of
from tests.support.tools import require_root, require_tool

LARGE = random.Random(8).randbytes(300_000)
ORIGIN = "images.example"
"""A registry that is not there."""
_START_SECONDS = 60.0


@pytest.fixture
def digest(layout: Layout, skopeo: Program, mirror: Front) -> str:
    """The digest of an image without a name of its own that has been pushed to the mirror."""
    made = layout.image([{"large": LARGE}, {"said": b"mirrored\n"}], {}, tag="1")
    skopeo(
        "copy", f"--dest-creds=admin:{mirror.server.admin_password}", f"oci:{layout.folder}:1",
        f"docker://{mirror.reference(LOCAL, 'library/mirrored')}:1",
    )  # fmt: skip
    return str(made["digest"])


def requests(mirror: Front) -> list[str]:
    """What has been read at the mirror, beginning with the paths."""
    return [line.partition(" GET ")[2] for line in mirror.server.access_log()]


def test_a_mirror_confirms_for_whom_it_answers(mirror: Front, digest: str) -> None:
    with FrontWire(mirror) as wire:
        for path in ("manifests/1", f"manifests/{digest}"):
            accept = "Accept: application/vnd.oci.image.manifest.v1+json"
            target = f"/v2/library/mirrored/{path}?ns={ORIGIN}"
            reply = wire.ask("GET", target, accept, anonymous=True)
            assert reply.status == 200
            assert reply.headers.get_all("OCI-Namespace") == [ORIGIN]
            assert digest_of(reply.body) == digest


# --- docker --------------------------------------------------------------------------------------


def test_docker_pulls_by_the_short_name_from_its_mirror(
    docker: Docker, mirror: Front, digest: str
) -> None:
    pulled = docker("pull", "mirrored:1")
    assert f"Digest: {digest}" in pulled
    (image,) = json.loads(docker("image", "inspect", "mirrored:1"))
    assert image["RepoDigests"] == [f"mirrored@{digest}"]
    inside = "/artifactory/api/docker/docker-local/v2/library/mirrored"
    assert any(line.startswith(f"{inside}/manifests/") for line in requests(mirror))
    docker("rmi", "--force", "mirrored:1")


def test_docker_finds_nothing_but_what_the_mirror_has(docker: Docker) -> None:
    docker.fails("pull", "not-mirrored:1")


# --- containerd ----------------------------------------------------------------------------------


@pytest.fixture
def ctr(enclave: Enclave) -> Iterator[Program]:
    """containerd's command line, with a containerd of the test's own in the enclave."""
    require_root()
    require_tool("containerd", "ctr")
    with engine_folder("cd-") as folder, (folder / "log").open("wb") as log, enclave.on_path():
        command = ["containerd", f"--root={folder}/root", f"--state={folder}/state"]
        process = subprocess.Popen(
            [*command, f"--address={folder}/s"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            client = Program("ctr", f"--address={folder}/s", environment={})
            deadline = time.monotonic() + _START_SECONDS
            while not answers(client):
                assert time.monotonic() < deadline, (folder / "log").read_text()[-4000:]
                time.sleep(0.1)
            yield client
        finally:
            process.terminate()
            process.wait(30)


def answers(client: Program) -> bool:
    try:
        client("version")
    except AssertionError:
        return False
    return True


def hosts(folder: Path, front: Front, address: str, *lines: str) -> str:
    """Tell containerd where the images of the origin are; return the option that says so."""
    settings = folder / "certs.d" / ORIGIN
    settings.mkdir(parents=True)
    (settings / "hosts.toml").write_text(
        f'server = "https://{ORIGIN}"\n\n'
        f'[host."https://{address}"]\n'
        'capabilities = ["pull", "resolve"]\n'
        f'ca = "{front.certificate.authority}"\n' + "".join(f"{line}\n" for line in lines)
    )
    return f"--hosts-dir={folder}/certs.d"


def pull(ctr: Program, option: str, *access: str) -> str:
    """Pull the image by its name at the origin; return the digest that containerd has."""
    name = f"{ORIGIN}/library/mirrored:1"
    ctr("images", "pull", "--snapshotter=native", option, *access, name)
    (line,) = [found for found in ctr("images", "list").splitlines() if found.startswith(name)]
    return line.split()[2]


def test_containerd_pulls_from_the_host_of_a_repository(
    ctr: Program, mirror: Front, digest: str, tmp_path: Path
) -> None:
    assert pull(ctr, hosts(tmp_path, mirror, mirror.host(LOCAL))) == digest


def test_containerd_pulls_from_the_path_of_a_repository(
    ctr: Program, mirror: Front, digest: str, tmp_path: Path
) -> None:
    """Where there is no host for each repository, the address of its API will do."""
    port = mirror.port(LOCAL)
    address = f"registry.test:{port}/artifactory/api/docker/docker-local/v2"
    option = hosts(tmp_path, mirror, address, "override_path = true")
    assert pull(ctr, option) == digest


def test_containerd_logs_in_to_a_mirror_that_is_not_for_everybody(
    ctr: Program, front: Front, layout: Layout, skopeo: Program, tmp_path: Path
) -> None:
    made = layout.image([{"large": LARGE}], {}, tag="1")
    pair = f"admin:{front.server.admin_password}"
    target = f"docker://{front.reference(LOCAL, 'library/mirrored')}:1"
    skopeo("copy", f"--dest-creds={pair}", f"oci:{layout.folder}:1", target)
    if front.method == "path":
        inside = f"{front.host(LOCAL)}/artifactory/api/docker/docker-local/v2"
        option = hosts(tmp_path, front, inside, "override_path = true")
    else:
        option = hosts(tmp_path, front, front.host(LOCAL))
    ctr.refused("images", "pull", "--snapshotter=native", option, f"{ORIGIN}/library/mirrored:1")
    assert pull(ctr, option, f"--user={pair}") == made["digest"]
