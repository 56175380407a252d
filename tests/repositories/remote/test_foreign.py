"""Foreign layers: from the addresses of a manifest that the cache has, where patterns allow it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, StorageFailed
from registry.model.names import Tag
from registry.repositories.definition import definition_of
from registry.repositories.remote.foreign import is_allowed
from tests.http.support import descriptor, encoded, manifest_object
from tests.repositories.remote.conftest import IMAGE, Make, read
from tests.repositories.remote.fakes import FakeUpstream

URL = "https://layers.example.com/windows/base.tar.gz"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
LAYER = os.urandom(600_000)
DIGEST = Digest.of(LAYER)
ON = {"externalDependenciesEnabled": True}


@pytest.fixture(autouse=True)
def image(upstream: FakeUpstream) -> None:
    document = manifest_object(layers=())
    document["layers"] = [descriptor(LAYER, FOREIGN, urls=[URL])]
    upstream.add(IMAGE, "1.0", encoded(document))
    upstream.foreign[URL] = LAYER


def test_a_foreign_layer_comes_from_its_own_address(make: Make, upstream: FakeUpstream) -> None:
    remote = make(**ON)
    remote.manifest(IMAGE, Tag("1.0"))
    assert remote.blob(IMAGE, DIGEST).size == len(LAYER)
    assert read(remote.blob(IMAGE, DIGEST, fetch=True)) == LAYER
    assert f"GET foreign {URL}" in upstream.questions


@pytest.mark.parametrize(
    "fields", [{}, {**ON, "externalDependenciesPatterns": ["**/other.example.com/**"]}]
)
def test_without_leave_it_is_unknown_and_nobody_is_asked(
    make: Make, upstream: FakeUpstream, fields: dict[str, Any]
) -> None:
    remote = make(**fields)
    remote.manifest(IMAGE, Tag("1.0"))
    for fetch in (False, True):
        with pytest.raises(BlobUnknown):
            remote.blob(IMAGE, DIGEST, fetch=fetch)
    assert upstream.asked["GET foreign"] == 0


def test_addresses_count_only_from_a_manifest_that_the_cache_has(
    make: Make, upstream: FakeUpstream
) -> None:
    with pytest.raises(BlobUnknown):
        make(**ON).blob(IMAGE, DIGEST, fetch=True)
    assert upstream.asked["GET foreign"] == 0


def test_a_foreign_layer_with_another_digest_is_not_kept(
    make: Make, upstream: FakeUpstream
) -> None:
    remote = make(**ON)
    remote.manifest(IMAGE, Tag("1.0"))
    upstream.foreign[URL] = LAYER[:-1] + bytes([LAYER[-1] ^ 1])
    with pytest.raises(StorageFailed):
        read(remote.blob(IMAGE, DIGEST, fetch=True))


@pytest.mark.parametrize(
    ("pattern", "url", "allowed"),
    [
        ("**", URL, True),
        ("**/layers.example.com/**", URL, True),
        ("layers.example.com/**", URL, True),
        ("https://layers.example.com/**", URL, True),
        ("**/LAYERS.example.com/**", "https://layers.EXAMPLE.com/a", True),
        ("**/*.example.com/**", URL, True),
        ("**/layers.example.com/**", "https://layers.example.com:443/a", True),
        ("**/layers.example.com/**", "https://layers.example.com./a", True),
        ("layers.example.com:8443/**", "https://layers.example.com:8443/a", True),
        ("http://layers.example.com/**", URL, False),
        ("**/layers.example.com/**", "https://layers.example.com:8443/a", False),
        ("**/layers.example.com/**", "https://layers.example.com@evil.example/a", False),
        ("**/layers.example.com/**", "https://user:word@layers.example.com/a", False),
        ("**/layers.example.com/**", "https://evil.example/layers.example.com/a", False),
        ("**/layers.example.com/**", "https://layers.example.com.evil.example/a", False),
        ("**/layers.example.com/**", "https://evil.example/#/layers.example.com/a", False),
        ("**/layers.example.com/**", "https://evil.example\\@layers.example.com/a", False),
        ("layers.example.com/public/**", "https://layers.example.com/public/../secret", False),
        ("layers.example.com/public/**", "https://layers.example.com/public/%2e%2e/x", False),
        ("layers.example.com/public/**", "https://layers.example.com/private/x", False),
        ("**", "file:///etc/passwd", False),
        ("**", "ftp://layers.example.com/a", False),
        ("**", "https://layers.example.com:99999/a", False),
        ("**", "https:///a", False),
        ("**", "nonsense", False),
    ],
)
def test_c4_patterns_are_over_the_address_that_is_really_asked(
    pattern: str, url: str, allowed: bool
) -> None:
    fields = {**ON, "externalDependenciesPatterns": [pattern]}
    definition = definition_of({"key": "remote", "rclass": "remote", "url": "https://u", **fields})
    assert is_allowed(definition, url) is allowed


def test_c4_foreign_layers_are_off_by_default() -> None:
    definition = definition_of({"key": "remote", "rclass": "remote", "url": "https://u"})
    assert not is_allowed(definition, URL)
