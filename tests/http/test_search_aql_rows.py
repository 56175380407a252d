"""What is in the rows of an answer in AQL, and in which order they come."""

from __future__ import annotations

import pytest

from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.searched import (
    APP,
    CHILD,
    CONFIG_NAME,
    EVERYTHING,
    HEX,
    LAYER_NAME,
    aql,
    fill,
    places,
    rows,
    set_properties,
)
from tests.http.support import IMAGE as PULLED
from tests.http.support import KEY

USUAL = ["repo", "path", "name", "type", "size", "created", "created_by", "modified", "modified_by"]


@pytest.fixture(autouse=True, params=[False, True], ids=["tree", "index"])
def filled(request: pytest.FixtureRequest, client: Client, instance: Instance) -> None:
    if request.param:
        instance.store.index.build()
    fill(client, instance)


def test_the_rows_without_include(client: Client) -> None:
    (row,) = rows(client, 'items.find({"repo":"docker-local","path":"team/app/multi"})')
    assert list(row) == [*USUAL, "updated"]
    assert (row["repo"], row["path"], row["name"]) == (KEY, "team/app/multi", "list.manifest.json")
    assert (row["type"], row["created_by"], row["modified_by"]) == ("file", "admin", "admin")
    assert isinstance(row["size"], int)
    for name in ("created", "modified", "updated"):
        assert row[name][10] == "T"
        assert row[name].endswith("Z")
        assert len(row[name]) == 24


def test_the_rows_that_cleanup_asks_for(client: Client) -> None:
    query = (
        'items.find({"repo":"docker-local","path":"team/app/1.0"}).include("*","property","stat")'
    )
    found = {row["name"]: row for row in rows(client, query)}
    row = found["manifest.json"]
    assert row["sha256"] == HEX
    assert (len(row["actual_sha1"]), len(row["actual_md5"])) == (40, 32)
    assert (row["original_sha1"], row["original_md5"]) == (row["actual_sha1"], row["actual_md5"])
    assert (row["depth"], isinstance(row["id"], int)) == (4, True)
    assert {"key": "docker.manifest", "value": "1.0"} in row["properties"]
    # Where there is nothing, there is no list: clients take its first element.
    assert all("stats" not in row for row in found.values())


def test_pulls_are_downloads_of_all_that_was_pulled(client: Client) -> None:
    never = 'items.find({"repo":"docker-local","stat.downloads":null,"path":"team/app/1.0"})'
    assert places(client, never) == APP
    for reference in ("1.0", f"sha256:{HEX}"):
        assert client.get(f"{PULLED}/manifests/{reference}").status_code == 200
    assert client.request("HEAD", f"{PULLED}/manifests/1.0").status_code == 200
    assert places(client, never) == set()
    query = 'items.find({"stat.downloads":{"$gte":1}}).include("repo","path","name","stat")'
    assert places(client, query) == APP | CHILD
    by_path = {row["path"]: row["stats"] for row in rows(client, query)}
    # The tag was pulled by its name and by its digest; the digest as both.
    for (stats,) in by_path.values():
        assert (stats["downloads"], stats["downloaded_by"]) == (2, "admin")
        assert stats["downloaded"].endswith("Z")
    assert len(by_path) == 2
    only = 'items.find({"repo":"docker","name":"manifest.json"}).include("path","stat.downloads")'
    shown = {row["path"]: row.get("stats") for row in rows(client, only)}
    assert shown["team/app/1.0"] == [{"downloads": 2}]
    assert shown["team/other/2.0"] is None


def test_folders_are_there_if_they_are_asked_for(client: Client) -> None:
    found = places(client, 'items.find({"path":{"$match":"**"},"type":{"$eq":"any"}})')
    folders = {
        f"{KEY}/./.", "docker-stage/./.", f"{KEY}/./team", f"{KEY}/team/app", f"{KEY}/team/app/1.0",
        f"{KEY}/team/app/sha256:{HEX}", f"{KEY}/team/app/multi", f"{KEY}/team/other",
        f"{KEY}/team/other/2.0", "docker-stage/./team", "docker-stage/team/app",
        "docker-stage/team/app/1.0",
    }  # fmt: skip
    assert found == folders | EVERYTHING
    assert places(client, 'items.find({"type":"folder"})') == folders


def test_what_include_leaves_out_is_not_there(client: Client) -> None:
    query = 'items.find({"repo":"docker","path":"team/app/1.0"}).include("name","@docker.manifest")'
    found = {row.pop("name"): row for row in rows(client, query)}
    assert found["manifest.json"] == {"properties": [{"key": "docker.manifest", "value": "1.0"}]}
    assert found[LAYER_NAME] == found[CONFIG_NAME] == {}
    (row,) = rows(
        client, 'items.find({"name":"list.manifest.json"}).include("virtual_repos","name")'
    )
    assert row == {"name": "list.manifest.json", "virtual_repos": ["docker"]}


