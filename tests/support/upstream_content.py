"""What a scripted upstream serves by itself: images, as any registry does."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.model import media_types
from registry.model.digests import Digest

if TYPE_CHECKING:
    from tests.support.upstream import Request, Wire

_PATH = re.compile(r"(?:/[^?]*?)?/v2/(.+)/(manifests|blobs|tags|referrers)/([^/]+)")


@dataclass
class Content:
    """Manifests, tags and blobs by image."""

    manifests: dict[tuple[str, str], tuple[bytes, str, Digest]] = field(default_factory=dict)
    """By image and reference: bytes, media type, digest."""
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every answer, such as those of a rate limit."""
    ranges: bool = True
    """Whether a wish for a part of a blob is heard."""
    states_digest: bool = True

    def put_manifest(self, image: str, reference: str, body: bytes, media_type: str) -> Digest:
        digest = Digest.of(body)
        for name in (digest, reference):
            self.manifests[image, name] = (body, media_type, digest)
        return digest

    def put_blob(self, image: str, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.blobs[image, digest] = data
        return digest

    def answer(self, request: Request, wire: Wire) -> None:
        """Answer as a registry that knows no secrets."""
        head = request.method == "HEAD"
        if re.fullmatch(r"(?:/.*)?/v2/?", request.bare):
            return wire.reply(200, self._headers(media_types.JSON), b"{}", head=head)
        if request.bare.endswith("/v2/_catalog"):
            names = sorted({image for image, _ in [*self.manifests, *self.blobs]})
            return self._json(wire, {"repositories": names}, head)
        match = _PATH.fullmatch(request.bare)
        if match is None:
            return self._unknown(wire, "NAME_UNKNOWN", head)
        image, kind, name = match.groups()
        if kind == "manifests":
            return self._manifest(wire, image, name, head)
        if kind == "blobs":
            return self._blob(request, wire, image, name)
        if kind == "tags":
            return self._tags(wire, image, head)
        return self._unknown(wire, "MANIFEST_UNKNOWN", head)

    def _manifest(self, wire: Wire, image: str, reference: str, head: bool) -> None:
        found = self.manifests.get((image, reference))
        if found is None:
            return self._unknown(wire, "MANIFEST_UNKNOWN", head)
        body, media_type, digest = found
        headers = self._headers(media_type)
        if self.states_digest:
            headers["Docker-Content-Digest"] = digest
        return wire.reply(200, headers, body, head=head)

    def _blob(self, request: Request, wire: Wire, image: str, digest: str) -> None:
        data = self.blobs.get((image, digest))
        head = request.method == "HEAD"
        if data is None:
            return self._unknown(wire, "BLOB_UNKNOWN", head)
        headers = {**self._headers(media_types.OCTET_STREAM), "Docker-Content-Digest": digest}
        wish = re.fullmatch(r"bytes=([0-9]+)-", request.headers.get("range", ""))
        if wish is None or not self.ranges:
            return wire.reply(200, headers, data, head=head)
        first = int(wish[1])
        if first >= len(data):
            return wire.reply(416, self.headers, head=head)
        headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        return wire.reply(206, headers, data[first:], head=head)

    def _tags(self, wire: Wire, image: str, head: bool) -> None:
        names = sorted(n for i, n in self.manifests if i == image and ":" not in n)
        if not any(i == image for i, _ in self.manifests):
            return self._unknown(wire, "NAME_UNKNOWN", head)
        return self._json(wire, {"name": image, "tags": names}, head)

    def _json(self, wire: Wire, value: object, head: bool) -> None:
        wire.reply(200, self._headers(media_types.JSON), json.dumps(value).encode(), head=head)

    def _unknown(self, wire: Wire, code: str, head: bool) -> None:
        body = json.dumps({"errors": [{"code": code, "message": "unknown"}]}).encode()
        wire.reply(404, self._headers(media_types.JSON), body, head=head)

    def _headers(self, media_type: str) -> dict[str, str]:
        return {**self.headers, "Content-Type": media_type}
