"""A whole Debian system as an image: layers of tens of megabytes, with everything files can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.images import files_in
from tests.clients.programs import Docker
from tests.clients.wire import Wire
from tests.support.live import LiveServer

IMAGE = "docker-local/debian"
DERIVED = "docker-local/team/on-debian"


@pytest.fixture(scope="module")
def debian_docker(
    engine: Path, registry: LiveServer, user: User, tmp_path_factory: pytest.TempPathFactory
) -> Docker:
    """docker, logged in."""
    docker = Docker(engine, tmp_path_factory.mktemp("docker-config"))
    docker.login(registry, user.name, user.password)
    return docker


@pytest.fixture(scope="module")
def pushed(debian_docker: Docker, registry: LiveServer, debian: Path) -> str:
    """The reference of the Debian image in the registry; the engine has it no more."""
    reference = f"{registry.host}/{IMAGE}:minbase"
    debian_docker("import", "--change=LABEL org.example.system=debian", str(debian), reference)
    debian_docker("push", reference)
    debian_docker("rmi", "--force", reference)
    return reference


def test_a_debian_system_comes_back_and_runs(
    debian_docker: Docker, wire: Wire, pushed: str
) -> None:
    (layer,) = wire.manifest(IMAGE, "minbase").json["layers"]
    assert layer["size"] > 20_000_000
    files = files_in(wire.blob(IMAGE, layer["digest"]))
    assert wire.labels(IMAGE, "minbase") == {"org.example.system": "debian"}

    debian_docker("pull", pushed)
    run = ("run", "--rm", "--network=none", pushed)
    assert debian_docker(*run, "cat", "/etc/debian_version").encode() == files["etc/debian_version"]
    assert "Status: install ok installed" in debian_docker(*run, "dpkg", "--status", "base-files")


def test_an_image_on_top_shares_the_base(
    debian_docker: Docker, registry: LiveServer, wire: Wire, pushed: str, tmp_path: Path
) -> None:
    debian_docker("pull", pushed)
    (tmp_path / "motd").write_text("on top of debian\n")
    (tmp_path / "Dockerfile").write_text(f"FROM {pushed}\nCOPY motd /etc/motd\n")
    same_image = f"{registry.host}/{IMAGE}:on-top"
    other_image = f"{registry.host}/{DERIVED}:1"
    debian_docker("build", f"--tag={same_image}", f"--tag={other_image}", str(tmp_path))

    said = debian_docker("push", same_image)
    assert said.count("Layer already exists") == 1
    assert said.count("Pushed") == 1
    assert debian_docker("push", other_image).count(f"Mounted from {IMAGE}") == 2

    base, top = wire.layers(IMAGE, "on-top")
    assert [base] == wire.layers(IMAGE, "minbase")
    assert wire.manifest(DERIVED, "1") == wire.manifest(IMAGE, "on-top")
    assert files_in(wire.blob(DERIVED, top))["etc/motd"] == b"on top of debian\n"

    debian_docker("rmi", "--force", same_image, other_image, pushed)
    debian_docker("pull", other_image)
    run = ("run", "--rm", "--network=none", other_image)
    assert debian_docker(*run, "cat", "/etc/motd") == "on top of debian\n"
