"""Errors: one form, one table, no secrets and no traces."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from registry.model import errors, upstream_errors
from registry.model.errors import RegistryError, StorageFull
from registry.services.instance import Instance
from registry.web.errors import STATUSES
from tests.conftest import Client
from tests.http.support import ABSENT, IMAGE, assert_error, codes, put_manifest, start

CODES = {
    "BLOB_UNKNOWN": {404},
    "BLOB_UPLOAD_INVALID": {400},
    "BLOB_UPLOAD_UNKNOWN": {404},
    "DENIED": {403},
    "DIGEST_INVALID": {400},
    "MANIFEST_BLOB_UNKNOWN": {400, 404},
    "MANIFEST_INVALID": {400},
    "MANIFEST_UNKNOWN": {404},
    "MANIFEST_UNVERIFIED": {400},
    "NAME_INVALID": {400},
    "NAME_UNKNOWN": {404},
    "PAGINATION_NUMBER_INVALID": {400},
    "RANGE_INVALID": {416},
    "SIZE_INVALID": {400, 413},
    "TAG_INVALID": {400, 414},
    "TOOMANYREQUESTS": {429},
    "UNAUTHORIZED": {401},
    "UNAVAILABLE": {502, 503},
    "UNKNOWN": {500, 507},
    "UNSUPPORTED": {400, 404, 405, 406, 409},
}
"""The codes of the reference and the statuses that each may come with."""


def classes() -> list[type[RegistryError]]:
    found = [
        value
        for value in (*vars(errors).values(), *vars(upstream_errors).values())
        if isinstance(value, type)
    ]
    return [kind for kind in found if issubclass(kind, RegistryError) and kind is not RegistryError]


def test_every_error_class_is_in_the_table() -> None:
    assert [kind.__name__ for kind in classes() if kind not in STATUSES] == []


def test_the_table_has_the_codes_and_statuses_of_the_specification() -> None:
    wrong = {
        kind.__name__: answer
        for kind, answer in STATUSES.items()
        if answer[0] not in CODES.get(answer[1], set())
    }
    assert wrong == {}


def test_every_error_has_the_same_form(client: Client) -> None:
    for method, path in (
        ("GET", "/v2/x"),
        ("GET", f"{IMAGE}/manifests/none"),
        ("GET", f"{IMAGE}/blobs/{ABSENT}"),
        ("GET", "/v2/docker-local/UPPER/tags/list"),
        ("DELETE", f"{IMAGE}/blobs/{ABSENT}"),
        ("PUT", f"{IMAGE}/manifests/x"),
    ):
        answer = client.request(method, path)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Length"] == str(len(answer.data))
        document = json.loads(answer.data)
        assert set(document) == {"errors"}
        for error in document["errors"]:
            assert {"code", "message"} <= set(error) <= {"code", "message", "detail"}
            assert error["code"].isupper()


def test_the_error_of_a_head_is_its_status_alone(client: Client) -> None:
    for path in (f"{IMAGE}/manifests/none", f"{IMAGE}/blobs/{ABSENT}", "/v2/x", "/nothing"):
        answer = client.request("HEAD", path)
        assert (answer.status_code, answer.data) == (404, b"")
    assert client.request("HEAD", "/v2/", anonymous=True).data == b""


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/system/ping"])
def test_probes_need_no_credentials(client: Client, path: str) -> None:
    assert client.request("GET", path, anonymous=True).status_code == 200
    assert client.get("/artifactory/api/system/ping").data == b"OK"


def test_a_defect_of_ours_says_nothing_of_itself(
    client: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("secret-of-the-code")

    monkeypatch.setattr(type(instance.store.catalog), "tags", broken)
    answer = client.get(f"{IMAGE}/tags/list")
    assert_error(answer, 500, "UNKNOWN")
    assert b"secret-of-the-code" not in answer.data
    assert b"Traceback" not in answer.data


def test_a_full_disk_is_507(
    client: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageFull("the storage is full; free space or raise the quota")

    location = start(client)
    monkeypatch.setattr(type(instance.store.uploads), "_require_space", full)
    assert_error(client.request("PATCH", location, body=b"x"), 507, "UNKNOWN")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "{{7*7}}", "${7*7}", "%(x)s", "{0}"])
def test_hostile_text_in_messages_is_data(client: Client, text: str) -> None:
    for path in (f"/v2/docker-local/{text}/tags/list", f"{IMAGE}/manifests/{text}"):
        answer = client.request("GET", path)
        assert answer.status_code in (400, 404)
        assert answer.headers["Content-Type"] == "application/json"
        assert b"49" not in answer.data.replace(text.encode(), b"")


def test_a_long_text_does_not_come_back(client: Client) -> None:
    for path in (f"{IMAGE}/manifests/{'x' * 10_000}", f"/v2/docker-local/{'X' * 10_000}/tags/list"):
        answer = client.get(path)
        assert answer.status_code == 400
        assert len(answer.data) < 1000
    answer = put_manifest(client, "1.0", b"{}", media_type="x" * 10_000)
    assert answer.status_code == 400
    assert len(answer.data) < 1000


def test_cookies_are_neither_set_nor_read(client: Client, app: Flask) -> None:
    answer = client.get("/v2/", {"Cookie": "session=x"})
    assert "Set-Cookie" not in answer.headers
    assert client.request("GET", "/v2/", {"Cookie": "session=x"}, anonymous=True).status_code == 401
    assert codes(client.get("/v2/x"))
