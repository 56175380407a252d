"""A client that sees every byte: raw HTTP over one connection, with the admin's credentials."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

from tests.support.live import LiveServer

IMAGE = "/v2/docker-local/live/app"


def digest_of(data: bytes) -> str:
    """The sha256 digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str:
        """The code of the first error; every error is JSON."""
        return str(json.loads(self.body)["errors"][0].get("code"))


class _OneReader(io.BufferedReader):
    """What an answer is read from: the same for all answers, so none of their bytes get lost."""

    def makefile(self, mode: str) -> _OneReader:
        """Return the reader where ``http.client`` wants a socket."""
        return self

    def close(self) -> None:
        """Stay open: ``http.client`` closes at the end of each answer."""


class Wire:
    """One connection to a server; closed by ``with``."""

    def __init__(self, server: LiveServer, *, user: str = "admin", password: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self._reader = _OneReader(socket.SocketIO(self.socket, "r"))
        secret = f"{user}:{password or server.admin_password}".encode()
        self.authorization = f"Authorization: Basic {base64.b64encode(secret).decode()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.detach().close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def begin(self, method: str, path: str, *headers: str, anonymous: bool = False) -> None:
        """Send a request's head."""
        lines = [f"{method} {path} HTTP/1.1", "Host: registry.test", *headers]
        if not anonymous:
            lines.append(self.authorization)
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def chunk(self, data: bytes) -> None:
        """Send one chunk of a chunked body; an empty one ends it."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def reply(self, method: str = "GET") -> Reply:
        """Read one answer."""
        response = http.client.HTTPResponse(cast(socket.socket, self._reader), method=method)
        response.begin()
        reply = Reply(response.status, response.headers, response.read())
        response.close()
        return reply

    def ask(
        self, method: str, path: str, *headers: str, body: bytes = b"", anonymous: bool = False
    ) -> Reply:
        """Send a whole request and read the answer."""
        length = [f"Content-Length: {len(body)}"] if body or method in ("POST", "PUT") else []
        self.begin(method, path, *headers, *length, anonymous=anonymous)
        if body:
            self.send(body)
        return self.reply(method)

    # --- steps of the protocol ----------------------------------------------------------------

    def start_upload(self, image: str = IMAGE) -> str:
        """Begin an upload and return its path."""
        reply = self.ask("POST", f"{image}/blobs/uploads/")
        assert reply.status == 202, reply
        return str(reply.headers["Location"])

    def push_blob(self, data: bytes, image: str = IMAGE) -> str:
        """Push a blob in one request and return its digest."""
        digest = digest_of(data)
        reply = self.ask("POST", f"{image}/blobs/uploads/?digest={digest}", body=data)
        assert reply.status == 201, reply
        return digest

    def push_image(self, tag: str, *layers: bytes, image: str = IMAGE) -> bytes:
        """Push an image of these layers and return its manifest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "tag": tag}).encode()
        kind = "application/vnd.oci.image"

        def descriptor(media_type: str, data: bytes) -> dict[str, Any]:
            digest = self.push_blob(data, image)
            return {"mediaType": f"{kind}.{media_type}", "digest": digest, "size": len(data)}

        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": f"{kind}.manifest.v1+json",
                "config": descriptor("config.v1+json", config),
                "layers": [descriptor("layer.v1.tar", layer) for layer in layers],
            }
        ).encode()
        reply = self.ask(
            "PUT",
            f"{image}/manifests/{tag}",
            f"Content-Type: {kind}.manifest.v1+json",
            body=manifest,
        )
        assert reply.status == 201, reply
        return manifest
