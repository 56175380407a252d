"""What the workloads know of a server: where it listens, how to be let in, how to push and pull."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from benchmarks.errors import MeasurementFailed
from benchmarks.wire import Buffer, Connection, Response

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"

Authorizer = Callable[[str], str]


@dataclass(frozen=True)
class Registry:
    """One server under measurement.

    ``prefix`` is what every image path begins with; ``authorize`` gives the value of the
    Authorization header that may push and pull an image; ``workers`` lists the process ids that
    answer requests, and is empty when they are not known.
    """

    label: str
    host: str
    port: int
    prefix: str
    authorize: Authorizer
    workers: Callable[[], list[int]]
    backend: int = 0
    """The server's own port, where clients do not come to it directly."""

    def image(self, name: str) -> str:
        """The whole path of the image ``name`` in this server."""
        return f"{self.prefix}/{name}"

    def connect(self) -> Connection:
        """A new connection to this server."""
        return Connection(self.host, self.port)

    def url(self, path: str) -> str:
        """The absolute address of ``path``."""
        return f"http://{self.host}:{self.port}{path}"

    def headers(self, image: str) -> dict[str, str]:
        """The headers of a request on ``image``, with its credentials if it needs any."""
        value = self.authorize(image)
        return {"Authorization": value} if value else {}


def digest_of(data: Buffer) -> str:
    """The sha256 digest of ``data`` in the registry's notation."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def expect(response: Response, status: int, what: str) -> Response:
    """Return ``response`` if it has ``status``; any other answer ends the measurement."""
    if response.status != status:
        text = response.body[:300].decode("utf-8", "replace")
        raise MeasurementFailed(f"{what} answered {response.status} instead of {status}: {text}")
    return response


def open_upload(connection: Connection, image: str, headers: dict[str, str]) -> str:
    """Begin an upload and return the path and query of its session."""
    answer = connection.request("POST", f"/v2/{image}/blobs/uploads/", headers)
    return location(expect(answer, 202, "POST of an upload"))


def location(response: Response) -> str:
    """Path and query of the Location header, whether it is absolute or not."""
    parts = urlsplit(response.headers["location"])
    return parts.path + (f"?{parts.query}" if parts.query else "")


def with_digest(session: str, digest: str) -> str:
    """The address that finishes the upload ``session`` as ``digest``."""
    return f"{session}{'&' if '?' in session else '?'}digest={quote(digest, safe='')}"


def push_blob(
    connection: Connection, image: str, headers: dict[str, str], digest: str, body: Buffer
) -> None:
    """Push a blob by POST and one PUT that carries it."""
    session = open_upload(connection, image, headers)
    lines = {**headers, "Content-Type": "application/octet-stream"}
    answer = connection.request("PUT", with_digest(session, digest), lines, body)
    expect(answer, 201, "PUT of a blob")


def push_manifest(
    connection: Connection, image: str, headers: dict[str, str], tag: str, manifest: bytes
) -> None:
    """Push a manifest under a tag; its blobs must be there."""
    lines = {**headers, "Content-Type": MANIFEST_TYPE}
    answer = connection.request("PUT", f"/v2/{image}/manifests/{tag}", lines, manifest)
    expect(answer, 201, "PUT of a manifest")


def manifest_of(config: tuple[str, int], layers: list[tuple[str, int]]) -> bytes:
    """A Docker schema 2 manifest of the given digests and sizes in bytes."""

    def descriptor(media_type: str, blob: tuple[str, int]) -> dict[str, str | int]:
        return {"mediaType": media_type, "size": blob[1], "digest": blob[0]}

    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor(CONFIG_TYPE, config),
        "layers": [descriptor(LAYER_TYPE, layer) for layer in layers],
    }
    return json.dumps(document, indent=3).encode()


def challenge_authorizer(host: str, port: int, user: str, password: str) -> Authorizer:
    """Credentials as the server's own challenge asks for them, one token for each image."""
    basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    with Connection(host, port) as connection:
        answer = connection.request("GET", "/v2/", {})
    if answer.status == 200:
        return lambda image: ""
    challenge = expect(answer, 401, "GET /v2/").headers.get("www-authenticate", "")
    if challenge.lower().startswith("basic"):
        return lambda image: basic
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if "realm" not in fields:
        raise MeasurementFailed(f"GET /v2/ has a challenge without a realm: {challenge!r}")
    realm = urlsplit(fields["realm"])
    known: dict[str, str] = {}

    def authorize(image: str) -> str:
        if image not in known:
            scope = quote(f"repository:{image}:pull,push", safe="")
            query = f"service={quote(fields.get('service', ''), safe='')}&scope={scope}"
            with Connection(realm.hostname or host, realm.port or port) as connection:
                reply = connection.request("GET", f"{realm.path}?{query}", {"Authorization": basic})
            document = json.loads(expect(reply, 200, "GET of a token").body)
            known[image] = f"Bearer {document['token']}"
        return known[image]

    return authorize


def lazily(make: Callable[[], Authorizer]) -> Authorizer:
    """An authorizer that is made when it is asked for the first time."""
    made: list[Authorizer] = []

    def authorize(image: str) -> str:
        if not made:
            made.append(make())
        return made[0](image)

    return authorize
