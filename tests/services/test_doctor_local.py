"""The doctor on the host: the storage folder, its filesystem, the settings, the server."""

from __future__ import annotations

import datetime
import http.server
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from registry.config import Config
from registry.model.diagnosis import Diagnosis, Verdict
from registry.services.instance import Instance
from registry.storage import ordering
from registry.storage.journal import now, timestamp
from registry.storage.passes import Passes
from registry.wiring import build
from tests.http.support import tree
from tests.services.doctoring import FAIL, OK, WARN
from tests.support.live import free_port

DOCS = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"


@pytest.fixture
def config(storage: Path) -> Config:
    """The settings of a server that does not run."""
    return Config(storage_root=str(storage), listen=f"127.0.0.1:{free_port()}")


def look(config: Config) -> dict[str, Diagnosis]:
    """Return what is said, by its check."""
    lines = list(build(config).doctor.look_here())
    assert len({diagnosis.check for diagnosis in lines}) == len(lines)
    page = DOCS.read_text()
    for diagnosis in lines:
        assert f"`{diagnosis.check}`" in page
        assert "\n" not in diagnosis.line()
        assert bool(diagnosis.remedy) is (diagnosis.verdict is not OK)
    return {diagnosis.check: diagnosis for diagnosis in lines}


def said(config: Config, check: str, verdict: Verdict) -> str:
    """Return the line of a check, which must have that verdict."""
    found = look(config)
    assert check in found, list(found)
    assert found[check].verdict is verdict, found[check].line()
    return found[check].line()


def test_a_new_folder_without_a_server_is_well_but_for_that(config: Config, storage: Path) -> None:
    before = tree(storage)
    found = look(config)
    worse = {check for check, diagnosis in found.items() if diagnosis.verdict is not OK}
    assert worse == {"server", "pruning"}
    assert tree(storage) == before