def test_every_value_of_a_property_has_a_row(client: Client) -> None:
    set_properties(client, f"{KEY}/team/other/2.0/manifest.json", "k=a,b")
    (row,) = rows(
        client, 'items.find({"path":"team/other/2.0","name":"manifest.json"}).include("@k")'
    )
    assert row["properties"] == [{"key": "k", "value": "a"}, {"key": "k", "value": "b"}]


def test_pages_of_a_sorted_answer(client: Client) -> None:
    query = 'items.find({"repo":"docker-local"}).sort({"$desc":["size","name"]})'
    whole = rows(client, query)
    order = [(row["size"], row["name"]) for row in whole]
    assert order == sorted(order, reverse=True)
    pages = []
    for offset in range(0, len(whole) + 4, 4):
        answer = aql(client, f"{query}.offset({offset}).limit(4)").get_json()
        pages += answer["results"]
        assert answer["range"] == {
            "start_pos": offset,
            "end_pos": offset + len(answer["results"]),
            "total": len(whole),
            "limit": 4,
        }
    assert pages == whole
    assert aql(client, f"{query}.limit(0)").get_json()["results"] == []
    assert "limit" not in aql(client, query).get_json()["range"]


def test_without_sort_the_order_is_the_same_each_time(client: Client) -> None:
    whole = rows(client, "items.find()")
    assert [
        row for n in range(len(whole)) for row in rows(client, f"items.find().offset({n}).limit(1)")
    ] == whole


def test_files_of_a_build_are_those_that_say_so(client: Client) -> None:
    set_properties(client, f"{KEY}/team/app/1.0/manifest.json", "build.name=b;build.number=1")
    query = 'items.find({"artifact.module.build.name":"b","artifact.module.build.number":"1"})'
    assert places(client, query) == {f"{KEY}/team/app/1.0/manifest.json"}


def test_what_was_pushed_is_found_at_once_and_what_was_deleted_no_longer(client: Client) -> None:
    query = 'items.find({"repo":"docker-stage","@docker.manifest":"1.0"})'
    assert len(rows(client, query)) == 1
    assert client.request("DELETE", "/artifactory/docker-stage/team/app/1.0").status_code == 204
    assert rows(client, query) == []


def test_a_search_that_would_take_too_long_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two criteria, with the type that nobody names; each item is compared with all."""
    query = 'items.find({"repo":{"$match":"*"}})'
    monkeypatch.setattr("registry.services.searching.WORK_LIMIT", 2 * len(EVERYTHING))
    assert len(rows(client, query)) == len(EVERYTHING)
    monkeypatch.setattr("registry.services.searching.WORK_LIMIT", 2 * len(EVERYTHING) - 1)
    answer = aql(client, query)
    assert answer.status_code == 400
    assert "too much to compare" in answer.get_json()["errors"][0]["message"]


def test_damaged_downloads_are_said_and_not_taken_for_none(
    client: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever deletes what nobody has downloaded must not be told that of everything."""
    with open(instance.store.layout.pull_totals("2024-05-01"), "w") as file:
        file.write("{")
    monkeypatch.setattr("registry.web.artifactory.aql._PIECE", 4)
    for query in ('items.find({"stat.downloads":null})', 'items.find().include("stat")'):
        answer = aql(client, query)
        assert answer.status_code == 500
        assert answer.get_json()["errors"][0]["status"] == 500
    assert aql(client, "items.find()").status_code == 200


def test_a_long_answer_comes_in_pieces(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = aql(client, "items.find()").get_json()
    monkeypatch.setattr("registry.web.artifactory.aql._PIECE", 4)
    answer = aql(client, "items.find()")
    assert "Content-Length" not in answer.headers
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.get_json() == whole


def test_checksums_that_would_take_too_long_are_left_out(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = (
        'items.find({"repo":"docker-local","path":"team/app/1.0"}).include("name","actual_sha1")'
    )
    monkeypatch.setattr("registry.services.aql.HASHED_LIMIT", 500)
    found = {row["name"]: row.get("actual_sha1") for row in rows(client, query)}
    assert found["manifest.json"] is not None
    assert found[LAYER_NAME] is None
    monkeypatch.undo()
    sums = {row["name"]: row["actual_sha1"] for row in rows(client, query)}
    found_again = places(client, f'items.find({{"actual_sha1":"{sums[CONFIG_NAME]}"}})')
    assert {place.rpartition("/")[2] for place in found_again} == {CONFIG_NAME}
    assert len(found_again) == 4
