"""One run: a flow on a logged disk, then a look at the disks that power cuts could have left."""

from __future__ import annotations

import contextlib
import glob
import os
import pickle
import shutil
import tempfile
import time
from dataclasses import replace
from typing import Final

from registry.storage.uploads import boot_id
from tests.faults.power import mounts, processes, restart, syncs
from tests.faults.power.checks import Finding
from tests.faults.power.device import FLUSH, WRITE, logged
from tests.faults.power.filesystems import FILESYSTEMS
from tests.faults.power.flows import FLOWS
from tests.faults.power.history import History, Replay, State
from tests.faults.power.ledger import Ledger, Promises, Step
from tests.faults.power.report import Problem, Report, Run
from tests.faults.power.site import Site

PREFIX: Final = "registry-power-"
"""Begins the names of the folders, before the process that made them."""


def run(wanted: Run) -> Report:
    """Do a run in a process of its own, which takes all its mounts with it when it ends."""
    remove_leftovers(tempfile.gettempdir())
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    try:
        return processes.in_child(lambda: _Runner(wanted, folder).run())
    finally:
        # Here it is an empty folder: what was mounted on it has never been seen from outside.
        os.rmdir(folder)


def remove_leftovers(parent: str) -> None:
    """Remove the empty folders of runs whose process was killed."""
    for path in glob.glob(f"{parent}/{PREFIX}*-*"):
        process = os.path.basename(path).removeprefix(PREFIX).partition("-")[0]
        # The folder of a run that goes on is one, too, to everybody else.
        if not os.path.exists(f"/proc/{process}"):
            with contextlib.suppress(OSError):
                os.rmdir(path)


class _Runner:
    """The parts of a run, in a mount namespace and a tmpfs of their own."""

    def __init__(self, wanted: Run, folder: str) -> None:
        self._wanted = wanted
        self._filesystem = FILESYSTEMS[wanted.filesystem]
        self._folder = folder
        self._made = f"{folder}/made"
        self._log = f"{folder}/log"
        self._mounted = f"{folder}/mounted"
        self._store = f"{self._mounted}/storage"
        self._results = f"{folder}/results"
        self._report = Report(wanted)

    def run(self) -> Report:
        mounts.enter_private_namespace()
        mounts.mount("registry-power", self._folder, "tmpfs", "mode=700")
        os.mkdir(self._mounted)
        self._filesystem.make(self._made)
        self._log_the_workload()
        with open(self._results, "rb") as file:
            begin, steps, figures = pickle.load(file)
        self._report = replace(self._report, **figures)
        self._look(begin, steps)
        return self._report

    # --- the workload ----------------------------------------------------------------------------

    def _log_the_workload(self) -> None:
        image, disk = f"{self._folder}/image", f"{self._folder}/disk"
        shutil.copy(self._made, image)
        with logged(image, self._log, disk):
            self._mount(disk, direct=True)
            processes.wait_for(processes.fork(self._work), "workload")
            mounts.unmount(self._mounted)
        os.unlink(image)

    def _mount(self, file: str, *, direct: bool = False) -> None:
        device, descriptor = mounts.attach_loop(file, direct=direct)
        try:
            if direct:
                mounts.require_passing_on(device)
            mounts.mount(device, self._mounted, self._filesystem.kind, self._filesystem.options)
        finally:
            os.close(descriptor)

    def _work(self) -> None:
        """Do the flow's operations, and leave behind when what was promised."""
        ledger, flow = Ledger(self._log), FLOWS[self._wanted.flow]
        site = Site.create(self._store, ledger, self._wanted.seed)
        flow.prepare(site)
        mounts.sync_filesystem(self._mounted)
        prepared, begin, began = len(ledger.steps), ledger.size(), time.monotonic()
        with syncs.only(self._wanted.syncs) as sites:
            flow.run(site, self._wanted.rounds or flow.rounds)
        figures = {
            "workload_seconds": time.monotonic() - began,
            "operations": len(ledger.steps) - prepared,
            "syncs": sites,
        }
        with open(self._results, "wb") as file:
            pickle.dump((begin, ledger.steps, figures), file)

    # --- the power cuts --------------------------------------------------------------------------

    def _look(self, begin: int, steps: list[Step]) -> None:
        began, report = time.monotonic(), self._report
        history = History(self._log)
        self._restart_the_machine()
        replay, crashed = Replay(history, self._made), f"{self._folder}/crashed"
        for state in history.states(begin, self._wanted.states, self._wanted.seed):
            replay.make(state, crashed)
            position = history.position(state)
            findings = self._check(crashed, Promises(steps, position))
            report.problems += [Problem(self._wanted, position, state, f) for f in findings]
            report.states += 1
            report.bad_states += bool(findings)
            if findings and self._wanted.keep is not None:
                self._keep(replay, state)
        replay.close()
        report.writes, report.flushes = history.count(WRITE, begin), history.count(FLUSH, begin)
        report.seconds = time.monotonic() - began

    def _restart_the_machine(self) -> None:
        """Let the registry see another run of the kernel: it must not trust bytes of the last."""
        mounts.change_boot_id(f"{self._folder}/boot_id")
        boot_id.cache_clear()

    def _check(self, crashed: str, promises: Promises) -> list[Finding]:
        try:
            self._mount(crashed)
        except OSError as error:
            return [Finding("unmountable", repr(error))]
        try:
            return restart.findings(self._store, promises)
        finally:
            mounts.unmount(self._mounted)

    def _keep(self, replay: Replay, state: State) -> None:
        """Keep the disk as the power cut left it: what was looked at has been recovered."""
        name = f"{self._wanted.flow}-{self._wanted.filesystem}-{state.count}-{state.seed}.image"
        replay.make(state, f"{self._wanted.keep}/{name}")
