"""Promotion through the host, the port and the path of a repository behind nginx."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.http.support import CONFIG, OCI_IMAGE, manifest_bytes
from tests.proxy.fronts import STAGE, Front
from tests.proxy.wire import FrontWire

LAYER = b"promoted behind a proxy"


def test_an_image_goes_on_to_another_repository(
    wire: FrontWire, front: Front, fronts: Mapping[str, Front]
) -> None:
    for data in (CONFIG, LAYER):
        wire.push_blob(data, wire.image)
    body = manifest_bytes(layers=[LAYER])
    put = wire.ask(
        "PUT", f"{wire.image}/manifests/{front.method}", f"Content-Type: {OCI_IMAGE}", body=body
    )
    assert put.status == 201
    image = wire.image.removeprefix("/v2/").removeprefix(f"{wire.key}/")
    asked = {"targetRepo": STAGE, "dockerRepository": image, "tag": front.method}
    route = f"/v2/{wire.key}/promote" if front.method == "path" else "/v2/promote"
    reply = wire.ask("POST", route, body=json.dumps(asked).encode())
    assert (reply.status, reply.body) == (200, b"Promotion ended successfully")
    with FrontWire(front, STAGE) as there:
        found = there.ask("GET", f"{there.image}/manifests/{front.method}")
        assert (found.status, found.body) == (200, body)
    assert wire.ask("GET", f"{wire.image}/manifests/{front.method}").status == 404


def test_by_the_path_alone_nobody_knows_from_where(fronts: Mapping[str, Front]) -> None:
    with FrontWire(fronts["path"]) as wire:
        reply = wire.ask("POST", "/v2/promote", body=b"{}")
        assert reply.status == 404
        assert "sub-domain" in json.loads(reply.body)["errors"][0]["message"]
