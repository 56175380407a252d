"""A registry with images to be searched, and the words in which the tests ask for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from registry.config import Config
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.support import (
    CONFIG,
    KEY,
    LAYER,
    digest_of,
    encoded,
    index_object,
    manifest_bytes,
    push,
    push_image,
)

OTHER = "/v2/docker-local/team/other"
STAGE = "/v2/docker-stage/team/app"
IMAGE = manifest_bytes()
HEX = digest_of(IMAGE).partition(":")[2]
INDEX = encoded(index_object([IMAGE]))
CONFIG_NAME = digest_of(CONFIG).replace(":", "__")
LAYER_NAME = digest_of(LAYER).replace(":", "__")
SECOND = b"another layer"
SECOND_NAME = digest_of(SECOND).replace(":", "__")

APP = {f"{KEY}/team/app/1.0/{name}" for name in ("manifest.json", CONFIG_NAME, LAYER_NAME)}
CHILD = {
    f"{KEY}/team/app/sha256:{HEX}/{name}" for name in ("manifest.json", CONFIG_NAME, LAYER_NAME)
}
LIST = {f"{KEY}/team/app/multi/list.manifest.json"}
TWO = {f"{KEY}/team/other/2.0/{name}" for name in ("manifest.json", CONFIG_NAME, SECOND_NAME)}
STAGED = {
    f"docker-stage/team/app/1.0/{name}" for name in ("manifest.json", CONFIG_NAME, LAYER_NAME)
}
EVERYTHING = APP | CHILD | LIST | TWO | STAGED


def fill(client: Client, instance: Instance) -> None:
    """Push what is searched; ``docker`` shows what is in ``docker-local``."""
    instance.definitions.create(RepositoryKey("docker-stage"), "local", {})
    instance.definitions.create(RepositoryKey("docker"), "virtual", {"repositories": [KEY]})
    push_image(client)
    push(client, digest_of(IMAGE), IMAGE)
    push(client, "multi", INDEX)
    push_image(client, "2.0", OTHER, layers=[SECOND], annotations={"x": "y"})
    push_image(client, image=STAGE)


def filled_registry(prepared: Path, folder: Path, *, indexed: bool = False) -> Iterator[Client]:
    """Yield a client of a registry that has been filled, and let go of it."""
    storage = shutil.copytree(prepared, folder / "storage")
    for instance in opened(Config(storage_root=str(storage))):
        client = Client(make_application(instance))
        if indexed:
            # Then everything is pushed after the index was built, and has to be taken in.
            instance.store.index.build()
        fill(client, instance)
        yield client


def aql(client: Client, query: str, **more: Any) -> TestResponse:
    """Ask as ``dohq-artifactory`` does: without a type of the body."""
    return client.request("POST", "/artifactory/api/search/aql", body=query.encode(), **more)


def rows(client: Client, query: str) -> list[dict[str, Any]]:
    answer = aql(client, query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.get_json()
    assert document.keys() == {"results", "range"}
    results: list[dict[str, Any]] = document["results"]
    assert document["range"]["end_pos"] - document["range"]["start_pos"] == len(results)
    return results


def places(client: Client, query: str) -> set[str]:
    """Return where everything is that a query finds; nothing may be found twice."""
    found = [f"{row['repo']}/{row['path']}/{row['name']}" for row in rows(client, query)]
    assert len(set(found)) == len(found)
    return set(found)


def set_properties(client: Client, place: str, properties: str) -> None:
    path = f"/artifactory/api/storage/{place}?properties={properties}"
    assert client.request("PUT", path).status_code == 204
