"""Command line programs as objects: a call is a command that worked, or one that was refused."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.live import LiveServer

_SECONDS = 180

# Clients word it by what came first: no token at all, a token without rights, or a wrong password.
_REFUSAL = re.compile(
    "unauthorized|denied|authentication required|no basic auth credentials"
    "|invalid username/password"
)


class Program:
    """A program with fixed leading arguments, and with an environment of its own."""

    def __init__(self, *prefix: str, environment: Mapping[str, str]) -> None:
        """``environment`` is all that the program sees besides the PATH."""
        self._prefix = list(prefix)
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", **environment}

    def __call__(self, *args: str, input: str = "") -> str:
        """Run it, assert that it exited with 0, and return its standard output."""
        done = self._run(args, input)
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, f"{self._shown(args)} exited {done.returncode}:\n{said}"
        return done.stdout

    def fails(self, *args: str, input: str = "") -> str:
        """Run it, assert that it failed, and return all it said in lower case."""
        done = self._run(args, input)
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode != 0, f"{self._shown(args)} should have failed:\n{said}"
        return said.lower()

    def refused(self, *args: str, input: str = "") -> str:
        """Run it, and assert that it failed for want of the right credentials and said so."""
        said = self.fails(*args, input=input)
        assert _REFUSAL.search(said), f"{self._shown(args)} failed for another reason:\n{said}"
        return said

    def _run(self, args: Sequence[str], input: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._prefix, *args],
            env=self._environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def _shown(self, args: Sequence[str]) -> str:
        return " ".join([self._prefix[0], *args])


class Docker(Program):
    """The docker command line, talking to one engine, with its own credentials."""

    def __init__(self, socket: Path, config: Path) -> None:
        config.mkdir(parents=True, exist_ok=True)
        self.config = config / "config.json"
        # The classic builder is part of every engine; BuildKit's client is a package of its own.
        super().__init__(
            "docker",
            f"--config={config}",
            f"--host=unix://{socket}",
            environment={"HOME": str(config), "DOCKER_BUILDKIT": "0", "DOCKER_CLI_HINTS": "false"},
        )

    def login(self, registry: LiveServer, user: str, password: str) -> str:
        """Log in with credentials that are right."""
        return self(
            "login", f"--username={user}", "--password-stdin", registry.host, input=password
        )

    def login_fails(self, registry: LiveServer, user: str, password: str) -> str:
        """Log in with credentials that are wrong."""
        args = ("login", f"--username={user}", "--password-stdin", registry.host)
        return self.fails(*args, input=password)


class ContainerTools:
    """podman, skopeo and buildah on one storage, without any of the machine's configuration."""

    def __init__(self, folder: Path) -> None:
        """Lay out homes, storage and settings below ``folder``, whose path should be short."""
        self.folder = folder
        self.auth_file = folder / "auth.json"
        self._environment = self._configure()
        storage = (f"--root={folder}/root", f"--runroot={folder}/run", "--storage-driver=vfs")
        self.podman = Program("podman", *storage, environment=self._environment)
        self.buildah = Program("buildah", *storage, environment=self._environment)
        self.skopeo = Program("skopeo", environment=self._environment)

    def _configure(self) -> dict[str, str]:
        home, etc = self.folder / "home", self.folder / "home/.config/containers"
        for folder in (etc, self.folder / "xdg", self.folder / "tmp", self.folder / "cni"):
            folder.mkdir(parents=True)
        # Some commands demand that a file of credentials named in the environment is there.
        self.auth_file.write_text("{}\n")
        # The policy is looked up in the home folder first, and only then in /etc.
        (etc / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}\n')
        (etc / "registries.conf").write_text("unqualified-search-registries = []\n")
        (etc / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\n'
            f'graphroot = "{self.folder}/root"\nrunroot = "{self.folder}/run"\n'
        )
        (etc / "containers.conf").write_text(
            f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
            f'tmp_dir = "{self.folder}/tmp"\n'
            f'[network]\nnetwork_config_dir = "{self.folder}/cni"\n'
        )
        return {
            "HOME": str(home),
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_RUNTIME_DIR": str(self.folder / "xdg"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local/share"),
            "REGISTRY_AUTH_FILE": str(self.auth_file),
            "CONTAINERS_CONF": str(etc / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(etc / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(etc / "registries.conf"),
        }
