"""What the tests of this folder share: a server on a unix socket, and fronts before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.proxy.backend import SocketServer, short_folder
from tests.proxy.fronts import METHODS, Front, create_repositories, fronted, make_authority
from tests.proxy.wire import FrontWire
from tests.support.nginx import Certificate
from tests.support.tools import require_tool


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


@pytest.fixture(params=METHODS)
def front(fronts: Mapping[str, Front], request: pytest.FixtureRequest) -> Front:
    """Each front in its turn."""
    return fronts[request.param]


@pytest.fixture
def wire(front: Front) -> Iterator[FrontWire]:
    """A connection through each front in its turn, to docker-local."""
    with FrontWire(front) as connection:
        yield connection
