"""Files that a build has made: they say so themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.searched import fill, set_properties
from tests.http.support import KEY

MANIFEST = "http://localhost/artifactory/docker-local/team/app/1.0/manifest.json"
SECOND = "http://localhost/artifactory/docker-local/team/other/2.0/manifest.json"


@pytest.fixture(autouse=True)
def built(client: Client, instance: Instance) -> None:
    fill(client, instance)
    for place, number, started in (("app/1.0", "9", "999"), ("other/2.0", "10", "1000")):
        properties = f"build.name=b;build.number={number};build.timestamp={started}"
        set_properties(client, f"{KEY}/team/{place}/manifest.json", properties)


def ask(client: Client, document: Any) -> TestResponse:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return client.request("POST", "/artifactory/api/search/buildArtifacts", body=body)


@pytest.mark.parametrize(
    ("more", "uris"),
    [
        ({"buildNumber": "9"}, [MANIFEST]),
        ({"buildNumber": "10"}, [SECOND]),
        ({"buildNumber": "LATEST"}, [SECOND]),
        ({"buildNumber": "LATEST", "repos": [KEY], "mappings": [], "buildStatus": None}, [SECOND]),
    ],
)
def test_what_a_build_has_made(client: Client, more: dict[str, Any], uris: list[str]) -> None:
    answer = ask(client, {"buildName": "b", **more})
    assert answer.status_code == 200
    assert answer.get_json() == {"results": [{"downloadUri": uri} for uri in uris]}
    kind = "application/vnd.org.jfrog.artifactory.search.BuildArtifactsSearchResult+json"
    assert answer.headers["Content-Type"] == kind


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        ({"buildName": "b", "buildNumber": "1"}, 404, "no files of build 'b', number '1'"),
        ({"buildName": "x", "buildNumber": "LATEST"}, 404, "no files of build 'x'"),
        ({"buildName": "b", "buildNumber": "9", "repos": ["docker-stage"]}, 404, "no files"),
        ({"buildName": "b"}, 400, "'buildName' and 'buildNumber'"),
        ({"buildName": "b", "buildNumber": 9}, 400, "'buildName' and 'buildNumber'"),
        ({"buildNumber": "9"}, 400, "'buildName' and 'buildNumber'"),
        ({"buildName": "b", "buildNumber": "9", "mappings": [{}]}, 400, "'mappings' is not"),
        ({"buildName": "b", "buildNumber": "9", "buildStatus": "ok"}, 400, "'buildStatus' is not"),
        ({"buildName": "b", "buildNumber": "9", "repos": "r"}, 400, "'repos' is a list"),
        ({"buildName": "b", "buildNumber": "9", "repos": [1]}, 400, "'repos' is a list"),
        ([], 400, "no JSON object"),
        (b"{", 400, "no JSON object"),
        (b"[" * 60_000, 400, "no JSON object"),
        (b"\xff", 400, "no JSON object"),
        (b" " * 100_000, 413, "the body may have"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_no_build_has_made(client: Client, document: Any, status: int, message: str) -> None:
    answer = ask(client, document)
    assert answer.status_code == status
    (error,) = answer.get_json()["errors"]
    assert error["status"] == status
    assert message in error["message"]
