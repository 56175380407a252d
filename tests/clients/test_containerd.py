"""containerd: asks for what it wants at once, and learns of credentials from the answer."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.folders import engine_folder
from tests.clients.images import Layout
from tests.clients.programs import Program
from tests.clients.wire import Wire
from tests.support.live import LiveServer
from tests.support.tools import require_root, require_tool

_START_SECONDS = 60.0


@pytest.fixture
def ctr() -> Iterator[Program]:
    """containerd's own command line, with a containerd of this test's own."""
    require_root()
    require_tool("containerd", "ctr")
    with engine_folder("cd-") as folder, (folder / "log").open("wb") as log:
        socket = folder / "s"
        command = ["containerd", f"--root={folder}/root", f"--state={folder}/state"]
        process = subprocess.Popen(
            [*command, f"--address={socket}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield waited_for(Program("ctr", f"--address={socket}", environment={}), folder / "log")
        finally:
            process.terminate()
            process.wait(30)


def waited_for(ctr: Program, log: Path) -> Program:
    """Return ``ctr`` once its containerd answers."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            ctr("version")
        except AssertionError:
            time.sleep(0.1)
        else:
            return ctr
    raise AssertionError(f"containerd did not come up\n{log.read_text(errors='replace')[-4000:]}")


@pytest.fixture
def image(layout: Layout, skopeo: Program, registry: LiveServer, user: User) -> str:
    """An image that is in the registry already."""
    layout.image([{"base": b"base\n"}, {"etc/top": b"top\n"}], {"a": "b"}, tag="1")
    target = f"{registry.host}/docker-local/containerd/source:1"
    access = ("--dest-tls-verify=false", f"--dest-creds={user.pair}")
    skopeo("copy", *access, f"oci:{layout.folder}:1", f"docker://{target}")
    return target


def test_pull_and_push_keep_the_digest(
    ctr: Program, image: str, registry: LiveServer, user: User, wire: Wire
) -> None:
    access = ("--plain-http", f"--user={user.pair}")
    other = f"{registry.host}/docker-second/containerd/target:2"

    ctr("images", "pull", *access, "--snapshotter=native", image)
    ctr("images", "tag", image, other)
    ctr("images", "push", *access, other)

    pulled = wire.manifest("docker-local/containerd/source", "1")
    assert wire.manifest("docker-second/containerd/target", "2").body == pulled.body


@pytest.mark.parametrize("access", [(), ("--user=alice:wrong",)], ids=["none", "wrong"])
def test_without_the_right_credentials_nothing_is_pulled(
    ctr: Program, image: str, access: tuple[str, ...]
) -> None:
    ctr.refused("images", "pull", "--plain-http", "--snapshotter=native", *access, image)
