"""The harness sees what it is for: each kind of mistake, made on purpose, is found."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from registry.storage import atomic, documents, open_files, syncing
from registry.storage.manifests import Manifests
from tests.faults.injection import operation as operation_module
from tests.faults.injection import sweeping
from tests.faults.injection.bench import Bench, repeatable, work_folder
from tests.faults.injection.flows import FLOWS
from tests.faults.injection.operation import HUNG, KILLED, Operation
from tests.faults.injection.points import MODES, Point, sampled
from tests.faults.injection.state import differences, lost, neither
from tests.faults.injection.tracing import CHANGING, parse, retried_syncs
from tests.faults.injection.trial import given_up, names_of
from tests.support.tools import require_tool

LOG = """\
openat(AT_FDCWD</>, "/s/a", O_RDONLY|O_CLOEXEC) = 7</s/a>
openat(AT_FDCWD</>, "/s/_tmp.1", O_RDWR|O_CREAT|O_EXCL, 0640) = 8</s/_tmp.1>
write(8</s/_tmp.1>, ""..., 93)          = 93
fsync(8</s/_tmp.1>)                     = -1 EIO (Input/output error) (INJECTED)
unlink("/s/_tmp.1")                     = 0
mkdir("/s/locks", 0777)                 = -1 EEXIST (File exists)
linkat(9</proc/7/fd>, "7", AT_FDCWD</>, "/s/b", AT_SYMLINK_FOLLOW) = 0
fsync(7</s/a>)                          = ?
+++ killed by SIGKILL +++
"""


def test_a_trace_is_read() -> None:
    calls = parse(LOG.splitlines())
    assert [(call.name, call.number) for call in calls] == [
        ("openat", 1), ("openat", 2), ("write", 1), ("fsync", 1), ("unlink", 1), ("mkdir", 1),
        ("linkat", 1), ("fsync", 2),
    ]  # fmt: skip
    assert [call.changes for call in calls] == [False] + 7 * [True]
    assert [call.path_in("/s") for call in calls] == [
        "a", "_tmp.1", "_tmp.1", "_tmp.1", "_tmp.1", "locks", "b", "a",
    ]  # fmt: skip
    assert [call.number for call in calls if call.injected] == [1, 2]
    assert [call.name for call in calls if call.failed] == ["fsync", "mkdir"]
    assert calls[0].path_in("/other") is None
    assert {call.name for call in calls} <= set(CHANGING)


FAILED = "fsync(8</s/a>) = -1 EIO (Input/output error) (INJECTED)"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([FAILED, "fsync(8</s/a>) = 0"], 1),
        ([FAILED, 'rename("/s/a", "/s/b") = 0', "fsync(8</s/b>) = 0"], 1),
        ([FAILED, "close(8</s/a>) = 0", "fsync(9</s/a>) = 0"], 1),
        (["fsync(8</s/a>) = 0", "fsync(8</s/a>) = 0"], 0),
        ([FAILED, "close(8</s/a>) = 0", "fsync(8</s/b>) = 0"], 0),
        ([FAILED, 'unlink("/s/a") = 0', "close(8</s/a>) = 0", "fsync(9</s/a>) = 0"], 0),
        ([FAILED, 'openat(AT_FDCWD</>, "/s/a", O_RDONLY) = 9</s/a>', "fsync(9</s/a>) = 0"], 0),
    ],
)  # fmt: skip
def test_a_sync_that_is_tried_again_is_seen(lines: list[str], found: int) -> None:
    assert len(list(retried_syncs(parse(lines)))) == found


def test_a_sample_is_spread_and_the_same_each_time() -> None:
    points = [Point(call, number, "") for call in ("link", "fsync") for number in range(50)]
    chosen = sampled(points, 6, "seed")
    assert chosen == sampled(points, 6, "seed") != sampled(points, 6, "other")
    assert chosen == sorted(chosen, key=points.index)
    assert [point.call for point in chosen] == 3 * ["link"] + 3 * ["fsync"]
    assert sampled(points[:3], 6, "seed") == points[:3]


def test_states_are_compared() -> None:
    before, after = {"tag a": "1", "tag b": "1"}, {"tag a": "2", "trash tag b": "1"}
    assert not neither(before, before, after) + neither(after, before, after)
    assert neither(before | {"tag a": "3", "tag c": "1"}, before, after) == [
        "tag a: 3, neither 1 nor 2",
        "tag c: 1, neither None nor None",
    ]
    assert differences(before, before) == []
    assert differences({"tag a": "1"}, before) == ["tag b: None, not 1"]
    assert lost({}, before, after) == ["tag b is gone, and not in the trash"]
    assert lost(before, before, after) == lost(after, before, after) == []


def test_bytes_whose_sync_failed_are_recognised() -> None:
    with work_folder() as folder:
        (folder / "uploads").mkdir()
        (folder / "filestore").mkdir()
        upload, content = folder / "uploads" / "data", folder / "filestore" / "content"
        upload.write_bytes(b"lost")
        call = parse([f"fsync(8<{upload}>) = -1 EIO (Input/output error) (INJECTED)"])[0]
        with given_up(call) as inode:
            assert inode == upload.stat().st_ino
            assert not list(names_of(inode, str(folder)))
            os.link(upload, content)
            assert list(names_of(inode, str(folder))) == [str(content)]
        upload.unlink()
        with given_up(call) as inode:
            assert inode is None


def test_how_a_process_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation_module, "DEADLINE", 0.2)
    works: list[Callable[[], object]] = [
        lambda: None,
        lambda: os.environ["REGISTRY_MISSING"],
        lambda: os.open("/", os.O_RDONLY),
        lambda: time.sleep(60),
        lambda: os.kill(os.getpid(), 9),
    ]
    process = Operation(*works)
    assert process.attempt(0).error is None
    assert process.attempt(1).error == "KeyError"
    assert process.attempt(2).leaked == 1
    assert process.attempt(3).error == HUNG
    process.end(hung=True)
    process = Operation(*works)
    assert process.attempt(4).error == KILLED
    process.end()


# --- mistakes in the registry ----------------------------------------------------------------

Patch = Callable[[pytest.MonkeyPatch], None]


def syncs_again(patch: pytest.MonkeyPatch) -> None:
    def sync(descriptor: int) -> None:
        try:
            os.fsync(descriptor)
        except OSError:
            os.fsync(descriptor)

    patch.setattr(atomic, "sync_file", sync)


def ignores_failed_syncs(patch: pytest.MonkeyPatch) -> None:
    def sync(path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError:
            return
        finally:
            os.close(descriptor)

    patch.setattr(syncing, "sync_folder", sync)


def does_not_translate(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def untranslated() -> Iterator[None]:
        yield

    for module in (atomic, open_files):
        patch.setattr(module, "translated", untranslated)


def writes_in_place(patch: pytest.MonkeyPatch) -> None:
    def replace(path: str, document: dict[str, Any], mode: int = 0o600) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        os.write(descriptor, documents.encode(document))
        os.close(descriptor)

    patch.setattr(documents, "replace", replace)


def leaves_half_done_work(patch: pytest.MonkeyPatch) -> None:
    remove = atomic.remove
    patch.setattr(atomic, "remove", lambda path: "/etc/" in path or remove(path))


def leaks(patch: pytest.MonkeyPatch) -> None:
    def sync(path: str) -> None:
        with open_files.translated():
            os.fsync(os.open(path, os.O_RDONLY))

    patch.setattr(syncing, "sync_folder", sync)


def registers_late(patch: pytest.MonkeyPatch) -> None:
    register, settle = Manifests.register, Manifests.settle
    kept: list[tuple[Any, ...]] = []

    def settle_late(self: Manifests, *args: Any, **kwargs: Any) -> None:
        register(self, *kept.pop())
        settle(self, *args, **kwargs)

    patch.setattr(Manifests, "register", lambda self, *args: kept.append(args))
    patch.setattr(Manifests, "settle", settle_late)


def prunes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sweeping, "prune", lambda instance: None)


@pytest.mark.parametrize(
    ("mistake", "flow", "mode", "message"),
    [
        (syncs_again, "user-password", "eio", "a failed sync was tried again"),
        (ignores_failed_syncs, "user-password", "eio", "told nobody of the failure"),
        (does_not_translate, "user-add", "enospc", "it raised OSError"),
        (writes_in_place, "user-password", "kill", "cannot be read after the fault"),
        (leaves_half_done_work, "user-password", "eio", "left behind (temporary)"),
        (leaks, "user-password", "enospc", "descriptors stay open"),
        (registers_late, "push-further", "kill", "manifest unknown"),
        (prunes_nothing, "delete-blob", "kill", "left behind (orphan)"),
    ],
)
def test_a_mistake_is_found(
    mistake: Patch, flow: str, mode: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("strace")
    mistake(monkeypatch)
    with repeatable(), work_folder() as folder:
        bench, made = Bench(folder), FLOWS[flow]
        points = bench.prepared(made).points
        wrong = [what for point in points for what in bench.try_point(made, MODES[mode], point)]
    found = [what for what in wrong if message in what]
    assert found, wrong
    assert f"flow {flow}, mode {mode}, " in found[0]
    assert f"python -m tests.faults.injection.run --flow {flow} --mode {mode} --call" in found[0]
