"""What the tests of services share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.doctoring import Site
from tests.services.past import PastRegistry
from tests.support.live import LiveServer
from tests.support.nginx import make_certificate
from tests.support.tools import require_tool


@pytest.fixture
def past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PastRegistry]:
    """An empty registry whose clock the test sets."""
    made = PastRegistry(tmp_path / "store", monkeypatch)
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that believes what stands in front of it."""
    require_tool("nginx", "openssl")
    folder = tmp_path_factory.mktemp("site")
    certificate = make_certificate(
        folder / "tls", ("localhost", "docker-local.localhost", "127.0.0.1")
    )
    settings = folder / "settings.toml"
    settings.write_text('trusted_proxies = ["127.0.0.1"]\nprune_interval = 0\n')
    with LiveServer(folder / "storage", settings={"REGISTRY_CONFIG": str(settings)}) as server:
        server.add_user("bob", "password-of-bob")
        yield Site(server, certificate, folder)
