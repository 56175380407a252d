"""A client of the registry in another network, a program of its own: ``visitor.py MODE FOLDER``.

FOLDER has ``ca.crt`` and ``password``, and takes files as signals. ``rounds`` pushes and pulls
until ``stop`` is there, and says how often, and what did not work. ``slowly`` uploads the
bytes of a blob, and waits for ``go`` in the middle of them. The last line of the output is JSON.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any

HOST = "registry.example.com"
IMAGE = "/v2/docker-local/team/visited"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

_PATIENCE = 60.0


class Visitor:
    """One client, with a connection for each request, so that every request may meet a change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        pair = f"alice:{(folder / 'password').read_text()}".encode()
        self._authorization = f"Basic {base64.b64encode(pair).decode()}"

    def rounds(self) -> dict[str, Any]:
        """Push and pull until told to stop."""
        done, wrong = 0, []
        while not (self._folder / "stop").exists():
            try:
                self._round()
            except (OSError, http.client.HTTPException, AssertionError) as error:
                wrong.append(repr(error))
            done += 1
            (self._folder / "round").write_text(str(done))
        return {"rounds": done, "wrong": wrong}

    def _round(self) -> None:
        config, layer = b"{}", os.urandom(100_000)
        for data in (config, layer):
            self._ask(201, "POST", f"{IMAGE}/blobs/uploads/?digest={_digest(data)}", data)
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
        body = json.dumps(manifest).encode()
        self._ask(201, "PUT", f"{IMAGE}/manifests/latest", body, {"Content-Type": _MANIFEST})
        assert self._ask(200, "GET", f"{IMAGE}/manifests/latest") == body
        assert self._ask(200, "GET", f"{IMAGE}/blobs/{_digest(layer)}") == layer

    def slowly(self) -> dict[str, Any]:
        """Send the bytes of a blob with a pause in their middle."""
        data = os.urandom(2_000_000)
        middle = len(data) // 2
        connection = self._connect()
        headers = {"Authorization": self._authorization}
        connection.request("POST", f"{IMAGE}/blobs/uploads/", headers=headers)
        with connection.getresponse() as begun:
            begun.read()
            place = begun.headers["Location"]
        connection.putrequest("PATCH", place)
        connection.putheader("Authorization", self._authorization)
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data[:middle])
        deadline = time.monotonic() + _PATIENCE
        while not (self._folder / "go").exists():
            assert time.monotonic() < deadline, "nobody said go"
            time.sleep(0.05)
        connection.send(data[middle:])
        status = connection.getresponse().status
        return {"status": status, "location": place, "digest": _digest(data)}

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(HOST, timeout=60, context=self._context)

    def _ask(
        self,
        status: int,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        connection = self._connect()
        try:
            every = {"Authorization": self._authorization, **(headers or {})}
            connection.request(method, path, body, every)
            response = connection.getresponse()
            answer = response.read()
            assert response.status == status, f"{method} {path}: {response.status} {answer[:300]!r}"
            return answer
        finally:
            connection.close()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


if __name__ == "__main__":
    mode, place = sys.argv[1:]
    visitor = Visitor(Path(place))
    print(json.dumps(visitor.rounds() if mode == "rounds" else visitor.slowly()))  # noqa: T201
