"""Words of the tests in this folder: content, manifests, uploads and what is on the disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from registry.config import Config
from tests.conftest import Client

KEY = "docker-local"
IMAGE = f"/v2/{KEY}/team/app"
"""The image that most tests push to, in the repository-path form."""

DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

ALGORITHMS = ("sha256", "sha512")
ABSENT = "sha256:" + "0" * 64

CONFIG = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
LAYER = b"layer " * 100


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def descriptor(content: bytes, media_type: str = OCI_LAYER, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def manifest_object(
    config: bytes = CONFIG,
    layers: Sequence[bytes] = (LAYER,),
    media_type: str = OCI_IMAGE,
    **more: Any,
) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(config, OCI_CONFIG),
        "layers": [descriptor(layer) for layer in layers],
        **more,
    }


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def manifest_bytes(
    config: bytes = CONFIG,
    layers: Sequence[bytes] = (LAYER,),
    media_type: str = OCI_IMAGE,
    **more: Any,
) -> bytes:
    return encoded(manifest_object(config, layers, media_type, **more))


def index_object(
    children: Sequence[bytes], media_type: str = OCI_INDEX, child_type: str = OCI_IMAGE, **more: Any
) -> dict[str, Any]:
    entries = [descriptor(child, child_type) for child in children]
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": entries, **more}


def put_blob(client: Client, data: bytes, image: str = IMAGE, algorithm: str = "sha256") -> str:
    digest = digest_of(data, algorithm)
    answer = client.request("POST", f"{image}/blobs/uploads/", body=data, query={"digest": digest})
    assert answer.status_code == 201, answer.text
    return digest


def start(client: Client, image: str = IMAGE) -> str:
    """Begin an upload and return its location."""
    answer = client.request("POST", f"{image}/blobs/uploads/")
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def put_manifest(
    client: Client,
    reference: str,
    body: bytes,
    image: str = IMAGE,
    media_type: str | None = None,
    query: list[tuple[str, str]] | None = None,
) -> TestResponse:
    kind = json.loads(body)["mediaType"] if media_type is None else media_type
    headers = {"Content-Type": kind} if kind else {}
    return client.request("PUT", f"{image}/manifests/{reference}", headers, body, query=query)


def push(client: Client, reference: str, body: bytes, image: str = IMAGE) -> str:
    """Push a manifest whose parts are there, and return its digest."""
    answer = put_manifest(client, reference, body, image)
    assert answer.status_code == 201, answer.text
    return answer.headers["Docker-Content-Digest"]


def push_image(
    client: Client,
    reference: str = "1.0",
    image: str = IMAGE,
    config: bytes = CONFIG,
    layers: Sequence[bytes] = (LAYER,),
    **more: Any,
) -> bytes:
    """Push an image with its blobs, and return the manifest."""
    for data in (config, *layers):
        put_blob(client, data, image)
    body = manifest_bytes(config, layers, **more)
    push(client, reference, body, image)
    return body


def codes(answer: TestResponse) -> list[str]:
    """Return the codes of an error answer, and assert that it has the form of one."""
    assert answer.headers.get("Content-Type", "").partition(";")[0] == "application/json", (
        f"{answer.status_code} is no error in JSON"
    )
    errors = json.loads(answer.data)["errors"]
    assert errors
    assert all(isinstance(error["message"], str) and error["message"] for error in errors)
    return [error["code"] for error in errors]


def assert_error(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, set(codes(answer))) == (status, {code}), answer.text


def challenge_of(answer: TestResponse) -> dict[str, str]:
    """Return the parameters of the Bearer challenge of a 401."""
    assert answer.status_code == 401, (answer.status_code, answer.text)
    values = answer.headers.getlist("WWW-Authenticate")
    assert len(values) == 1
    scheme, _, rest = values[0].partition(" ")
    assert scheme == "Bearer"
    found = {}
    for part in rest.split('",'):
        name, _, value = part.partition("=")
        found[name] = value.strip('"')
    return found


def get_token(client: Client, *scopes: str, path: str = "/v2/token") -> str:
    answer = client.request("GET", path, query=[("scope", scope) for scope in scopes])
    assert answer.status_code == 200, answer.text
    return str(json.loads(answer.data)["token"])


def tree(
    folder: Path, but: Sequence[str] = ("locks", "journal", "pulls", "storage-summary.json")
) -> set[str]:
    """Return every name below a folder; files of ours that only grow are left out.

    So is when somebody has logged in, and what was last heard of upstreams: every first request
    leaves the one, and every first question the other.
    """
    names = (path.relative_to(folder) for path in folder.rglob("*"))
    found = {str(name) for name in names if name.parts[0] not in but}
    return {name for name in found if not name.startswith(("etc/logins/", "upstreams/"))}


def journal(config: Config) -> list[dict[str, Any]]:
    """Return the events of the journal, oldest first."""
    files = sorted(Path(config.storage_root, "journal").iterdir())
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]
