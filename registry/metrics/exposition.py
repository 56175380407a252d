"""The text format of Prometheus. Source: Prometheus, "Exposition formats", text format 0.0.4."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]
Sample = tuple[Labels, float]

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def counter(name: str, meaning: str, samples: Iterable[Sample]) -> str:
    """Return something that only grows; ``name`` ends in ``_total``."""
    return _family(name, "counter", meaning, samples)


def gauge(name: str, meaning: str, samples: Iterable[Sample]) -> str:
    """Return something that goes up and down."""
    return _family(name, "gauge", meaning, samples)


def histogram(
    name: str,
    meaning: str,
    bounds: Sequence[float],
    samples: Iterable[tuple[Labels, Sequence[int], float]],
) -> str:
    """Return how often what was measured: for each sample the count of each bucket, and the sum.

    There is one bucket more than there are bounds, for what is above the last one.
    """
    lines = _head(name, "histogram", meaning)
    texts = [*map(_number, bounds), "+Inf"]
    for labels, buckets, total in samples:
        counts = list(itertools.accumulate(buckets))
        lines += [
            _line(f"{name}_bucket", {**labels, "le": bound}, count)
            for bound, count in zip(texts, counts, strict=True)
        ]
        lines += [_line(f"{name}_sum", labels, total), _line(f"{name}_count", labels, counts[-1])]
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> str:
    lines = _head(name, kind, meaning)
    lines += [_line(name, labels, value) for labels, value in samples]
    return "\n".join(lines) + "\n"


def _head(name: str, kind: str, meaning: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]


def _line(name: str, labels: Labels, value: float) -> str:
    shown = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {_number(value)}" if shown else f"{name} {_number(value)}"


def _number(value: float) -> str:
    """Return a number with all its digits, whole ones without a fraction."""
    return str(int(value)) if value == int(value) else repr(float(value))
