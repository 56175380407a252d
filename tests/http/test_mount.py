"""Mounting blobs of other images, with and without saying from where."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import ABSENT, IMAGE, LAYER, get_token, push_image, put_blob, tree

SOURCE = "/v2/docker-local/base"
INNER = "/artifactory/api/docker/docker-local/v2"


def mount(client: Client, digest: str, image: str = IMAGE, **query: str) -> TestResponse:
    return client.request("POST", f"{image}/blobs/uploads/", query={"mount": digest, **query})


def assert_mounted(client: Client, answer: TestResponse, digest: str, image: str = IMAGE) -> None:
    assert (answer.status_code, answer.data) == (201, b"")
    assert answer.headers["Location"] == f"{image}/blobs/{digest}"
    assert answer.headers["Docker-Content-Digest"] == digest
    assert client.get(f"{image}/blobs/{digest}").data == LAYER


def assert_session(client: Client, answer: TestResponse, digest: str, image: str = IMAGE) -> None:
    """The answer must be an ordinary upload; clients then cancel it or send the blob."""
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith(f"{image}/blobs/uploads/")
    assert answer.headers["Range"] == "0-0"
    assert "Docker-Content-Digest" not in answer.headers
    assert client.get(f"{image}/blobs/{digest}").status_code in (404, 401)
    assert client.request("DELETE", answer.headers["Location"]).status_code == 204


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_from_another_image(client: Client, storage: Path, algorithm: str) -> None:
    digest = put_blob(client, LAYER, SOURCE, algorithm)
    answer = mount(client, digest, **{"from": "docker-local/base", "origin": "docker.io"})
    assert_mounted(client, answer, digest)
    assert tree(storage / "uploads") == set()


def test_from_another_repository(client: Client, instance: Instance) -> None:
    instance.definitions.create(RepositoryKey("docker-second"), "local", {})
    digest = put_blob(client, LAYER, "/v2/docker-second/base")
    assert_mounted(client, mount(client, digest, **{"from": "docker-second/base"}), digest)


def test_a_mounted_blob_outlives_its_source(client: Client) -> None:
    digest = put_blob(client, LAYER, SOURCE)
    mount(client, digest, **{"from": "docker-local/base"})
    client.request("DELETE", f"{SOURCE}/blobs/{digest}")
    assert client.get(f"{IMAGE}/blobs/{digest}").data == LAYER


def test_without_from_images_that_may_be_read_are_searched(client: Client) -> None:
    push_image(client, image=SOURCE)
    digest = put_blob(client, LAYER, SOURCE)
    assert_mounted(client, mount(client, digest), digest)


@pytest.mark.parametrize(
    "source",
    [
        "docker-local/missing",
        "no-such-key/base",
        "base",
        "docker-local",
        "docker-local/",
        "/docker-local/base",
        "docker-local//base",
        "docker-local/BASE",
        "docker-local/../docker-local/base",
        "docker-local/base/",
        "docker-local/base\0",
        "x" * 10_000,
    ],
)
def test_an_unusable_source_is_an_ordinary_upload(client: Client, source: str) -> None:
    digest = put_blob(client, LAYER, SOURCE)
    assert_session(client, mount(client, digest, **{"from": source}), digest)


def test_an_unknown_blob_is_an_ordinary_upload(client: Client) -> None:
    put_blob(client, LAYER, SOURCE)
    assert_session(client, mount(client, ABSENT, **{"from": "docker-local/base"}), ABSENT)
    assert_session(client, mount(client, ABSENT), ABSENT)


def test_the_token_must_allow_to_pull_from_the_source(client: Client) -> None:
    push_image(client, image=SOURCE)
    digest = put_blob(client, LAYER, SOURCE)
    target, source = "repository:docker-local/team/app:pull,push", "repository:docker-local/base"
    for scopes in ((target,), (target, f"{source}:push"), (target, f"{source}2:pull")):
        limited = client.with_token(get_token(client, *scopes))
        assert_session(limited, mount(limited, digest, **{"from": "docker-local/base"}), digest)
    both = client.with_token(get_token(client, target, f"{source}:pull"))
    assert_mounted(both, mount(both, digest, **{"from": "docker-local/base"}), digest)


def test_the_challenge_names_both_scopes(client: Client) -> None:
    query = {"mount": ABSENT, "from": "docker-local/base"}
    answer = client.request("POST", f"{IMAGE}/blobs/uploads/", query=query, anonymous=True)
    assert (
        'scope="repository:docker-local/team/app:pull,push repository:docker-local/base:pull"'
        in answer.headers["WWW-Authenticate"]
    )


def test_a_key_form_names_its_source_without_the_key(client: Client) -> None:
    digest = put_blob(client, LAYER, SOURCE)
    answer = mount(client, digest, f"{INNER}/team/app", **{"from": "base"})
    assert_mounted(client, answer, digest, f"{INNER}/team/app")


def test_podman_sends_the_colon_encoded(client: Client) -> None:
    digest = put_blob(client, LAYER, SOURCE)
    path = f"{IMAGE}/blobs/uploads/?from=docker-local%2Fbase&mount={digest.replace(':', '%3A')}"
    assert_mounted(client, client.request("POST", path), digest)


def test_without_from_a_token_for_the_target_alone_finds_nothing(client: Client) -> None:
    """Otherwise a token for one image could fetch any blob that its user may read."""
    push_image(client, image=SOURCE)
    digest = put_blob(client, LAYER, SOURCE)
    target = "repository:docker-local/team/app:pull,push"
    limited = client.with_token(get_token(client, target))
    assert_session(limited, mount(limited, digest), digest)

    both = client.with_token(get_token(client, f"{target} repository:docker-local/base:pull"))
    assert_mounted(both, mount(both, digest), digest)
