"""The registry, the engine and the clients that the tests of this folder talk with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.engine import running_engine
from tests.clients.folders import engine_folder
from tests.clients.images import Layout, compile_greeter, debian_archive
from tests.clients.programs import ContainerTools, Docker, Program
from tests.clients.wire import Wire
from tests.support.live import LiveServer
from tests.support.tools import require_root, require_tool


@dataclass(frozen=True)
class User:
    """An ordinary user of the registry: may do everything in it, but is not its administrator."""

    name: str = "alice"
    password: str = "wonder-Land-7"

    @property
    def pair(self) -> str:
        """``name:password``, as the tools' ``--creds`` take it."""
        return f"{self.name}:{self.password}"


@pytest.fixture(scope="session")
def user() -> User:
    """The user whom all clients log in as."""
    return User()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory, user: User) -> Iterator[LiveServer]:
    """A server with two workers, a user and a second repository; its log outlives the tests."""
    storage = tmp_path_factory.mktemp("registry") / "storage"
    try:
        with LiveServer(storage, workers=2) as server:
            server.add_user(user.name, user.password)
            made = server.cli("repo", "create", "docker-second")
            assert made.returncode == 0, made.stdout + made.stderr
            yield server
    finally:
        shutil.rmtree(storage, ignore_errors=True)


@pytest.fixture(scope="session")
def wire(registry: LiveServer, user: User) -> Wire:
    """Plain HTTP to the registry."""
    return Wire(registry, user.name, user.password)


@pytest.fixture(scope="session")
def engine() -> Iterator[Path]:
    """The socket of a container engine of the tests' own."""
    require_root()
    require_tool("docker", "dockerd", "containerd", "runc")
    with running_engine() as socket:
        yield socket


@pytest.fixture
def docker(engine: Path, tmp_path: Path) -> Docker:
    """A docker command line that nobody has logged in with."""
    return Docker(engine, tmp_path / "docker-config")


@pytest.fixture(scope="session")
def greeter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static program that prints the files it is called with."""
    require_tool("gcc")
    return compile_greeter(tmp_path_factory.mktemp("greeter"))


@pytest.fixture
def container_tools() -> Iterator[ContainerTools]:
    """podman, skopeo and buildah on a new storage, with no credentials."""
    with engine_folder("ct-") as folder:
        yield ContainerTools(folder)


@pytest.fixture
def podman(container_tools: ContainerTools) -> Program:
    """podman, not logged in."""
    require_root()
    require_tool("podman")
    return container_tools.podman


@pytest.fixture
def skopeo(container_tools: ContainerTools) -> Program:
    """skopeo, not logged in."""
    require_tool("skopeo")
    return container_tools.skopeo


@pytest.fixture
def buildah(container_tools: ContainerTools) -> Program:
    """buildah, not logged in, on the same storage as podman."""
    require_root()
    require_tool("buildah")
    return container_tools.buildah


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty OCI layout."""
    return Layout(tmp_path / "layout")


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tar archive of a real, minimal Debian system."""
    require_root()
    require_tool("debootstrap", "tar")
    folder = tmp_path_factory.mktemp("debian")
    try:
        yield debian_archive(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
