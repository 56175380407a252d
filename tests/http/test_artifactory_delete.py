"""DELETE below ``/artifactory``: what a path names, as Artifactory's clients delete."""

from __future__ import annotations

from pathlib import Path

from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import IMAGE, LAYER, digest_of, push, push_image
from tests.http.test_delete import tags

TREE = "/artifactory/docker-local"


def test_a_tag_goes_with_its_manifest(client: Client) -> None:
    body = push_image(client)
    push(client, "2.0", body)
    other = push_image(client, "other", layers=[b"other"])
    assert client.request("DELETE", f"{TREE}/team/app/1.0").status_code == 204
    assert client.get(f"{IMAGE}/manifests/{digest_of(body)}").data == body
    assert client.request("DELETE", f"{TREE}/team/app/2.0/").status_code == 204
    assert client.get(f"{IMAGE}/manifests/2.0").status_code == 404
    assert client.get(f"{IMAGE}/manifests/{digest_of(body)}").status_code == 404
    assert client.get(f"{IMAGE}/manifests/other").data == other
    assert tags(client) == ["other"]


def test_an_image_goes_and_those_below_it(client: Client) -> None:
    for image in ("team/app", "team/app/sub", "team/apple", "other"):
        push_image(client, image=f"/v2/docker-local/{image}")
    assert client.request("DELETE", f"{TREE}/team/app").status_code == 204
    assert client.get("/v2/_catalog").json == {
        "repositories": ["docker-local/other", "docker-local/team/apple"]
    }
    assert client.get(f"{IMAGE}/tags/list").status_code == 404
    assert client.request("DELETE", f"{TREE}/team").status_code == 204
    assert client.get("/v2/_catalog").json == {"repositories": ["docker-local/other"]}


def test_a_folder_that_is_a_tag_and_an_image(client: Client) -> None:
    push_image(client, "b", image="/v2/docker-local/a")
    push_image(client, "c", image="/v2/docker-local/a/b")
    assert client.request("DELETE", f"{TREE}/a/b").status_code == 204
    assert client.get("/v2/_catalog").json == {"repositories": []}


def test_what_is_not_there(client: Client) -> None:
    push_image(client)
    for path in ("team/app/none", "none", "team/app/1.0/none.json", "team/ap"):
        answer = client.request("DELETE", f"{TREE}/{path}")
        assert answer.status_code == 404, path
        assert answer.json is not None
        assert answer.json["errors"][0]["status"] == 404
    assert client.request("DELETE", "/artifactory/docker-none/x").status_code == 404
    assert client.request("DELETE", f"{TREE}/UPPER").status_code == 404
    assert tags(client) == ["1.0"]


def test_pulls_of_what_shares_content_go_on(client: Client) -> None:
    push_image(client)
    push_image(client, image="/v2/docker-local/other")
    client.request("DELETE", f"{TREE}/team/app")
    answer = client.get(f"/v2/docker-local/other/blobs/{digest_of(LAYER)}")
    assert answer.data == LAYER


def test_metrics(client: Client, instance: Instance, storage: Path) -> None:
    push_image(client)
    client.request("DELETE", f"{TREE}/team/app")
    first = client.get("/metrics")
    assert first.headers["Content-Type"].startswith("text/plain")
    assert "registry_pruning_passes_total 0\n" in first.text
    instance.pruning.run()
    text = client.get("/metrics").text
    assert "registry_pruning_passes_total 1\n" in text
    assert 'registry_pruning_held_bytes{by="trash"}' in text
    size = sum(p.stat().st_size for p in (storage / "filestore").rglob("*") if p.is_file())
    assert f"registry_content_bytes {size}\n" in text
