"""Clients that take this registry for a mirror of another one say which, and are told so."""

from __future__ import annotations

import pytest

from tests.conftest import Client
from tests.http.support import push_image

PATH = "/v2/docker-local/team/app/manifests/1.0"


@pytest.mark.parametrize("namespace", ["docker.io", "ghcr.io", "localhost:5000"])
def test_the_namespace_is_confirmed(client: Client, namespace: str) -> None:
    push_image(client)
    answer = client.get(f"{PATH}?ns={namespace}")
    assert answer.status_code == 200
    assert answer.headers["OCI-Namespace"] == namespace


def test_without_a_namespace_none_is_confirmed(client: Client) -> None:
    push_image(client)
    assert "OCI-Namespace" not in client.get(PATH).headers
    assert "OCI-Namespace" not in client.get(f"{PATH}?columns=1").headers


@pytest.mark.parametrize("hostile", ["a%0d%0aX-Evil:%201", "%00", "a/b", "", "x" * 300])
def test_what_is_no_host_is_ignored(client: Client, hostile: str) -> None:
    push_image(client)
    answer = client.get(f"{PATH}?ns={hostile}")
    assert answer.status_code == 200
    assert "OCI-Namespace" not in answer.headers
    assert "X-Evil" not in answer.headers
