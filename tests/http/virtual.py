"""Words of the tests of virtual and remote repositories: members, upstreams, and who answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from werkzeug.test import TestResponse

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import CONFIG, LAYER, manifest_bytes
from tests.support.upstream import ScriptedUpstream

LOCAL = RepositoryKey("docker-local")
OTHER = RepositoryKey("other-local")
ONE = RepositoryKey("one")
TWO = RepositoryKey("two")
DOCKER = RepositoryKey("docker")
APP = "team/app"
ABSENT = "team/absent"
MEMBER = "X-Registry-Member"

Upstreams = dict[RepositoryKey, ScriptedUpstream]


@contextmanager
def members(instance: Instance, **fields: Any) -> Iterator[Upstreams]:
    """Have the virtual repository ``docker`` over two local ones and two remote ones.

    Yields the upstreams of these. ``fields`` are those of the virtual one.
    """
    with ExitStack() as stack:
        upstreams = {key: stack.enter_context(ScriptedUpstream()) for key in (ONE, TWO)}
        instance.definitions.create(OTHER, "local", {})
        for key, upstream in upstreams.items():
            remote = {"url": upstream.url, "socketTimeoutMillis": 5000}
            instance.definitions.create(key, "remote", remote)
        keys = [ONE, LOCAL, TWO, OTHER]
        virtual = {"repositories": keys, "defaultDeploymentRepo": LOCAL} | fields
        instance.definitions.create(DOCKER, "virtual", virtual)
        yield upstreams


def offer(
    upstream: ScriptedUpstream,
    image: str = APP,
    tag: str = "1.0",
    layers: tuple[bytes, ...] = (LAYER,),
    **more: Any,
) -> bytes:
    """Have a whole image upstream; return its manifest."""
    body = manifest_bytes(CONFIG, layers, **more)
    for data in (CONFIG, *layers):
        upstream.blob(image, data)
    upstream.manifest(image, tag, body)
    return body


def note(text: str) -> dict[str, Any]:
    """Return what makes a manifest another one."""
    return {"annotations": {"note": text}}


def manifest(
    client: Client, reference: str = "1.0", image: str = APP, key: str = DOCKER
) -> TestResponse:
    return client.get(f"/v2/{key}/{image}/manifests/{reference}")


def blob(client: Client, digest: str, image: str = APP, key: str = DOCKER) -> TestResponse:
    return client.get(f"/v2/{key}/{image}/blobs/{digest}")


def given(answer: TestResponse) -> tuple[str | None, bytes]:
    """Return who answered, and what."""
    assert answer.status_code == 200, answer.text
    return answer.headers.get(MEMBER), answer.data


def tags(client: Client, image: str = APP, key: str = DOCKER, query: str = "") -> list[str]:
    answer = client.get(f"/v2/{key}/{image}/tags/list{query}")
    assert answer.status_code == 200, answer.text
    return list(json.loads(answer.data)["tags"])


def catalog(client: Client, key: str = DOCKER, query: str = "") -> list[str]:
    answer = client.get(f"/api/docker/{key}/v2/_catalog{query}")
    assert answer.status_code == 200, answer.text
    return list(json.loads(answer.data)["repositories"])
