"""One run from beginning to end, and what it found."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.soak.accounting import Accounting
from tests.faults.soak.auditing import check_store_at_rest
from tests.faults.soak.checking import check_everything, read_shared
from tests.faults.soak.client import Client
from tests.faults.soak.figures import COMMON_KEY, Figures
from tests.faults.soak.model import Image
from tests.faults.soak.site import Site

_BAD: Final = ("Traceback", "failed", "unexpected")
_SHOWN: Final = 40
"""Lines of logs and of differences that are shown."""


@dataclass(slots=True)
class Report:
    """What a run found, and its figures."""

    figures: Figures
    problems: list[str]
    counts: Counter[str]
    passes: Counter[str]
    seconds: float
    drained: float
    used: tuple[float, float]
    """Seconds of processor time, of the clients and of all other processes."""

    def text(self) -> str:
        """Return all of it for people."""
        lines = [f"seed {self.figures.seed}, {self.counts['operations']} operations"]
        lines.append(
            f"{self.seconds:.1f} s, of which {self.drained:.1f} s until all was freed; "
            f"{self.used[0]:.1f} s of processor time for clients, {self.used[1]:.1f} s for others"
        )
        lines += [f"{number:>9} {name}" for name, number in sorted(self.passes.items())]
        lines.append("clients:")
        lines += [f"{number:>9} {name}" for name, number in sorted(self.counts.items())]
        for problem in self.problems:
            lines += ["", "PROBLEM", problem]
        return "\n".join(lines)


def run(folder: Path, figures: Figures) -> Report:
    """Run, and return what was found."""
    sys.stdout.write(f"seed {figures.seed}\n")
    sys.stdout.flush()
    site = Site(folder, figures)
    began, used = time.monotonic(), _used(resource.RUSAGE_SELF)
    site.start()
    problems, drained = list[str](), 0.0
    try:
        with _chaos(site):
            _work(site)
        if not site.failures:
            drained = _drain(site, problems)
    finally:
        totals, defects = site.pruners.totals(), site.pruners.defects()
        for client in site.clients:
            client.close()
        site.pruners.stop()
        site.helper.close()
        site.auditor.close()
        _end_server(site)
    problems = [*site.failures, *problems, *defects, *_said(site)]
    counts = site.tally.counts
    counts["operations"] = site.operations
    counts["kills of workers"] = len(site.kills)
    counts["kills of pruners"] = site.pruners.kills
    counts["restarts of workers"] = site.server.log.read_text().count("starting another")
    return Report(
        figures, problems, counts, totals, time.monotonic() - began, drained,
        (_used(resource.RUSAGE_SELF) - used, _used(resource.RUSAGE_CHILDREN)),
    )  # fmt: skip


def _end_server(site: Site) -> None:
    """End the server; that it had ended before, and how, is a failure."""
    ended = os.waitid(os.P_PID, site.server.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is not None:
        site.fail(f"the server had ended before: {ended}")
    if site.failures:
        site.server.kill()
    else:
        site.server.stop()


@contextlib.contextmanager
def _chaos(site: Site) -> Iterator[None]:
    site.chaos.start()
    try:
        yield
    finally:
        site.chaos.stop()


def _used(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _work(site: Site) -> None:
    """Let the clients work until it is enough."""
    threads = [threading.Thread(target=client.run) for client in site.clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _drain(site: Site, problems: list[str]) -> float:
    """Wait until all that nothing needs is gone; return how many seconds that took."""
    site.helper.ask("create", COMMON_KEY)
    images = _all_images(site)
    if site.failures:
        return 0.0
    keys = {image.key for image in images} | {COMMON_KEY}
    accounting = Accounting(site.server.storage, keys, images)
    began = time.monotonic()
    while differences := accounting.differences():
        if time.monotonic() - began > site.figures.drain:
            problems.append("\n".join(differences[:_SHOWN]))
            break
        time.sleep(0.5)
    took = time.monotonic() - began
    _all_images(site)
    site.clients[0].attempt("check the store at rest", check_store_at_rest)
    site.tally.add("bytes at the end", accounting.expected.bytes)
    site.tally.add("names of content at the end", len(accounting.expected.content))
    return took


def _all_images(site: Site) -> list[Image]:
    """Return all images as they must be, each pulled once more."""
    for client in site.clients:
        client.attempt("look at everything", check_everything)
    images = [image for client in site.clients for image in client.all_images()]

    def read(client: Client) -> None:
        images.extend(read_shared(client, shared) for shared in site.shared)

    site.clients[0].attempt("look at what is shared", read)
    return images


def _said(site: Site) -> list[str]:
    """Return what the processes said that they must not."""
    lines = site.server.log.read_text(errors="replace").splitlines()
    bad = [number for number, line in enumerate(lines) if any(word in line for word in _BAD)]
    found = ["the server's log has:\n" + "\n".join(lines[bad[0] :][:_SHOWN])] if bad else []
    helper = site.folder / "helper.log"
    if os.path.getsize(helper):
        found.append(helper.read_text())
    return found
