"""Every figure with its name and its meaning; the manual has the same table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.metrics import processes
from registry.metrics.exposition import Sample, counter, gauge, histogram
from registry.metrics.figures import BOUNDS, LEVELS, ROUTES, Figures


def requests(figures: Figures) -> Iterator[str]:
    """Yield what has been asked, and how it ended."""
    kinds = [
        ({"method": method, "route": route, "status": str(status or "other")}, count)
        for route, method, status, count in figures.requests()
    ]
    asked = {labels["route"] for labels, _ in kinds}
    routes = [route for route in ROUTES if route in asked]
    yield counter("registry_http_requests_total", "Requests that were answered.", kinds)
    yield histogram(
        "registry_http_request_duration_seconds",
        "Time from a request, or the beginning of its large body, to its answer.",
        BOUNDS,
        [({"route": route}, *figures.durations(route)) for route in routes],
    )
    yield counter(
        "registry_http_received_bytes_total", "Bytes of the bodies of requests.",
        [({"route": route}, figures.received(route)) for route in routes],
    )  # fmt: skip
    yield counter(
        "registry_http_sent_bytes_total",
        "Bytes of the bodies of answers, also of those that the reverse proxy sends.",
        [({"route": route}, figures.sent(route)) for route in routes],
    )
    yield counter(
        "registry_pulls_total", "Manifests that were given to clients.",
        [({}, figures.requests_of("manifests", "GET", 200))],
    )  # fmt: skip
    yield counter(
        "registry_pushes_total", "Manifests that were pushed.",
        [({}, figures.requests_of("manifests", "PUT", 201))],
    )  # fmt: skip
    yield counter(
        "registry_log_messages_total", "Lines of the log that tell of trouble.",
        [({"level": name}, figures.logged(level)) for level, name in enumerate(LEVELS)],
    )  # fmt: skip


def workers(figures: Figures) -> Iterator[str]:
    """Yield what the worker processes of this server need."""
    open_, memory, cpu, files, started, ready, size = (list[Sample]() for _ in range(7))
    for worker in figures.workers():
        found, labels = processes.process(worker.pid), {"worker": str(worker.slot)}
        if found is None:
            continue
        open_.append((labels, worker.connections))
        ready.append((labels, worker.index_ready))
        size.append((labels, worker.index_size))
        memory.append((labels, found.resident))
        cpu.append((labels, found.cpu_seconds))
        files.append((labels, found.open_files))
        started.append((labels, round(found.started, 2)))
    yield gauge("registry_workers", "Worker processes that are alive.", [({}, len(memory))])
    yield gauge("registry_connections", "Open connections of clients.", open_)
    yield gauge("registry_worker_memory_bytes", "Resident memory.", memory)
    yield counter("registry_worker_cpu_seconds_total", "Time of the processor.", cpu)
    yield gauge("registry_worker_open_files", "Open files and sockets.", files)
    yield gauge("registry_worker_start_time_seconds", "When the worker began.", started)
    yield gauge("registry_index_ready", "1 if the index of searches and lists is built.", ready)
    yield gauge("registry_index_manifests", "Manifests in the index.", size)


def pruning(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the pruning passes did; ``record`` is that of `Pruning.record`."""
    totals, last = record.get("totals") or {}, record.get("last") or {}
    held = last.get("held") or {}
    content = last.get("content") or {}
    yield counter(
        "registry_pruning_passes_total", "Pruning passes.", [({}, totals.get("passes", 0))]
    )
    yield counter(
        "registry_pruning_freed_bytes_total", "Bytes that pruning has freed.",
        [({}, totals.get("bytes", 0))],
    )  # fmt: skip
    yield counter(
        "registry_pruning_freed_names_total", "Content that pruning has freed.",
        [({}, totals.get("names", 0))],
    )  # fmt: skip
    yield gauge(
        "registry_pruning_held_bytes",
        "Bytes that no image needs and that stay, by what holds them.",
        [({"by": name}, amount["bytes"]) for name, amount in held.items()],
    )
    yield gauge(
        "registry_pruning_failed", "What the last pass could not do; the log says why.",
        [({}, last.get("failed", 0))],
    )  # fmt: skip
    yield gauge(
        "registry_pruning_last_pass_seconds", "How long the last pass took.",
        [({}, last.get("seconds", 0))],
    )  # fmt: skip
    yield gauge(
        "registry_content_bytes", "Bytes of all content at the last pass.",
        [({}, content.get("bytes", 0))],
    )  # fmt: skip
    yield gauge(
        "registry_content_files", "Distinct content at the last pass.",
        [({}, content.get("names", 0))],
    )  # fmt: skip
    yield gauge(
        "registry_trash_entries", "Deleted manifests and repositories that can be restored.",
        [({}, last.get("trash_entries", 0))],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class UpstreamFigures:
    """What is known of the upstream of one remote repository."""

    key: str
    limit: int | None
    remaining: int | None
    paused: bool


def upstreams(found: Iterable[UpstreamFigures]) -> Iterator[str]:
    """Yield what upstreams leave us, as far as they say it, and which are left alone."""
    limits, remaining, paused = (list[Sample]() for _ in range(3))
    for one in found:
        labels = {"repository": one.key}
        if one.limit is not None:
            limits.append((labels, one.limit))
        if one.remaining is not None:
            remaining.append((labels, one.remaining))
        paused.append((labels, one.paused))
    yield gauge(
        "registry_upstream_allowance_limit", "Pulls that upstream allows in a window.", limits
    )
    yield gauge(
        "registry_upstream_allowance_remaining",
        "Those that were left when it last said.",
        remaining,
    )
    yield gauge(
        "registry_upstream_paused", "1 while upstream is not asked, after 429 or silence.", paused
    )


def about(version: str, artifactory_version: str) -> Iterator[str]:
    """Yield which program this is."""
    labels = {"version": version, "artifactory_version": artifactory_version}
    yield gauge("registry_build_info", "1, with the version of the program.", [(labels, 1)])


def storage(total: int, free: int, uploads: int) -> Iterator[str]:
    """Yield how much room the filesystem of the storage folder has, and what is on its way."""
    yield gauge("registry_disk_bytes", "Size of the storage folder's filesystem.", [({}, total)])
    yield gauge("registry_disk_free_bytes", "Bytes of it that can be written.", [({}, free)])
    yield gauge("registry_uploads_in_progress", "Uploads that have not ended.", [({}, uploads)])


def repositories(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield how much each repository holds; ``summary`` is what `StorageSummary.kept` returns."""
    found = summary.get("repositories", [])
    for name, field, meaning in (
        ("registry_repository_bytes", "bytes", "Bytes of all files, shared ones each time."),
        ("registry_repository_files", "files", "Manifests, configurations and layers."),
        ("registry_repository_folders", "folders", "Folders of images and tags."),
    ):
        samples = [({"repository": str(one["key"])}, int(one[field])) for one in found]
        yield gauge(name, meaning, samples)
    yield gauge(
        "registry_repositories_counted_timestamp_seconds", "When that was counted.",
        [({}, round(float(summary.get("countedAt", 0)), 3))],
    )  # fmt: skip