# --- the folder ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["missing", "empty", "file", "not set up"])
def test_what_is_no_storage_folder_is_all_that_is_said(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "root"
    if kind == "file":
        root.write_text("")
    elif kind != "missing":
        root.mkdir()
    if kind == "not set up":
        (root / "artifacts").mkdir()
        (root / "filestore").mkdir()
    found = look(Config(storage_root=str(root)))
    assert list(found) == ["folder"]
    assert found["folder"].verdict is FAIL
    assert "--storage" in found["folder"].remedy
    assert root.exists() is (kind != "missing")


def test_a_folder_of_somebody_else(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "as the user that runs the server" in said(config, "owner", WARN)


def test_a_filesystem_without_hard_links(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    line = said(config, "links", FAIL)
    assert "takes no hard links" in line
    assert " — the whole storage folder must lie on one filesystem" in line


@pytest.mark.parametrize(("kept", "text"), [(True, "few syncs"), (False, "each folder is synced")])
def test_what_the_order_of_names_means(
    config: Config, monkeypatch: pytest.MonkeyPatch, kept: bool, text: str
) -> None:
    monkeypatch.setattr(ordering, "is_kept", lambda path: kept)
    assert text in said(config, "order", OK)


@pytest.mark.parametrize(
    ("bytes_left", "files_left", "worst"),
    [
        (500, 500, {"bytes": OK, "files": OK}),
        (99, 500, {"bytes": WARN, "files": OK}),
        (500, 99, {"bytes": OK, "files": WARN}),
        (9, 500, {"bytes": FAIL, "files": OK}),
        (500, 9, {"bytes": OK, "files": FAIL}),
        (0, 0, {"bytes": FAIL, "files": FAIL}),
    ],
)
def test_room_for_bytes_and_for_names(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    bytes_left: int,
    files_left: int,
    worst: dict[str, Verdict],
) -> None:
    status = SimpleNamespace(
        f_bavail=bytes_left, f_blocks=1000, f_frsize=4096, f_favail=files_left, f_files=1000,
        f_fsid=0,
    )  # fmt: skip
    monkeypatch.setattr(os, "statvfs", lambda path: status)
    found = look(config)
    assert {check: found[check].verdict for check in worst} == worst


def test_a_filesystem_that_does_not_count_names(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = SimpleNamespace(
        f_bavail=500, f_blocks=1000, f_frsize=4096, f_favail=0, f_files=0, f_fsid=0
    )
    monkeypatch.setattr(os, "statvfs", lambda path: status)
    assert "files" not in look(config)


def test_damage_is_told(config: Config, storage: Path) -> None:
    (storage / f"quarantine/sha256__{'0' * 64}.json").write_text("{}")
    assert "1 damaged contents" in said(config, "damage", FAIL)


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(config: Config, storage: Path) -> None:
    (storage / "etc/users/admin.json").write_text("{")
    assert "fsck" in said(config, "admin", FAIL)
    assert "trust" in look(config)


def test_without_an_admin(config: Config, storage: Path) -> None:
    (storage / "etc/users/admin.json").unlink()
    assert "user add NAME --admin" in said(config, "admin", FAIL)


# --- the settings --------------------------------------------------------------------------------


def test_a_unix_socket_and_who_is_believed_there(config: Config, tmp_path: Path) -> None:
    deaf = replace(config, listen=f"unix:{tmp_path}/s", trusted_proxies=("127.0.0.1",))
    assert 'trusted_proxies = ["unix"]' in said(deaf, "trust", FAIL)
    assert "unix" in said(replace(deaf, trusted_proxies=("unix",)), "trust", OK)


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_everybody_is_believed(config: Config, everybody: str) -> None:
    line = said(replace(config, trusted_proxies=("127.0.0.1", everybody)), "trust", FAIL)
    assert f"everybody is believed ({everybody})" in line


def test_some_are_believed_or_nobody_is(config: Config) -> None:
    assert "no proxy is believed" in said(config, "trust", OK)
    some = replace(config, trusted_proxies=("127.0.0.1", "10.0.0.0/8"))
    assert "127.0.0.1, 10.0.0.0/8" in said(some, "trust", OK)


# --- the server ----------------------------------------------------------------------------------


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def answering(address: tuple[str, int] | str, status: int) -> Iterator[None]:
    """Answer everything with a status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/readyz"
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

        def address_string(self) -> str:
            return ""

    server: socketserver.BaseServer
    if isinstance(address, str):
        server = _UnixServer(address, Handler)
    else:
        server = http.server.ThreadingHTTPServer(address, Handler)
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("kind", ["port", "unix socket"])
def test_a_server_that_can_serve_and_one_that_cannot(
    config: Config, tmp_path: Path, kind: str
) -> None:
    if kind == "unix socket":
        config = replace(config, listen=f"unix:{tmp_path}/socket", trusted_proxies=("unix",))
    assert "no server answers" in said(config, "server", WARN)
    with answering(config.address, 200):
        assert f"the server answers at {config.listen}" in said(config, "server", OK)
    if isinstance(config.address, str):
        os.unlink(config.address)
    with answering(config.address, 503):
        assert "says 503" in said(config, "server", FAIL)


def record(instance: Instance, ago: float, **more: Any) -> None:
    """Record a pass that ended some seconds ago."""
    finished = timestamp(now() - datetime.timedelta(seconds=ago))
    Passes(instance.store.layout, instance.store.documents).end({"finished": finished, **more})


def test_pruning_has_passed_lately_or_not(config: Config, instance: Instance) -> None:
    assert "no pruning pass has ended yet" in said(config, "pruning", WARN)
    instance.pruning.run()
    assert "the last pruning pass ended" in said(config, "pruning", OK)
    record(instance, 3500)
    assert "the last pruning pass ended" in said(config, "pruning", OK)
    record(instance, 3700)
    assert "too long ago" in said(config, "pruning", WARN)
    rarely = replace(config, prune_interval=3600)
    assert "the last pruning pass ended" in said(rarely, "pruning", OK)
    record(instance, 3 * 3600 + 100)
    assert "too long ago" in said(rarely, "pruning", WARN)
    assert "prune_interval is 0" in said(replace(config, prune_interval=0), "pruning", OK)


def test_a_pass_that_did_not_do_all(config: Config, instance: Instance) -> None:
    record(instance, 5, skipped="the clock has jumped", failed=0)
    assert "the clock has jumped" in said(config, "pruning", WARN)
    record(instance, 5, skipped=None, failed=2)
    assert "2 of its steps failed" in said(config, "pruning", WARN)
