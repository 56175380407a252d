"""What all checks of the doctor from outside share: the image they push to, and who they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from registry.model.diagnosis import Diagnosis
from registry.services.doctor_wire import Answer, Headers, Wire

CONFIGURE: Final = (
    "make the configuration of the proxy by 'python app.py reverse-proxy nginx', or read its log "
    "and that of the server"
)
"""What helps where nothing more is known."""
SEE_MORE: Final = "'--user NAME' with an admin's name and password tells more"

_REMEDIES: Final = {
    401: "name a user who may push by '--user', and a repository by '--repository'",
    403: "name a user who may push by '--user', and a repository by '--repository'",
    404: "name a repository by '--repository', and let the proxy pass all paths on as they come",
    408: "client_body_timeout 900s; in nginx: clients pause",
    413: "client_max_body_size 0; in nginx: layers have any size",
    500: "read the log of the server, and that of the proxy",
    502: "the proxy does not reach the server, or loses it: read the log of the proxy",
    503: "the proxy does not reach the server, or that cannot serve: read the logs of both",
    504: "proxy_read_timeout 900s; in nginx: a large layer takes time to be written",
    507: "the disk of the server is full: free some room",
}


class Unexpected(Exception):
    """An answer that no registry gives to such a request; the text says to which."""

    def __init__(self, what: str, answer: Answer) -> None:
        super().__init__(f"{what} is answered with {answer}")
        self.status = answer.status
        self.remedy = _REMEDIES.get(answer.status, CONFIGURE)


@dataclass(frozen=True, slots=True)
class Seen:
    """How the server saw a request, as its answer to ``/api/system/request`` says."""

    target: str
    peer: str
    trusted: bool
    client: str
    base: str
    external_url: str
    offload: str | None
    headers: dict[str, str]


@dataclass(slots=True)
class Visit:
    """One self-test from outside."""

    wire: Wire
    key: str
    image: str
    """The image that is pushed to, its repository first; nobody else has one of that name."""
    size: int
    """Bytes of the large upload."""
    pause: float
    """Seconds for which a client stops within an upload."""
    patience: float
    """Seconds within which bytes that are passed on at once have arrived."""
    bearer: str = field(default="", repr=False)
    basic: str = field(default="", repr=False)
    """Credentials of an admin who may see how requests arrive, or nothing."""
    seen: Seen | None = None
    uploads: list[str] = field(default_factory=list)
    """Paths of what has been begun and must be cancelled in the end."""
    blob: str | None = None
    """The digest of what has been pushed and must be deleted in the end."""
    comes: bool = False
    """Whether the blob can be pulled."""
    middle: bytes = b""
    """The part of the blob that begins at `MIDDLE`, for ranges."""

    def ask(
        self,
        method: str,
        rest: str,
        headers: Headers | None = None,
        take: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Ask for something of the image; ``rest`` may also be a whole path."""
        return self.wire.ask(method, self.path(rest), self.authorized(headers), take)

    def path(self, rest: str) -> str:
        """Return the path of something of the image; what is a path already stays."""
        return rest if rest.startswith("/") else f"/v2/{self.image}/{rest}"

    def authorized(self, headers: Headers | None = None) -> dict[str, str]:
        """Return headers, with the token."""
        return {"Authorization": f"Bearer {self.bearer}", **(headers or {})}

    @property
    def blob_path(self) -> str:
        """Where the blob is."""
        return self.path(f"blobs/{self.blob}")

    def start_upload(self) -> str:
        """Begin an upload and return its path. Raises Unexpected."""
        answer = self.ask("POST", "blobs/uploads/")
        where = answer.first("Location").removeprefix(self.wire.origin.base)
        if answer.status != 202 or not where.startswith("/"):
            raise Unexpected("the beginning of an upload", answer)
        self.uploads.append(where)
        return where

    def arrived(self, upload: str) -> int:
        """Return how many bytes of an upload the server has. Raises Unexpected."""
        answer = self.ask("GET", upload)
        first, _, last = answer.first("Range").partition("-")
        if answer.status != 204 or first != "0" or not last.isdigit():
            raise Unexpected("a question how far an upload is", answer)
        # No bytes and one byte look alike; nobody sends one.
        return int(last) + 1 if last != "0" else 0

    def look(self, headers: Headers | None = None, rest: str = "") -> Seen | None:
        """Return how the server sees a request, or None for callers who may not know."""
        if not self.basic:
            return None
        path = f"/artifactory/api/system/request{rest}"
        answer = self.wire.ask("GET", path, {"Authorization": self.basic, **(headers or {})})
        if answer.status != 200:
            raise Unexpected("an admin's question how requests arrive", answer)
        try:
            return _seen(json.loads(answer.body))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unexpected("an admin's question how requests arrive", answer) from None


MIDDLE: Final = 1 << 20
"""Where the part of the blob begins that is kept for ranges, if the blob has so much."""

Check = Callable[[Visit], Iterator[Diagnosis]]


def _seen(document: Any) -> Seen:
    return Seen(
        target=str(document["target"]),
        peer=str(document["peer"]),
        trusted=document["trusted"] is True,
        client=str(document["client"]),
        base=str(document["base"]),
        external_url=str(document["externalUrl"]),
        offload=document["offload"],
        headers={str(name): str(value) for name, value in document["headers"].items()},
    )
