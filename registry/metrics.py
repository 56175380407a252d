"""Figures for monitoring, in the text format of Prometheus.

What is told comes from the disk and not from the memory of one worker, so every worker gives the
same answer. Source: Prometheus, "Exposition formats", text format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]


def metric(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    """Return one metric: its help, its type, and a line for each sample."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        shown = ",".join(f'{label}="{text}"' for label, text in labels.items())
        lines.append(f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:.17g}")
    return "\n".join(lines) + "\n"


def pruning(record: Mapping[str, Any]) -> str:
    """Return the metrics of the pruning passes; ``record`` is that of `Pruning.record`."""
    totals, last = record.get("totals") or {}, record.get("last") or {}
    held = last.get("held") or {}
    return "".join(
        (
            metric(
                "registry_pruning_passes_total", "counter", "Pruning passes.",
                [({}, totals.get("passes", 0))],
            ),
            metric(
                "registry_pruning_freed_bytes_total", "counter", "Bytes that pruning has freed.",
                [({}, totals.get("bytes", 0))],
            ),
            metric(
                "registry_pruning_freed_names_total", "counter", "Content that pruning has freed.",
                [({}, totals.get("names", 0))],
            ),
            metric(
                "registry_pruning_held_bytes", "gauge",
                "Bytes that no image needs and that stay, by what holds them.",
                [({"by": name}, amount["bytes"]) for name, amount in held.items()],
            ),
            metric(
                "registry_content_bytes", "gauge", "Bytes of all content at the last pass.",
                [({}, (last.get("content") or {}).get("bytes", 0))],
            ),
            metric(
                "registry_pruning_last_pass_seconds", "gauge", "How long the last pass took.",
                [({}, last.get("seconds", 0))],
            ),
        )
    )  # fmt: skip
