"""What all test rooms share: a registry over a folder of its own, and a client to talk to it."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from registry.access import passwords
from registry.config import Config
from registry.services.instance import Instance
from registry.services.setup import FIRST_REMOTE, FIRST_VIRTUAL, set_up
from registry.storage import open_files, ordering
from registry.web.application import make_application
from registry.wiring import build
from tests.support.bench import Bench
from tests.support.travel import Travel

ADMIN_PASSWORD = "admin-password"

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]


def basic(name: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@dataclass(frozen=True)
class Client:
    """Sends requests to an application, as admin unless told otherwise."""

    app: Flask
    authorization: str = basic("admin", ADMIN_PASSWORD)

    def request(
        self,
        method: str,
        path: str,
        headers: Pairs = (),
        body: bytes = b"",
        *,
        query: Pairs | None = None,
        anonymous: bool = False,
        address: str = "127.0.0.1",
    ) -> TestResponse:
        """Return the whole answer to one request."""
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if not anonymous and not any(name.lower() == "authorization" for name, _ in pairs):
            pairs.append(("Authorization", self.authorization))
        return self.app.test_client().open(
            path,
            method=method,
            headers=pairs,
            data=body,
            query_string=query,
            buffered=True,
            environ_overrides={"REMOTE_ADDR": address},
        )

    def get(self, path: str, headers: Pairs = ()) -> TestResponse:
        """GET, the most frequent request."""
        return self.request("GET", path, headers)

    def as_user(self, name: str, password: str) -> Client:
        """Return a client that sends another user's credentials."""
        return replace(self, authorization=basic(name, password))

    def with_token(self, token: str) -> Client:
        """Return a client that sends a token."""
        return replace(self, authorization=f"Bearer {token}")


def opened(config: Config) -> Iterator[Instance]:
    """Yield the registry of a prepared folder, and let go of what it holds open."""
    made = build(config)
    yield made
    made.directory.close()
    made.store.journal.close()
    made.store.pulls.close()


@pytest.fixture(scope="session")
def prepared_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has been set up once, with a cheap hash of the admin's password.

    The cost stands in the hash, so each test that logs in is spared the usual one, too.
    """
    folder = tmp_path_factory.mktemp("prepared") / "storage"
    instance = build(Config(storage_root=str(folder)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_N", 2)
        set_up(instance, ADMIN_PASSWORD)
    instance.store.journal.close()
    # As it was before there were permission targets: roles decide. Tests of targets make their own.
    for path in [*(folder / "etc/permissions").iterdir(), *(folder / "etc/groups").iterdir()]:
        path.unlink()
    # And with one repository; tests of others make their own.
    for key in (FIRST_VIRTUAL, FIRST_REMOTE):
        instance.definitions.remove(key)
    return folder


@pytest.fixture
def storage(prepared_storage: Path, tmp_path: Path) -> Path:
    """A storage folder of the test's own, with the repository ``docker-local``."""
    return shutil.copytree(prepared_storage, tmp_path / "storage")


@pytest.fixture
def config(storage: Path) -> Config:
    """The settings: all defaults but the storage folder."""
    return Config(storage_root=str(storage))


@pytest.fixture
def instance(config: Config) -> Iterator[Instance]:
    """The objects of the registry."""
    yield from opened(config)


@pytest.fixture
def app(instance: Instance) -> Flask:
    """The web application."""
    return make_application(instance)


@pytest.fixture
def client(app: Flask) -> Client:
    """An admin's client."""
    return Client(app)


@pytest.fixture
def travel() -> Iterator[Travel]:
    """A time line of the test's own."""
    with Travel() as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, travel: Travel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A repository and its pruner, on that time line; nothing is synced, which saves time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(open_files, "sync_filesystem", lambda path: None)
    made = Bench(str(tmp_path / "bench"), travel)
    yield made
    made.close()


@pytest.fixture
def unordered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filesystem that keeps no order by itself, whatever the one of this machine does."""
    monkeypatch.setattr(ordering, "is_kept", lambda path: False)
