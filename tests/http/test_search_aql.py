"""The queries that clients really send, on images that were pushed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Client
from tests.http.searched import (
    APP,
    CHILD,
    EVERYTHING,
    HEX,
    LIST,
    STAGED,
    TWO,
    filled_registry,
    places,
)
from tests.http.support import KEY

JF_FIELDS = (
    '.include("name","repo","path","actual_md5","actual_sha1","sha256","size","type","modified",'
    '"created","property")'
)


@pytest.fixture(scope="module", params=[False, True], ids=["tree", "index"])
def filled(
    request: pytest.FixtureRequest,
    prepared_storage: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Client]:
    """A client of one registry for all tests here, which change nothing."""
    folder = tmp_path_factory.mktemp("searched")
    yield from filled_registry(prepared_storage, folder, indexed=request.param)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("items.find()", EVERYTHING),
        ("items.find({})", EVERYTHING),
        # jf search, copy, delete and set-props by a pattern.
        (
            '{"path":{"$ne":"."},"$or":[{"$and":[{"repo":"docker-local","path":"team/app/1.0",'
            '"name":{"$match":"*"}}]}]}',
            APP,
        ),
        # The same with properties and exclusions.
        (
            '{"path":{"$ne":"."},"$or":[{"$and":[{"repo":"docker-local","path":{"$match":"team/*"},'
            '"name":{"$match":"manifest.json"}}]}],"$and":[{"@docker.manifest":{"$match":"*.0"}}],'
            '"$and":[{"@docker.repoName":{"$ne":"team/other"}}]}',
            {f"{KEY}/team/app/1.0/manifest.json"},
        ),
        (
            '{"repo":"docker-local","name":"manifest.json",'
            '"$or":[{"path":{"$nmatch":"team/other*"},"name":{"$nmatch":"manifest*"}}]}',
            {f"{KEY}/team/app/1.0/manifest.json", f"{KEY}/team/app/sha256:{HEX}/manifest.json"},
        ),
        # jf by build: nothing was built.
        ('{"artifact.module.build.name":"b","artifact.module.build.number":"1"}', set()),
        (
            '{"repo":"artifactory-build-info","type":"file","path":{"$match":"b"}}',
            set(),
        ),
        # jf docker push: candidates with and without the first part; then the platforms of a list.
        ('{"repo":"docker-local","path":{"$match":"team/app/1.0"}}', APP),
        ('{"repo":"docker-local","path":{"$match":"app/1.0"}}', set()),
        ('{"repo":"docker-local","path":{"$match":"team/app/*"}}', APP | CHILD | LIST),
        ('{"$or":[{"$and":[{"repo":"docker-local","path":{"$eq":"team/app/1.0"}}]}]}', APP),
        (
            f'{{"repo":"docker-local","$or":[{{"path":{{"$eq":"team/app/multi"}}}},'
            f'{{"path":{{"$eq":"team/app/sha256:{HEX}"}}}}]}}',
            LIST | CHILD,
        ),
        (f'{{"repo":"docker-local","path":"team/app/sha256__{HEX}"}}', CHILD),
        (
            '{"repo":"docker-local","path":{"$match":"team/app*","$nmatch":"team/app/_uploads"}}',
            APP | CHILD | LIST,
        ),
        (
            f'{{"name":"manifest.json","@sha256":"{HEX}",'
            f'"@docker.manifest.digest":"sha256:{HEX}","repo":"docker-local"}}',
            {f"{KEY}/team/app/1.0/manifest.json", f"{KEY}/team/app/sha256:{HEX}/manifest.json"},
        ),
        # A virtual repository stands for its members; a result has the key where it is.
        ('{"repo":"docker"}', APP | CHILD | LIST | TWO),
        ('{"repo":"docker","path":"team/app/1.0"}', APP),
        ('{"repo":"unknown"}', set()),
        ('{"repo":{"$match":"docker-st*"}}', STAGED),
        # dohq.
        (
            '{"name":"manifest.json","path":{"$match":"team/app/1.0"},"repo":{"$eq":"docker-local"}}',
            {f"{KEY}/team/app/1.0/manifest.json"},
        ),
        # artifactory-cleanup.
        (
            '{"$and":[{"repo":{"$eq":"docker-local"}},{"created":{"$gt":"2024-04-01"}},'
            '{"name":{"$match":"manifest.json"}},{"path":{"$match":"team/app/*"}},'
            '{"path":{"$nmatch":"*/latest"}}]}',
            {f"{KEY}/team/app/1.0/manifest.json", f"{KEY}/team/app/sha256:{HEX}/manifest.json"},
        ),
        ('{"$and":[{"repo":{"$eq":"docker-local"}},{"created":{"$lt":"2024-04-01"}}]}', set()),
        ('{"$or":[{"repo":"docker-stage"}]}', STAGED),
        (
            '{"$and":[{"property.key":{"$eq":"docker.manifest"}},{"property.value":{"$eq":"2.0"}}]}',
            {f"{KEY}/team/other/2.0/manifest.json"},
        ),
        (
            '{"@docker.manifest":"*","repo":"docker-stage"}',
            {"docker-stage/team/app/1.0/manifest.json"},
        ),
    ],
)  # fmt: skip
def test_queries_of_clients(filled: Client, query: str, found: set[str]) -> None:
    text = query if query.startswith("items") else f"items.find({query})"
    assert places(filled, text) == found
    assert places(filled, f"{text}{JF_FIELDS}") == found
    assert places(filled, f'{text}.include("*","property","stat")') == found


@pytest.mark.parametrize(
    "path",
    [
        "/artifactory/api/search/aql",
        "/api/search/aql",
        "/api/search//aql",
        "/artifactory/api/search//aql",
        "/artifactory/api/search/aql/",
    ],
)
@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json"]
)
def test_any_form_of_the_address_and_any_type_will_do(filled: Client, path: str, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    body = b'items.find({"name":"list.manifest.json"}).include("name")'
    answer = filled.request("POST", path, headers, body)
    assert answer.status_code == 200
    assert answer.get_json()["results"] == [{"name": "list.manifest.json"}]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "AQL, line 1, column 1: 'items.find(…)' is expected"),
        (b"builds.find({})", 400, "only items can be searched"),
        (b'items.find({"nme":"x"})', 400, "there is no field 'nme'"),
        (b'items.find({"name":{"$is":"x"}})', 400, "there is no operator '$is'"),
        (b"\xff", 400, "not in UTF-8"),
        (b"x" * 2_000_000, 413, "the body may have"),
    ],
)  # fmt: skip
def test_what_is_no_query(filled: Client, body: bytes, status: int, message: str) -> None:
    answer = filled.request("POST", "/artifactory/api/search/aql", body=body)
    assert answer.status_code == status
    (error,) = answer.get_json()["errors"]
    assert error["status"] == status
    assert message in error["message"]
