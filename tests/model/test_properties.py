from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from registry.model.properties import (
    LABEL_KEY_LIMIT,
    LABEL_VALUE_LIMIT,
    LABELS_LIMIT,
    config_labels,
    manifest_properties,
)


def labels_of(labels: Any) -> dict[str, str]:
    return config_labels(json.dumps({"config": {"Labels": labels}}).encode())


def test_labels_are_read() -> None:
    assert labels_of({"a": "b", "org.x.y": "", "ü": "€\n"}) == {"a": "b", "org.x.y": "", "ü": "€\n"}


@pytest.mark.parametrize(
    "config",
    [
        b"", b"x", b"[]", b"null", b"1", b"{}", b'{"config": null}', b'{"config": []}', b"\xff",
        b'{"config": {"Labels": null}}', b'{"config": {"Labels": []}}', b"[" * 200_000,
        b'{"config": {"Labels": "x"}}', b"PK\x03\x04", b'{"config": {"labels": {"a": "b"}}}',
        b"9" * 10_000,
    ],
    ids=range(16),
)  # fmt: skip
def test_a_config_without_labels_has_none(config: bytes) -> None:
    assert config_labels(config) == {}


def test_labels_over_the_limits_are_left_out() -> None:
    assert labels_of(
        {
            "": "empty",
            "n": 1,
            "l": ["x"],
            "k" * LABEL_KEY_LIMIT: "v",
            "k" * (LABEL_KEY_LIMIT + 1): "v",
            "long": "v" * LABEL_VALUE_LIMIT,
            "longer": "v" * (LABEL_VALUE_LIMIT + 1),
        }
    ) == {"k" * LABEL_KEY_LIMIT: "v", "long": "v" * LABEL_VALUE_LIMIT}
    assert len(labels_of({str(n): "v" for n in range(LABELS_LIMIT + 10)})) == LABELS_LIMIT


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_labels_that_are_no_text_are_left_out(text: str) -> None:
    """JSON can spell half of a surrogate pair, which no file can hold as UTF-8."""
    for labels in ({"a": text}, {text: "a"}):
        for label, value in labels_of(labels).items():
            assert (label + value).encode("utf-8")


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader_of_labels(config: bytes) -> None:
    assert isinstance(config_labels(config), dict)


def test_the_properties_have_the_names_of_artifactory() -> None:
    digest = Digest.of(b"m")
    assert manifest_properties(
        ImageName("team/app"), Tag("1.0"), digest, "type/x", "ab12", {"org.x": "y"}
    ) == {
        "artifactory.content-type": ["type/x"],
        "docker.manifest": ["1.0"],
        "docker.manifest.digest": [str(digest)],
        "docker.manifest.type": ["type/x"],
        "docker.repoName": ["team/app"],
        "sha256": ["ab12"],
        "docker.label.org.x": ["y"],
    }
