"""A container engine in a network of its own, with an /etc of its own.

There every port is free, the name of the registry leads to it, nothing else can be reached, and
what is written to /etc, such as certificates for docker, is gone with the engine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.engine import running_engine
from tests.clients.folders import engine_folder
from tests.clients.programs import Docker, Program
from tests.deploy.terminal import at_a_terminal

NAME = "registry.example.com"
"""The name that the pages use, and that leads to this network's own address here."""
_ADDRESS = "192.0.2.1"
"""Of those for documentation; docker does not ask servers at 127.0.0.1 for a good certificate."""

_WRAPPER = """#!/bin/sh
exec unshare --mount --net sh -euc '
ip link set lo up
ip address add {address}/32 dev lo
mount -t tmpfs tmpfs {folder}/etc
mkdir {folder}/etc/upper {folder}/etc/work
mount -t overlay overlay \\
    -o lowerdir=/etc,upperdir={folder}/etc/upper,workdir={folder}/etc/work /etc
printf "127.0.0.1 localhost\\n{address} {name}\\n" > /etc/hosts
exec {dockerd} "$@"' dockerd "$@"
"""


@dataclass(frozen=True)
class Network:
    """The engine, and programs that run where it runs."""

    docker: Docker
    folder: Path
    """For files that both sides see."""
    _socket: Path

    def program(self, *command: str) -> Program:
        """A program in the engine's network, with its /etc."""
        return Program(*self._inside(), *command, environment=self._environment())

    def at_a_terminal(self, *command: str, password: str) -> str:
        """Run a command there on a terminal, and answer its questions."""
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", **self._environment()}
        return at_a_terminal([*self._inside(), *command], environment, password)

    def _inside(self) -> list[str]:
        process = (self._socket.parent / "pid").read_text().strip()
        return ["nsenter", f"--target={process}", "--mount", "--net"]

    def _environment(self) -> Mapping[str, str]:
        return {
            "DOCKER_HOST": f"unix://{self._socket}",
            "DOCKER_CONFIG": str(self.docker.config.parent),
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_DOCKER_CLI_BUILD": "0",
            "HOME": str(self.folder),
        }


def shell(script: str) -> list[str]:
    """The command that runs a script up to its first failure."""
    return ["bash", "-euo", "pipefail", "-c", script]


@contextlib.contextmanager
def private_network() -> Iterator[Network]:
    """Start the engine, and take down everything at the end."""
    with engine_folder("dn-") as folder, contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{_wrapped(folder)}:{os.environ['PATH']}")
            socket = stack.enter_context(running_engine())
        shared = folder / "shared"
        shared.mkdir()
        yield Network(Docker(socket, folder / "cli"), shared, socket)


def _wrapped(folder: Path) -> Path:
    """A folder with a ``dockerd`` that goes into its own network first."""
    (folder / "etc").mkdir()
    (folder / "bin").mkdir()
    wrapper = folder / "bin/dockerd"
    wrapper.write_text(
        _WRAPPER.format(folder=folder, address=_ADDRESS, name=NAME, dockerd=shutil.which("dockerd"))
    )
    wrapper.chmod(0o755)
    return wrapper.parent
