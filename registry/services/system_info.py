"""Who this registry is, and how the process that is asked is doing.

A registry has a name, made once and kept in ``etc/service.json``; so a copy that is restored from
a backup is the same registry. The name of a node, which is one machine that serves it, is made
from that and from the machine's own name, which is nobody's business outside.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import time
from typing import Any, Final

from registry import __version__
from registry.config import Config, parse_version
from registry.metrics import processes
from registry.storage import documents
from registry.storage.store import Store

ADDONS: Final = (
    "build", "docker", "properties", "search", "aql", "replication", "rest", "webstart"
)  # fmt: skip
"""What Artifactory's clients look for; without any they believe to have no REST API before them."""
_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, in which names of this kind are written."""
_ID_LENGTH: Final = 26


class SystemInfo:
    """What one registry says of itself."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._version = config.artifactory_version
        self._service_id = ""

    # --- who ---------------------------------------------------------------------------------

    @property
    def service_id(self) -> str:
        """The name of this registry; made and kept if there is none yet.

        Raises:
            StorageFailed, StorageFull: there is none, and none can be kept.
        """
        if not self._service_id:
            self._service_id = self._read() or self._make()
        return self._service_id

    def _read(self) -> str:
        document = self._store.documents.read(self._store.layout.service()) or {}
        return str(document.get("id") or "")

    def _make(self) -> str:
        made = f"jfrt@{_new_id()}"
        try:
            documents.create(self._store.layout.service(), {"id": made})
        except FileExistsError:
            # Another process was first, and its name is that of all.
            return self._read() or made
        return made

    @property
    def node_id(self) -> str:
        """The name of this machine as one that serves the registry."""
        name = f"{self.service_id} {socket.gethostname()}".encode()
        return f"node-{hashlib.sha256(name).hexdigest()[:12]}"

    @property
    def revision(self) -> str:
        """The number of the build that belongs to the version."""
        major, minor, patch = parse_version(self._version)
        return f"{major}{minor:02d}{patch:02d}900"

    # --- documents of the REST API -----------------------------------------------------------

    def version(self) -> dict[str, Any]:
        """Return which Artifactory this behaves like, and what it is."""
        return {
            "version": self._version,
            "revision": self.revision,
            "addons": list(ADDONS),
            "license": f"docker-registry {__version__}",
        }

    def license(self) -> dict[str, Any]:
        """Return that no license is needed, so none expires."""
        return {"type": "OSS", "validThrough": "", "licensedTo": ""}

    def licenses(self) -> dict[str, Any]:
        """Return the same for each node, as clusters tell it."""
        node = {"licenseHash": "", "nodeId": self.node_id, "nodeUrl": "", "expired": False}
        return {"licenses": [self.license() | node]}

    def status(self) -> dict[str, Any]:
        """Return that this node runs: it answers."""
        return {"nodes": [{"id": self.node_id, "state": "RUNNING"}]}

    def health(self) -> dict[str, Any]:
        """Return the same in the form of the router that stands in front of Artifactory."""
        state = {"node_id": self.node_id, "state": "HEALTHY", "message": "OK"}
        return {"router": state, "services": [{"service_id": self.service_id, **state}]}

    def info(self) -> dict[str, int | float]:
        """Return figures of the worker that is asked and of its machine, in Artifactory's names.

        There is no virtual machine: the heap is the resident memory of the process. The load of
        the process is that since it began, the machine's that of the last minute.
        """
        found, machine = processes.process(os.getpid()), processes.memory()
        process = found or processes.Process(os.getpid(), 0, 0, time.process_time(), 1, 0, 0.0)
        uptime = max(time.time() - process.started, 0.001)
        return {
            "committedVirtualMemorySize": process.virtual,
            "totalSwapSpaceSize": machine["SwapTotal"],
            "freeSwapSpaceSize": machine["SwapFree"],
            "processCpuTime": int(process.cpu_seconds * 1e9),
            "totalPhysicalMemorySize": machine["MemTotal"],
            "openFileDescriptorCount": process.open_files,
            "maxFileDescriptorCount": processes.file_limit(),
            "processCpuLoad": round(process.cpu_seconds / uptime / processes.cores(), 6),
            "systemCpuLoad": round(processes.load(), 6),
            "freePhysicalMemorySize": machine["MemAvailable"],
            "numberOfCores": processes.cores(),
            "heapMemoryUsage": process.resident,
            "noneHeapMemoryUsage": 0,
            "threadCount": process.threads,
            "noneHeapMemoryMax": 0,
            "heapMemoryMax": machine["MemTotal"],
            "jvmUpTime": int(uptime * 1000),
        }


def _new_id() -> str:
    """Return a new name: the time in its first digits, the rest by chance."""
    number = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    digits = [_DIGITS[number >> 5 * place & 31] for place in range(_ID_LENGTH)]
    return "".join(reversed(digits))
