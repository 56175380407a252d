"""Prepared storage folders, what each flow does to them without a fault, and faulted runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from registry.access import passwords
from registry.storage import documents
from registry.storage.filestore import LEASE_RENEWAL
from tests.faults.injection import state
from tests.faults.injection.flows import Flow
from tests.faults.injection.operation import Operation
from tests.faults.injection.points import Mode, Point, points_of
from tests.faults.injection.pushes import furnish
from tests.faults.injection.state import State
from tests.faults.injection.sweeping import sweep
from tests.faults.injection.tracing import Tracer
from tests.faults.injection.trial import Prepared, Trial, opened


def copied(source: str, target: str) -> str:
    """Copy a storage folder with the hard links inside it; the copy shares no inode with it."""
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


class Bench:
    """Prepares folders and lets flows run on copies of them, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prepared: dict[str, Prepared] = {}
        self._base = str(folder / "base")
        with opened(self._base) as instance:
            furnish(instance)

    def prepared(self, flow: Flow) -> Prepared:
        """Return a flow as prepared; made once."""
        if flow.name not in self._prepared:
            self._prepared[flow.name] = self._prepare(flow)
        return self._prepared[flow.name]

    def _prepare(self, flow: Flow) -> Prepared:
        root = str(self._folder / flow.name)
        if flow.empty:
            os.mkdir(root)
        else:
            copied(self._base, root)
        with opened(root) as instance:
            if flow.given is not None:
                flow.given(instance)
            before = state.view(instance)
        _age(root)
        with self.copy(root) as work, opened(work) as instance:
            # The first run imports what is imported late, so that later ones open no other files.
            flow.run(instance)
            state.check(instance)
            after = state.view(instance)
            sweep(instance)
            state.check(instance)
            swept = state.view(instance)
        return Prepared(flow, root, before, after, swept, self._plan(flow, root, after))

    def _plan(self, flow: Flow, root: str, after: State) -> list[Point]:
        with self.copy(root) as work, opened(work) as instance:
            operation = Operation(lambda: flow.run(instance))
            tracer = Tracer(operation.process, self.log)
            outcome = operation.attempt()
            operation.end()
            tracer.end()
            assert outcome.error is None, outcome.text
            assert state.view(instance) == after
            return points_of(tracer.calls(), work)

    @property
    def log(self) -> str:
        """The file that strace writes to."""
        return str(self._folder / "trace")

    @contextmanager
    def copy(self, root: str) -> Iterator[str]:
        """Yield a copy of a prepared folder, which is removed afterwards."""
        work = copied(root, f"{root}.work")
        try:
            yield work
        finally:
            shutil.rmtree(work)

    def try_point(self, flow: Flow, mode: Mode, point: Point) -> list[str]:
        """Let a flow run into a fault; return what was wrong afterwards, each in one line."""
        prepared = self.prepared(flow)
        with self.copy(prepared.root) as work:
            return Trial(prepared, mode, point, work).run(self.log)


def _age(root: str) -> None:
    """Make all files old enough for their age to be renewed by whoever says that they are there.

    Otherwise how long a run takes would decide which calls it does.
    """
    for folder, _, names in os.walk(root):
        for name in names:
            status = os.stat(f"{folder}/{name}")
            times = (status.st_atime, time.time() - 2 * LEASE_RENEWAL)
            os.utime(f"{folder}/{name}", times)


@contextmanager
def work_folder() -> Iterator[Path]:
    """Yield a folder in memory, where there is one: what fails is the call, whatever the disk."""
    memory = "/dev/shm"
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="registry-faults-", dir=place) as folder:
        yield Path(folder)


@contextmanager
def repeatable() -> Iterator[None]:
    """Make each run do the same calls, and a password cost nothing.

    A document that changed a moment ago is read anew, an older one is not; here it always is.
    What a hash costs stands in the hash itself.
    """
    with patch.object(documents, "_TICK", 1 << 62), patch.object(passwords, "_N", 2):
        yield
