"""From the figures of the rounds to the table and to JSON."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.workload import Metric

SIDES = ("ours", "peer", "machine")


@dataclass
class Row:
    """One metric with the figures of all rounds for each side."""

    workload: str
    metric: Metric
    figures: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})

    def median(self, side: str) -> float | None:
        """The middle figure of ``side``, if it has any."""
        return statistics.median(self.figures[side]) if self.figures[side] else None

    def best(self, side: str) -> float | None:
        """The best figure of ``side``, the one least disturbed by others on the machine."""
        if not self.figures[side]:
            return None
        return (max if self.metric.higher_is_better else min)(self.figures[side])

    def ratio(self) -> float | None:
        """How many times better ours is than the peer, by medians."""
        return self._ratio(self.median("ours"), self.median("peer"))

    def best_ratio(self) -> float | None:
        """How many times better ours is than the peer, by the best rounds."""
        return self._ratio(self.best("ours"), self.best("peer"))

    def share(self) -> float | None:
        """What part of the machine's own figure ours reaches, by medians."""
        return self._ratio(self.median("ours"), self.median("machine"))

    def met(self) -> bool | None:
        """Whether all that is wanted is reached; None where nothing is, or without a figure."""
        pairs = [(self.ratio(), self.metric.goal), (self.share(), self.metric.share)]
        results = [a >= b for a, b in pairs if a is not None and b is not None]
        ours = self.median("ours")
        if self.metric.limit is not None and ours is not None:
            results.append(ours < self.metric.limit)
        return all(results) if results else None

    def document(self) -> dict[str, Any]:
        """The row as it stands in the JSON file."""
        sides = {
            side: {
                "median": self.median(side),
                "best": self.best(side),
                "rounds": self.figures[side],
            }
            for side in SIDES
        }
        return {
            "workload": self.workload,
            "metric": self.metric.key,
            "title": self.metric.title.strip(),
            "unit": self.metric.unit,
            **sides,
            "ratio": self.ratio(),
            "best_ratio": self.best_ratio(),
            "goal_ratio": self.metric.goal,
            "share": self.share(),
            "goal_share": self.metric.share,
            "limit": self.metric.limit,
            "met": self.met(),
        }

    def _ratio(self, ours: float | None, peer: float | None) -> float | None:
        if not ours or not peer:
            return None
        return ours / peer if self.metric.higher_is_better else peer / ours


def table(rows: Iterable[Row]) -> str:
    """All rows as text in columns."""
    lines = [("workload", "ours", "peer", "ratio", "best", "target", "", "machine")]
    for row in rows:
        metric = row.metric
        lines.append(
            (
                metric.title,
                _figure(row.median("ours"), metric.unit),
                _figure(row.median("peer"), metric.unit),
                _times(row.ratio()),
                _times(row.best_ratio()),
                _target(metric),
                {True: "met", False: "missed", None: ""}[row.met()],
                _figure(row.median("machine"), metric.unit),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        text.append("  ".join(cells).rstrip())
    text.insert(1, "-" * max(len(line) for line in text))
    return "\n".join(text)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f} {unit}"
    return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3}f} {unit}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"


def _target(metric: Metric) -> str:
    wanted = []
    if metric.limit is not None:
        wanted.append(f"< {metric.limit:g} {metric.unit}")
    if metric.goal is not None:
        wanted.append(f">= {metric.goal:g}x")
    if metric.share is not None:
        wanted.append(f">= {metric.share:g} of machine")
    return ", ".join(wanted)
