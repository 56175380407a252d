"""A Debian machine to install on: a container that has booted systemd."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.deploy.network import Network, shell

_NAME = "machine"
_BOOT_SECONDS = 60
_PROJECT = "/usr/src/registry"
_WHEELS = "/usr/src/wheels"
# pip takes the packages from a folder, since the machine has no network.
_ENVIRONMENT = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": _WHEELS}


class Machine:
    """The machine; a call is a script of its root in the project's folder, that worked."""

    def __init__(self, network: Network, image: str, project: Path, wheels: Path) -> None:
        """Boot it, and put the project's folder and the wheels on it."""
        self._network = network
        self._docker = network.docker
        self._docker(
            *("run", "--detach", f"--name={_NAME}", "--network=host", "--env=container=docker"),
            # What systemd needs to give each service a place of its own.
            *("--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", "--cap-add=NET_ADMIN"),
            *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
            *("--volume=/sys/fs/cgroup:/sys/fs/cgroup", "--tmpfs=/run:exec", "--tmpfs=/run/lock"),
            # As a disk of its own; the container's root lies on layers.
            *("--volume=/var/lib/registry", image, "/lib/systemd/systemd"),
        )
        self._wait_until_booted()
        self._docker("cp", str(project), f"{_NAME}:{_PROJECT}")
        self._docker("cp", str(wheels), f"{_NAME}:{_WHEELS}")

    def __call__(self, script: str, input: str = "") -> str:
        """Run a script, assert that it worked, and return its output."""
        return self._docker(*self._exec("--interactive"), *shell(script), input=input)

    def fails(self, script: str) -> str:
        """Run a script, assert that it failed, and return what it said."""
        return self._docker.fails(*self._exec("--interactive"), *shell(script))

    def at_a_terminal(self, script: str, password: str) -> str:
        """Run a script on a terminal, and answer its questions."""
        command = ("docker", *self._exec("--interactive", "--tty"), *shell(script))
        return self._network.at_a_terminal(*command, password=password)

    def read(self, path: str) -> str:
        """The text of a file."""
        return self(f"cat {path}")

    def json(self, script: str) -> Any:
        """What a script prints, parsed."""
        return json.loads(self(script))

    def wait_until(self, condition: str) -> None:
        """Return as soon as a script works."""
        self(f"for i in $(seq 600); do if {condition}; then exit 0; fi; sleep 0.1; done; exit 1")

    def copy(self, path: str, to: Path) -> None:
        """Copy a file from the machine."""
        self._docker("cp", f"{_NAME}:{path}", str(to))

    def remove(self) -> None:
        """Switch it off and forget it."""
        self._docker("rm", "--force", "--volumes", _NAME)

    def _wait_until_booted(self) -> None:
        deadline = time.monotonic() + _BOOT_SECONDS
        while True:
            state = self._docker("exec", _NAME, "sh", "-c", "systemctl is-system-running || true")
            if state.strip() in ("running", "degraded"):
                return
            assert time.monotonic() < deadline, f"systemd did not come up: {state}"
            time.sleep(0.1)

    def _exec(self, *options: str) -> list[str]:
        variables = [f"--env={name}={value}" for name, value in _ENVIRONMENT.items()]
        return ["exec", *options, *variables, f"--workdir={_PROJECT}", _NAME]
