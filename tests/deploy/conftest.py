"""A fresh Debian, an engine in a network of its own, and the project's folder to install from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy import materials
from tests.deploy.network import Network, private_network
from tests.support.tools import require_root, require_tool


@pytest.fixture(scope="package")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Python packages that the project needs."""
    return materials.wheels(tmp_path_factory.mktemp("packages") / "wheels")


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as somebody has cloned it."""
    return materials.project(tmp_path_factory.mktemp("clone") / "registry")


@pytest.fixture(scope="package")
def network() -> Iterator[Network]:
    """An engine in a network of its own."""
    require_root()
    require_tool("docker", "dockerd", "containerd", "runc", "unshare", "nsenter", "ip")
    with private_network() as network:
        yield network


@pytest.fixture(scope="package")
def debian(network: Network, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image of Debian that has all packages, as nothing can be fetched there."""
    require_tool("debootstrap", "tar")
    archive = tmp_path_factory.mktemp("debian") / "debian.tar"
    materials.debian_with_packages(archive)
    network.docker("import", str(archive), "debian:local")
    archive.unlink()
    return "debian:local"


@pytest.fixture(scope="package")
def image_to_push(network: Network, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a small image, with a layer that is large enough to be sent by nginx."""
    folder = tmp_path_factory.mktemp("image")
    # Random bytes, which docker cannot compress.
    (folder / "bytes").write_bytes(os.urandom(1_000_000))
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY bytes /bytes\n")
    network.docker("build", "--tag=alpine", str(folder))
    return "alpine"
