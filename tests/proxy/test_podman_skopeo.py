"""podman and skopeo through nginx, in each of the three methods: log in, push, look, pull."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clients.images import Layout
from tests.clients.programs import Program
from tests.clients.wire import OCI_MANIFEST
from tests.proxy.fronts import LOCAL, STAGE, Front
from tests.proxy.wire import FrontWire

LARGE = random.Random(6).randbytes(300_000)
"""Too large for the server to send it itself."""


def log_in(program: Program, front: Front, key: str) -> None:
    arguments = ("login", "--username=admin", "--password-stdin", front.host(key))
    program(*arguments, input=front.server.admin_password)


def blobs(folder: Path) -> dict[str, bytes]:
    """The content of an OCI layout."""
    return {path.name: path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}


def test_skopeo_brings_back_what_it_took(
    skopeo: Program, layout: Layout, front: Front, fronts: Mapping[str, Front], tmp_path: Path
) -> None:
    key = STAGE
    made = layout.image([{"large": LARGE}, {"said": front.method.encode()}], {}, tag="1")
    reference = f"docker://{front.reference(key, 'skopeo/app')}"
    log_in(skopeo, front, key)
    skopeo("copy", f"oci:{layout.folder}:1", f"{reference}:1")

    assert json.loads(skopeo("inspect", f"{reference}:1"))["Digest"] == made["digest"]
    assert json.loads(skopeo("list-tags", reference))["Tags"] == ["1"]
    with FrontWire(fronts["path"]) as wire:
        # The path says the repository in so many words.
        found = wire.ask("HEAD", f"/v2/{key}/skopeo/app/manifests/1", f"Accept: {OCI_MANIFEST}")
        assert found.headers["Docker-Content-Digest"] == made["digest"]
    for source in (f"{reference}:1", f"{reference}@{made['digest']}"):
        target = tmp_path / str(len(source))
        skopeo("copy", source, f"oci:{target}:1")
        assert blobs(target) == blobs(layout.folder)


def test_skopeo_is_told_that_an_image_is_unknown(skopeo: Program, front: Front) -> None:
    log_in(skopeo, front, LOCAL)
    said = skopeo.fails("inspect", f"docker://{front.reference(LOCAL, 'skopeo/none')}:1")
    assert "name unknown" in said or "manifest unknown" in said


@pytest.mark.parametrize("access", [(), ("--creds=admin:wrong",)], ids=["none", "wrong"])
def test_skopeo_without_the_right_password_moves_nothing(
    skopeo: Program, layout: Layout, front: Front, access: tuple[str, ...]
) -> None:
    layout.image([{"said": b"secret"}], {}, tag="1")
    reference = f"docker://{front.reference(LOCAL, 'skopeo/private')}:1"
    target = tuple(f"--dest-{option.removeprefix('--')}" for option in access)
    skopeo.refused("copy", *target, f"oci:{layout.folder}:1", reference)
    skopeo.refused("inspect", *access, reference)


def test_skopeo_does_not_believe_a_registry_of_an_unknown_authority(
    skopeo: Program, front: Front, tmp_path: Path
) -> None:
    """So all else here has verified the certificate of the proxy."""
    said = skopeo.fails(
        "inspect", f"--cert-dir={tmp_path}", f"docker://{front.reference(LOCAL, 'any')}:1"
    )
    assert "certificate signed by unknown authority" in said


def test_podman_pulls_what_it_pushed(podman: Program, front: Front, tmp_path: Path) -> None:
    reference = f"{front.reference(STAGE, 'podman/app')}:1.0"
    (tmp_path / "large").write_bytes(LARGE)
    (tmp_path / "said").write_text(front.method)
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY large /large\nCOPY said /said\n")
    podman("build", "--layers", f"--tag={reference}", str(tmp_path))
    log_in(podman, front, STAGE)
    podman("push", f"--digestfile={tmp_path}/digest", reference)
    (built,) = json.loads(podman("image", "inspect", reference))

    podman("rmi", "--force", reference)
    podman("pull", reference)
    (found,) = json.loads(podman("image", "inspect", reference))
    assert found["Id"] == built["Id"]
    assert found["Digest"] == (tmp_path / "digest").read_text()


def test_podman_with_a_wrong_password_is_refused(podman: Program, front: Front) -> None:
    host = front.host(LOCAL)
    arguments = ("login", "--username=admin", "--password-stdin", host)
    assert "invalid username/password" in podman.fails(*arguments, input="wrong")
    podman.fails("login", "--get-login", host)
    podman.refused("pull", f"{front.reference(LOCAL, 'podman/app')}:1.0")
