"""What the tests of this folder share: a server on a unix socket, and fronts before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.engine import running_engine
from tests.clients.folders import engine_folder
from tests.clients.images import Layout
from tests.clients.programs import ContainerTools, Docker, Program
from tests.proxy.backend import SocketServer, short_folder
from tests.proxy.enclave import ADDRESS, Enclave
from tests.proxy.fronts import (
    KEYS,
    LOCAL,
    METHODS,
    Front,
    create_repositories,
    fronted,
    make_authority,
)
from tests.proxy.wire import FrontWire
from tests.support.nginx import Certificate, Nginx
from tests.support.tools import require_root, require_tool


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for the names of the tests."""
    require_tool("openssl")
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def fronts(certificate: Certificate) -> Iterator[Mapping[str, Front]]:
    """A server with two workers, and nginx before it in each of the three methods."""
    require_tool("nginx")
    with ExitStack() as stack:
        folder: Path = stack.enter_context(short_folder())
        server = stack.enter_context(SocketServer(folder))
        ports = create_repositories(server)
        yield {
            method: stack.enter_context(fronted(server, certificate, method, folder, ports))
            for method in METHODS
        }


@pytest.fixture(scope="session")
def mirror(certificate: Certificate) -> Iterator[Front]:
    """A registry from which everybody may pull, with a host for each repository."""
    require_tool("nginx")
    with ExitStack() as stack:
        folder: Path = stack.enter_context(short_folder())
        server = SocketServer(folder, workers=1, settings={"anonymous_pull": True})
        stack.enter_context(server)
        ports = create_repositories(server)
        yield stack.enter_context(fronted(server, certificate, "subdomain", folder, ports))


@pytest.fixture(params=METHODS)
def front(fronts: Mapping[str, Front], request: pytest.FixtureRequest) -> Front:
    """Each front in its turn."""
    return fronts[request.param]


@pytest.fixture
def wire(front: Front) -> Iterator[FrontWire]:
    """A connection through each front in its turn, to docker-local."""
    with FrontWire(front) as connection:
        yield connection


# --- real clients -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def enclave(fronts: Mapping[str, Front], mirror: Front) -> Iterator[Enclave]:
    """The same proxies with the same names and ports in a network for real clients."""
    with ExitStack() as stack:
        folder: Path = stack.enter_context(short_folder())
        options = {"dockerd": [f"--registry-mirror=https://{mirror.host(LOCAL)}"]}
        made = stack.enter_context(Enclave(folder, options))
        everyone = [*fronts.values(), mirror]
        hosts = {front.host(key) for front in everyone for key in KEYS}
        names = " ".join(sorted({host.partition(":")[0] for host in hosts}))
        made.write("/etc/hosts", f"127.0.0.1 localhost\n{ADDRESS} {names}\n")
        authority = mirror.certificate.authority.read_text()
        for host in hosts:
            made.write(f"/etc/docker/certs.d/{host}/ca.crt", authority)
            made.write(f"/etc/containers/certs.d/{host}/ca.crt", authority)
        with made.on_path():
            for number, front in enumerate(everyone):
                stack.enter_context(Nginx(folder / f"nginx-{number}", front.nginx.text))
        yield made


@pytest.fixture(scope="session")
def engine(enclave: Enclave) -> Iterator[Path]:
    """The socket of a container engine in the enclave."""
    require_tool("docker", "dockerd", "containerd", "runc")
    with ExitStack() as stack:
        with enclave.on_path():
            socket = stack.enter_context(running_engine())
        yield socket


@pytest.fixture
def docker(engine: Path, tmp_path: Path) -> Docker:
    """A docker command line that nobody has logged in with."""
    return Docker(engine, tmp_path / "docker-config")


@pytest.fixture
def container_tools(enclave: Enclave) -> Iterator[ContainerTools]:
    """podman and skopeo in the enclave, on a new storage, with no credentials."""
    with engine_folder("ct-") as folder, enclave.on_path():
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
def layout(tmp_path: Path) -> Layout:
    """An empty OCI layout."""
    return Layout(tmp_path / "layout")
