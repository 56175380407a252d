"""Repositories as trees of files: downloading, deploying and deleting by path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from registry.config import Config
from tests.conftest import Client
from tests.http.support import CONFIG, LAYER, digest_of, encoded, manifest_bytes, push_image, tree

CONTENT = "/artifactory/docker-local"
STORAGE = "/artifactory/api/storage/docker-local"
TAG = "team/app/1.0"
MANIFEST = f"{CONTENT}/{TAG}/manifest.json"


def file_name(data: bytes = LAYER) -> str:
    return digest_of(data).replace(":", "__")


NO_HEADERS: Mapping[str, str] = {}
LAYER_FILE = f"{CONTENT}/{TAG}/{file_name()}"


class TestDownload:
    @pytest.mark.parametrize("prefix", ["/artifactory", ""])
    def test_a_file_comes_with_its_checksums(self, client: Client, prefix: str) -> None:
        body = push_image(client)
        for name, data in (("manifest.json", body), (file_name(), LAYER)):
            for method, shown in (("GET", data), ("HEAD", b"")):
                answer = client.request(method, f"{prefix}/docker-local/{TAG}/{name}")
                assert (answer.status_code, answer.data) == (200, shown)
                sha1 = hashlib.sha1(data).hexdigest()
                assert answer.headers["ETag"] == sha1
                assert answer.headers["X-Checksum-Sha1"] == sha1
                assert answer.headers["X-Checksum-Md5"] == hashlib.md5(data).hexdigest()
                assert answer.headers["X-Checksum-Sha256"] == hashlib.sha256(data).hexdigest()
                assert answer.headers["Content-Length"] == str(len(data))
                assert answer.headers["Accept-Ranges"] == "bytes"
                assert answer.headers["X-Artifactory-Filename"] == name
                assert answer.headers["Last-Modified"].endswith(" GMT")
                assert f'filename="{name}"' in answer.headers["Content-Disposition"]

    @pytest.mark.parametrize("name", ["manifest.json", file_name()])
    def test_a_range_is_a_part(self, client: Client, name: str) -> None:
        body = push_image(client)
        data = body if name == "manifest.json" else LAYER
        answer = client.get(f"{CONTENT}/{TAG}/{name}", {"Range": "bytes=5-9"})
        assert (answer.status_code, answer.data) == (206, data[5:10])
        assert answer.headers["Content-Range"] == f"bytes 5-9/{len(data)}"
        answer = client.get(f"{CONTENT}/{TAG}/{name}", {"Range": f"bytes={len(data)}-"})
        assert answer.status_code == 416

    def test_who_has_it_is_told_so(self, client: Client) -> None:
        body = push_image(client)
        sha1 = hashlib.sha1(body).hexdigest()
        for known in (sha1, f'"{sha1}"', f"x, {sha1}"):
            assert client.get(MANIFEST, {"If-None-Match": known}).status_code == 304
        assert client.get(MANIFEST, {"If-None-Match": "other"}).status_code == 200

    @pytest.mark.parametrize("kind", ["sha1", "md5", "sha256"])
    def test_a_checksum_is_a_file_beside(self, client: Client, kind: str) -> None:
        body = push_image(client)
        answer = client.get(f"{MANIFEST}.{kind}")
        assert answer.text == hashlib.new(kind, body).hexdigest()
        assert client.get(f"{CONTENT}/{TAG}/absent.{kind}").status_code == 404

    def test_properties_guard_a_file(self, client: Client) -> None:
        push_image(client)
        put = client.request("PUT", f"{STORAGE}/{TAG}/manifest.json?properties=a=1,2")
        assert put.status_code == 204
        for parameters, status in (
            (";a=1", 200), (";a=3", 404), (";b=1", 200), (";b+=1", 404), (";a+=2", 200)
        ):  # fmt: skip
            assert client.get(f"{MANIFEST}{parameters}").status_code == status, parameters

    def test_a_folder_is_a_page(self, client: Client) -> None:
        push_image(client)
        answer = client.get(f"{CONTENT}/team/app/")
        assert answer.headers["Content-Type"].startswith("text/html")
        assert f'href="http://localhost{CONTENT}/{TAG}/"' in answer.text

    @pytest.mark.parametrize(
        "path", ["absent", f"{TAG}/absent", "team/app/_layers", f"{TAG}/../../x", "a%00b", "%2e%2e"]
    )
    def test_what_is_not_there(self, client: Client, path: str) -> None:
        push_image(client)
        answer = client.get(f"{CONTENT}/{path}")
        assert answer.status_code in (400, 404)
        assert json.loads(answer.data)["errors"][0]["status"] == answer.status_code

    def test_words_of_other_paths_are_no_repositories(self, client: Client) -> None:
        for path in ("/v2/absent/x", "/api/absent/x", "/artifactory/api/absent", "/ui/x"):
            assert client.get(path).status_code == 404, path


def deploy(
    client: Client,
    path: str,
    data: bytes = b"",
    status: int = 201,
    headers: Mapping[str, str] = NO_HEADERS,
) -> dict[str, object]:
    answer = client.request("PUT", f"{CONTENT}/{path}", headers, data)
    assert answer.status_code == status, answer.text
    found: dict[str, object] = json.loads(answer.data)
    return found


class TestDeploy:
    def test_layers_and_a_manifest_make_an_image(self, client: Client, config: Config) -> None:
        body = manifest_bytes()
        for data in (CONFIG, LAYER):
            found = deploy(client, f"{TAG}/{file_name(data)};a=1", data)
            assert found["size"] == str(len(data))
            assert client.get(f"{STORAGE}/{TAG}/{file_name(data)}").status_code == 200
        found = deploy(client, f"{TAG}/manifest.json;build.name=b;build.number=7", body)
        assert found["downloadUri"] == f"http://localhost{MANIFEST}"
        pulled = client.get("/v2/docker-local/team/app/manifests/1.0")
        assert (pulled.status_code, pulled.data) == (200, body)
        assert client.get(f"/v2/docker-local/team/app/blobs/{digest_of(LAYER)}").data == LAYER
        properties = json.loads(client.get(f"{STORAGE}/{TAG}/manifest.json?properties").data)
        assert properties["properties"]["build.number"] == ["7"]
        names = {
            path.name for path in Path(config.storage_root, "artifacts/docker-local", TAG).iterdir()
        }
        assert names == {"manifest.json", "manifest.json.properties.json", file_name(),
                         file_name(CONFIG)}  # fmt: skip

    def test_known_content_needs_no_bytes(self, client: Client) -> None:
        body = push_image(client)
        known = "X-Checksum-Deploy"
        sums = {"X-Checksum-Sha256": hashlib.sha256(LAYER).hexdigest()}
        deploy(client, f"other/2.0/{file_name()}", headers={known: "true"} | sums)
        client.get(f"{STORAGE}/{TAG}/{file_name(CONFIG)}")
        sums = {"X-Checksum-Sha1": hashlib.sha1(CONFIG).hexdigest()}
        deploy(client, f"other/2.0/{file_name(CONFIG)}", headers={known: "true"} | sums)
        deploy(client, "other/2.0/manifest.json", body, headers={known: "false"})
        assert client.get("/v2/docker-local/other/manifests/2.0").data == body

    def test_unknown_content_is_not_there(self, client: Client) -> None:
        path = f"{TAG}/{file_name()}"
        for headers, status in (
            ({"X-Checksum-Sha256": hashlib.sha256(LAYER).hexdigest()}, 404),
            ({"X-Checksum-Sha1": hashlib.sha1(LAYER).hexdigest()}, 404),
            ({}, 400),
            ({"X-Checksum-Sha256": "zz"}, 400),
        ):
            deploy(client, path, status=status, headers={"X-Checksum-Deploy": "true"} | headers)

    @pytest.mark.parametrize("kind", ["sha1", "md5", "sha256"])
    @pytest.mark.parametrize("bare", [False, True])
    def test_bytes_with_another_checksum_are_refused_and_not_kept(
        self, client: Client, config: Config, kind: str, bare: bool
    ) -> None:
        before = tree(Path(config.storage_root))
        header = "X-Checksum" if bare else f"X-Checksum-{kind.capitalize()}"
        wrong = {header: hashlib.new(kind, b"other").hexdigest()}
        deploy(client, f"{TAG}/{file_name()}", LAYER, 409, wrong)
        assert tree(Path(config.storage_root)) <= before | {"checksums", "uploads"}
        deploy(client, f"{TAG}/{file_name()}", b"other bytes", 409)
        assert tree(Path(config.storage_root)) <= before | {"checksums", "uploads"}

    def test_the_checksums_that_a_client_states_are_kept(self, client: Client) -> None:
        stated = {
            "X-Checksum-Sha1": hashlib.sha1(LAYER).hexdigest(),
            "X-Checksum-Sha256": hashlib.sha256(LAYER).hexdigest(),
            "X-Checksum": hashlib.md5(LAYER).hexdigest(),
            "X-Checksum-Deploy": "false",
        }
        found = deploy(client, f"{TAG}/{file_name()}", LAYER, headers=stated)
        assert found["originalChecksums"] == found["checksums"]

    @pytest.mark.parametrize(
        "path",
        [
            "file.txt",
            "team/app/file.txt",
            f"{TAG}/readme.md",
            "Team/app/1.0/manifest.json",
            "app/manifest.json",
            f"{TAG}/_layers/x",
            f"team/app/a b/{file_name()}",
        ],
    )
    def test_a_docker_repository_has_no_place_for_other_files(
        self, client: Client, config: Config, path: str
    ) -> None:
        before = tree(Path(config.storage_root))
        deploy(client, path.replace(" ", "%20"), b"data", 400)
        assert tree(Path(config.storage_root)) == before

    def test_a_folder_can_be_made_and_removed(self, client: Client) -> None:
        for _ in range(2):
            found = deploy(client, "new/folder/")
            assert found["children"] == []
        assert client.get(f"{STORAGE}/new/folder").status_code == 200
        assert client.get(f"{STORAGE}/new").status_code == 200
        deploy(client, "new/folder/;a=1;b=2;")
        found = json.loads(client.get(f"{STORAGE}/new/folder?properties").data)
        assert found["properties"] == {"a": ["1"], "b": ["2"]}
        assert client.request("DELETE", f"{CONTENT}/new/").status_code == 204
        assert client.get(f"{STORAGE}/new").status_code == 404

    def test_a_manifest_without_its_layers_is_refused(self, client: Client) -> None:
        deploy(client, f"{TAG}/manifest.json", manifest_bytes(), 404)
        deploy(client, f"{TAG}/manifest.json", b"no manifest", 400)

    def test_archives_are_not_taken_apart(self, client: Client) -> None:
        deploy(client, f"{TAG}/x", b"", 400, {"X-Explode-Archive": "true"})

    def test_unknown_repositories_take_nothing(self, client: Client) -> None:
        answer = client.request("PUT", f"/artifactory/absent/{TAG}/manifest.json", (), b"{}")
        assert answer.status_code == 404


class TestDelete:
    @pytest.mark.parametrize("path", [TAG, f"{TAG}/", f"{TAG}/manifest.json", "team", "team/app/"])
    def test_what_a_path_names_is_gone_at_once(self, client: Client, path: str) -> None:
        push_image(client)
        assert client.request("DELETE", f"{CONTENT}/{path}").status_code == 204
        assert client.get("/v2/docker-local/team/app/manifests/1.0").status_code == 404
        assert client.request("DELETE", f"{CONTENT}/{path}").status_code == 404

    def test_tags_in_capitals_can_be_deleted(self, client: Client) -> None:
        push_image(client, "V1_Beta")
        assert client.request("DELETE", f"{CONTENT}/team/app/V1_Beta").status_code == 204

    def test_a_digest_folder_can_be_deleted(self, client: Client) -> None:
        body = push_image(client)
        push_image(client, annotations={"other": "image"})
        folder = digest_of(body).replace(":", "%3A")
        assert client.request("DELETE", f"{CONTENT}/team/app/{folder}").status_code == 204
        assert (
            client.get(f"/v2/docker-local/team/app/manifests/{digest_of(body)}").status_code == 404
        )
        assert client.get("/v2/docker-local/team/app/manifests/1.0").status_code == 200

    def test_a_layer_goes_with_its_manifest_only(self, client: Client) -> None:
        push_image(client)
        assert client.request("DELETE", LAYER_FILE).status_code == 405
        deployed = f"{CONTENT}/team/app/2.0/{file_name(b'x')}"
        assert client.request("PUT", deployed, (), b"x").status_code == 201
        assert client.request("DELETE", deployed).status_code == 204
        assert client.get(deployed).status_code == 404


def test_a_sidecar_keeps_all_properties_of_its_folder(client: Client, config: Config) -> None:
    push_image(client)
    assert client.request("PUT", f"{STORAGE}/{TAG}?properties=a=1").status_code == 204
    path = Path(config.storage_root, "artifacts/docker-local", TAG, "manifest.json.properties.json")
    document = json.loads(path.read_text())
    assert document["folderProperties"] == {"a": ["1"]}
    assert document["fileProperties"][file_name()] == {"a": ["1"]}
    assert document["properties"]["a"] == ["1"]
    assert encoded(document)
