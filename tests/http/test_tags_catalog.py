"""Lists and their pages."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    IMAGE,
    assert_error,
    digest_of,
    push,
    push_image,
    put_blob,
    put_manifest,
)

TAGS = ["1.0", "1.0-rc", "10", "2.0", "A", "Z", "_x", "a", "latest", "z.properties.json"]
LINK = re.compile(r'<(?P<path>/[^>]*)>; rel="next"')


@pytest.fixture(params=["tree", "index"], autouse=True)
def source(request: pytest.FixtureRequest, instance: Instance) -> None:
    """Lists are the same before the index has been built and after it."""
    if request.param == "index":
        instance.store.index.build()


@pytest.fixture
def tagged(client: Client) -> Client:
    body = push_image(client, "1.0")
    put_manifest(client, digest_of(body), body, query=[("tag", tag) for tag in TAGS])
    return client


def listed(answer: TestResponse, name: str = "tags") -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    document: dict[str, Any] = answer.json or {}
    found: list[str] = document[name]
    return found


def joined(found: list[list[str]]) -> list[str]:
    return list(itertools.chain.from_iterable(found))


def pages(client: Client, path: str, name: str) -> Iterator[list[str]]:
    """Follow the links from page to page."""
    while path:
        answer = client.get(path)
        yield listed(answer, name)
        link = LINK.fullmatch(answer.headers.get("Link", ""))
        path = link["path"] if link else ""


def test_all_tags_in_byte_order(tagged: Client) -> None:
    answer = tagged.get(f"{IMAGE}/tags/list")
    assert answer.json == {"name": "docker-local/team/app", "tags": sorted(TAGS)}
    assert "Link" not in answer.headers
    head = tagged.request("HEAD", f"{IMAGE}/tags/list")
    assert head.data == b""
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]


@pytest.mark.parametrize("size", [1, 3, len(TAGS) - 1, len(TAGS), len(TAGS) + 1])
def test_pages(tagged: Client, size: int) -> None:
    found = list(pages(tagged, f"{IMAGE}/tags/list?n={size}", "tags"))
    assert joined(found) == sorted(TAGS)
    assert all(len(page) == size for page in found[:-1])
    assert 0 < len(found[-1]) <= size


@pytest.mark.parametrize(
    "last", ["", "0", "1.0", "1.0z", "A", "b", "zzz", "é", "~", "%", "\0", "../"]
)
def test_last_is_exclusive_and_need_not_exist(tagged: Client, last: str) -> None:
    answer = tagged.request("GET", f"{IMAGE}/tags/list", query={"last": last})
    assert listed(answer) == sorted(tag for tag in TAGS if tag > last)
    assert "Link" not in answer.headers
    answer = tagged.request("GET", f"{IMAGE}/tags/list", query={"last": last, "n": "2"})
    assert listed(answer) == sorted(tag for tag in TAGS if tag > last)[:2]


def test_a_page_of_nothing(tagged: Client) -> None:
    for path, name in ((f"{IMAGE}/tags/list", "tags"), ("/v2/_catalog", "repositories")):
        answer = tagged.get(f"{path}?n=0")
        assert listed(answer, name) == []
        assert "Link" not in answer.headers


@pytest.mark.parametrize("n", ["x", "-1", "1.5", "1e3", " 1", "+1", "٣", "0x10", "1;2", "\0"])
def test_sizes_that_are_no_numbers(tagged: Client, n: str) -> None:
    for path in (f"{IMAGE}/tags/list", "/v2/_catalog"):
        answer = tagged.request("GET", path, query={"n": n})
        assert_error(answer, 400, "PAGINATION_NUMBER_INVALID")


@pytest.mark.parametrize("n", ["1000000000", "1" + "0" * 30, "9" * 5000])
def test_b4_huge_sizes_are_no_harm(tagged: Client, n: str) -> None:
    for path, name in ((f"{IMAGE}/tags/list", "tags"), ("/v2/_catalog", "repositories")):
        answer = tagged.get(f"{path}?n={n}")
        if answer.status_code == 200:
            assert 0 < len(listed(answer, name)) <= 1000
        else:
            assert_error(answer, 400, "PAGINATION_NUMBER_INVALID")


def test_more_tags_than_a_page_may_have(client: Client) -> None:
    body = push_image(client, "first")
    names = {"first"}
    for block in range(26):
        tags = [f"t{block}-{number}" for number in range(40)]
        put_manifest(client, digest_of(body), body, query=[("tag", tag) for tag in tags])
        names.update(tags)
    found = list(pages(client, f"{IMAGE}/tags/list?n=100000", "tags"))
    assert [len(page) for page in found] == [1000, 41]
    assert joined(found) == sorted(names)
    assert listed(client.get(f"{IMAGE}/tags/list")) == sorted(names)


def test_unknown_image(client: Client) -> None:
    assert_error(client.get(f"{IMAGE}/tags/list"), 404, "NAME_UNKNOWN")
    put_blob(client, b"x")
    assert_error(client.get(f"{IMAGE}/tags/list"), 404, "NAME_UNKNOWN")
    push_image(client, image=f"{IMAGE}/child")
    assert_error(client.get(f"{IMAGE}/tags/list"), 404, "NAME_UNKNOWN")
    assert_error(client.get("/v2/docker-local/team/tags/list"), 404, "NAME_UNKNOWN")


def test_an_image_without_tags(client: Client) -> None:
    body = push_image(client)
    push(client, digest_of(body), body)
    client.request("DELETE", f"{IMAGE}/manifests/1.0")
    assert client.get(f"{IMAGE}/tags/list").json == {"name": "docker-local/team/app", "tags": []}


IMAGES = ["a", "a-b", "a.b", "a/b", "a/b/c", "a0", "b/c", "sha256__x", "z"]
KEYS = ["docker-local", "docker-local-2", "docker.local", "docker", "zzz"]


@pytest.fixture
def filled(client: Client, instance: Instance) -> tuple[Client, list[str]]:
    names = []
    for key in KEYS:
        if key != "docker-local":
            instance.definitions.create(RepositoryKey(key), "local", {})
        for image in IMAGES if key in ("docker-local", "docker") else IMAGES[:1]:
            push_image(client, "1.0", f"/v2/{key}/{image}")
            names.append(f"{key}/{image}")
    return client, sorted(names)


@pytest.mark.parametrize("size", [1, 2, 4, 9, 100])
def test_catalog_pages(filled: tuple[Client, list[str]], size: int) -> None:
    client, names = filled
    assert listed(client.get("/v2/_catalog"), "repositories") == names
    found = list(pages(client, f"/v2/_catalog?n={size}", "repositories"))
    assert joined(found) == names
    assert all(len(page) == size for page in found[:-1])
    for last in [
        *names,
        "",
        "docker",
        "docker-local/",
        "docker/a/",
        "docker/zz",
        "e",
        "zzzz",
        "\0",
    ]:
        answer = client.request("GET", "/v2/_catalog", query={"last": last})
        assert listed(answer, "repositories") == [name for name in names if name > last], last


@pytest.mark.parametrize(
    "form",
    [
        "/artifactory/api/docker/docker-local/v2",
        "/artifactory/api/docker/docker-local",
        "/api/docker/docker-local/v2",
        "/api/docker/docker-local",
        "/v2",
    ],
)
def test_the_next_page_has_the_path_that_the_client_used(
    filled: tuple[Client, list[str]], form: str
) -> None:
    answer = filled[0].get(f"{form}/_catalog?n=2&whatever=1")
    last = listed(answer, "repositories")[-1].replace("/", "%2F")
    assert answer.headers["Link"] == f'<{form}/_catalog?n=2&last={last}>; rel="next"'


@pytest.mark.parametrize(
    "form",
    ["/v2/docker-local", "/artifactory/api/docker/docker-local/v2", "/api/docker/docker-local/v2"],
)
def test_the_next_tags_have_the_path_that_the_client_used(tagged: Client, form: str) -> None:
    path = f"{form}/team/app/tags/list"
    answer = tagged.get(f"{path}?n=2")
    assert answer.headers["Link"] == f'<{path}?n=2&last={listed(answer)[-1]}>; rel="next"'
    assert joined(list(pages(tagged, f"{path}?n=3", "tags"))) == sorted(TAGS)


def test_any_accept_header_is_fine_for_lists(tagged: Client) -> None:
    for accept in ("application/json", "text/html", "application/vnd.oci.image.index.v1+json", "x"):
        for path, name in ((f"{IMAGE}/tags/list", "tags"), ("/v2/_catalog", "repositories")):
            assert listed(tagged.get(path, {"Accept": accept}), name)


def test_what_was_deleted_is_in_no_list(tagged: Client) -> None:
    assert tagged.request("DELETE", f"{IMAGE}/manifests/latest").status_code == 202
    assert listed(tagged.get(f"{IMAGE}/tags/list")) == sorted({*TAGS} - {"latest"})
    assert tagged.request("DELETE", "/artifactory/docker-local/team/app").status_code == 204
    assert listed(tagged.get("/v2/_catalog"), "repositories") == []
    assert_error(tagged.get(f"{IMAGE}/tags/list"), 404, "NAME_UNKNOWN")


@pytest.mark.parametrize("prefix", ["/artifactory/api/docker", "/api/docker"])
def test_catalog_of_one_repository(filled: tuple[Client, list[str]], prefix: str) -> None:
    client, _ = filled
    path = f"{prefix}/docker-local/v2/_catalog"
    found = list(pages(client, f"{path}?n=4", "repositories"))
    assert joined(found) == sorted(IMAGES)
    assert listed(client.get(f"{prefix}/docker-local/_catalog"), "repositories") == sorted(IMAGES)
    assert_error(client.get(f"{prefix}/no-such-key/v2/_catalog"), 404, "NAME_UNKNOWN")


def test_an_empty_catalog(client: Client) -> None:
    assert client.get("/v2/_catalog").json == {"repositories": []}
    put_blob(client, b"no manifest")
    assert client.get("/v2/_catalog").json == {"repositories": []}


@pytest.mark.parametrize(
    "path",
    [
        "/v2/_catalog", "/v2/_catalog/", "//v2/_catalog", "/v2//_catalog", "/v2/./_catalog",
        "/artifactory/api/docker/docker-local/v2/_catalog", "/api/docker/docker-local/_catalog",
    ],
)  # fmt: skip
def test_a11_nobody_reads_a_catalog_by_another_path(client: Client, path: str) -> None:
    """Advisory class of Harbor CVE-2020-29662."""
    push_image(client)
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        answer = client.request(method, path, anonymous=True)
        assert answer.status_code in (401, 404, 405)
        assert b"team" not in answer.data
