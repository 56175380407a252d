"""Where an upstream is, by what an admin writes; and what Docker Hub calls an image."""

from __future__ import annotations

import pytest

from registry.model.names import ImageName
from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.upstream.names import cache_name, place_of
from tests.repositories.upstream.asking import IMAGE, TAG, client, definition

HUB = "https://registry-1.docker.io/v2/team/app/tags/list"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://registry.example.com", "https://registry.example.com/v2/team/app/tags/list"),
        ("https://registry.example.com/", "https://registry.example.com/v2/team/app/tags/list"),
        ("https://registry.example.com/v2", "https://registry.example.com/v2/team/app/tags/list"),
        ("https://registry.example.com/v2/", "https://registry.example.com/v2/team/app/tags/list"),
        ("HTTPS://Registry.Example.com:443", "https://registry.example.com/v2/team/app/tags/list"),
        ("http://localhost:5000", "http://localhost:5000/v2/team/app/tags/list"),
        ("http://[::1]:5000", "http://[::1]:5000/v2/team/app/tags/list"),
        (
            "https://a.example/artifactory/api/docker/hub",
            "https://a.example/artifactory/api/docker/hub/v2/team/app/tags/list",
        ),
        (
            "https://a.example/artifactory/api/docker/hub/v2/",
            "https://a.example/artifactory/api/docker/hub/v2/team/app/tags/list",
        ),
        ("https://a.example/v2/mirror", "https://a.example/v2/mirror/team/app/tags/list"),
        ("https://docker.io", HUB),
        ("https://index.docker.io/v1/", HUB),
        ("https://registry-1.docker.io", HUB),
        ("http://hub.docker.com", HUB),
    ],
)
def test_an_upstream_is_asked_at_its_place(url: str, asked: str) -> None:
    assert place_of(url).url(IMAGE, "tags/list") == asked


@pytest.mark.parametrize("url", ["", "registry.example.com", "ftp://x", "https://", "http://x:0"])
def test_what_is_no_address_is_asked_by_nobody(url: str) -> None:
    with pytest.raises(UpstreamFailed, match="'far'"):
        client(url).manifest(IMAGE, TAG)


@pytest.mark.parametrize(
    ("url", "image", "expected"),
    [
        ("https://docker.io", "alpine", "library/alpine"),
        ("https://registry-1.docker.io/", "library/alpine", "library/alpine"),
        ("https://index.docker.io", "grafana/grafana", "grafana/grafana"),
        ("https://quay.io", "alpine", "alpine"),
        ("https://docker.io.evil.example", "alpine", "alpine"),
        ("https://evil.example/docker.io", "alpine", "alpine"),
        ("", "alpine", "alpine"),
    ],
)
def test_only_docker_hub_keeps_one_part_names_in_its_library(
    url: str, image: str, expected: str
) -> None:
    name = cache_name(definition(url), ImageName(image))
    assert name == expected
    assert isinstance(name, ImageName)
