"""The text that Prometheus reads, read by Prometheus's own library."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from registry.metrics.exposition import counter, gauge, histogram


def samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    """Read a text, and return name, labels and value of each sample."""
    (family,) = text_string_to_metric_families(text)
    return [(one.name, one.labels, one.value) for one in family.samples]


@pytest.mark.parametrize(
    "value", [0, 1, -5, 0.1, 1234567890123, 2**53, 1e-9, 123456.789, 1e300, 33 / 7]
)
def test_numbers_keep_all_their_digits(value: float) -> None:
    assert samples(gauge("x", "meaning", [({}, value), ({"a": "b"}, value)])) == [
        ("x", {}, value),
        ("x", {"a": "b"}, value),
    ]


@pytest.mark.parametrize("text", ["", "plain", 'a"b', "a\\b", "a\nb", "\\n", '\\"', "ä€", "a,b={}"])
def test_any_text_can_be_a_label(text: str) -> None:
    found = samples(counter("x_total", "meaning", [({"a": text, "b": "c"}, 1)]))
    assert found == [("x_total", {"a": text, "b": "c"}, 1)]


def test_a_family_without_samples_is_there() -> None:
    (family,) = text_string_to_metric_families(gauge("x", "meaning", []))
    assert (family.name, family.documentation, family.type) == ("x", "meaning", "gauge")


def test_the_buckets_of_a_histogram_add_up() -> None:
    text = histogram("x", "meaning", (0.5, 1.0), [({"route": "a"}, (1, 2, 3), 7.5)])
    found = {
        (name, labels.get("le")): value
        for name, labels, value in samples(text)
        if labels["route"] == "a"
    }
    assert found == {
        ("x_bucket", "0.5"): 1,
        ("x_bucket", "1"): 3,
        ("x_bucket", "+Inf"): 6,
        ("x_sum", None): 7.5,
        ("x_count", None): 6,
    }
