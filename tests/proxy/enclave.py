"""A network of its own for real clients: names, certificates and settings without touching ours.

Clients take names from ``/etc/hosts`` and certificates from folders below ``/etc``, and docker does
not verify a registry at 127.0.0.0/8 at all. So proxies and clients run in namespaces in which
another address is theirs, and ``/etc`` has a layer above; nothing leads out of there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.tools import require_root, require_tool, skip_or_fail

ADDRESS = "198.51.100.1"
"""Where clients find the registry; an address for documentation, by RFC 5737."""
PROGRAMS = ("nginx", "dockerd", "docker", "podman", "skopeo", "containerd", "ctr", "apache2")

_SET_UP = f"""
set -e
ip link set lo up
ip address add {ADDRESS}/32 dev lo
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
echo ready
exec cat
"""


class Enclave:
    """Namespaces for network and mounts, from ``with`` to its end."""

    def __init__(self, folder: Path, options: Mapping[str, Sequence[str]]) -> None:
        """Describe an enclave; ``options`` are added to each call of the programs of that name."""
        self._folder = folder
        self._options = options
        self._holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        require_root()
        require_tool("unshare", "nsenter", "ip")
        layers = self._folder / "etc"
        layers.mkdir()
        # It reads from us until we are gone, however we end.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation=private",
             "sh", "-c", _SET_UP, "sh", str(layers)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != "ready\n":
            said = self._holder.stderr.read()
            self.close()
            skip_or_fail(f"no namespaces can be made here: {said.strip()}")
        self._write_programs()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the enclave; what still runs in it keeps its namespaces until it ends."""
        if self._holder is not None:
            self._holder.communicate()
            self._holder = None

    def write(self, path: str, text: str) -> None:
        """Write a file below ``/etc`` of the enclave."""
        assert path.startswith("/etc/")
        assert self._holder is not None
        inside = Path(f"/proc/{self._holder.pid}/root{path}")
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.write_text(text)

    @contextlib.contextmanager
    def on_path(self) -> Iterator[None]:
        """Let the programs that are started, or described, meanwhile run in the enclave."""
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{self._folder}/bin:{before}"
        try:
            yield
        finally:
            os.environ["PATH"] = before

    def _write_programs(self) -> None:
        """Write a program of the same name for each, which enters the enclave first."""
        assert self._holder is not None
        enter = f"{shutil.which('nsenter')} --target={self._holder.pid} --net --mount --"
        (self._folder / "bin").mkdir()
        for name in PROGRAMS:
            found = shutil.which(name)
            if found is None:
                continue
            program = self._folder / "bin" / name
            options = " ".join(self._options.get(name, ()))
            program.write_text(f'#!/bin/sh\nexec {enter} {found} {options} "$@"\n')
            program.chmod(0o755)
