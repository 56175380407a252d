"""Hostile texts in every place of every request: an error in JSON, never a trace on the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask

from registry.config import Config
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.corpora import DIGEST, Answer, bad, decoded, hostile, send
from tests.http.support import IMAGE, LAYER, OCI_IMAGE, digest_of, manifest_bytes, push_image, start

CORPUS = hostile()
KEYS = ("/v2/@/team/app", "/artifactory/api/docker/@/v2/team/app", "/api/docker/@/v2/team/app")


@dataclass
class Target:
    """An application over a folder, of which every name outside of ``uploads`` is compared."""

    app: Flask
    storage: Path
    upload: str
    failures: list[str] = field(default_factory=list)

    def check(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        refused: bool = True,
    ) -> Answer:
        """Send a request; note what is wrong with the answer, so that one run names it all."""
        answer = send(self.app, method, target, headers, body)
        status, complaint = answer.status_code, ""
        if status >= 500:
            complaint = f"{status}"
        elif status >= 400:
            complaint = unlike_an_error(answer, method)
        elif refused:
            complaint = f"accepted with {status}"
        if "X-Evil" in answer.headers:
            complaint = "a header was injected"
        if complaint:
            shown = {name: value[:200] for name, value in (headers or {}).items()}
            self.failures.append(f"{method} {target[:200]} {shown}: {complaint}")
        return answer

    def names(self) -> set[str]:
        """Return all names around the storage folder, its own included."""
        root = self.storage.parent
        found = {str(path.relative_to(root)) for path in root.rglob("*")}
        return {name for name in found if not name.startswith(("storage/locks/", "storage/pulls/"))}


def unlike_an_error(answer: Answer, method: str) -> str:
    if method == "HEAD":
        return "" if answer.data == b"" else "a body after HEAD"
    if answer.headers.get("Content-Type") != "application/json":
        return f"{answer.status_code} is no JSON"
    try:
        errors = json.loads(answer.data)["errors"]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} has no list of errors"
    return "" if isinstance(errors, list) and errors else "the list of errors is empty"


@pytest.fixture(scope="module")
def shared(prepared_storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    storage = tmp_path_factory.mktemp("hostile") / "storage"
    shutil.copytree(prepared_storage, storage)
    for instance in opened(Config(storage_root=str(storage))):
        app = make_application(instance)
        client = Client(app)
        push_image(client)
        yield Target(app, storage, start(client).rpartition("/")[2])


@pytest.fixture
def target(shared: Target) -> Iterator[Target]:
    """The shared application; nothing may have been left behind at the end of the test."""
    before = shared.names()
    shared.failures = []
    yield shared
    assert shared.failures == []
    assert shared.names() == before


def test_the_corpus_is_large_and_ends_in_bad_texts() -> None:
    assert len(CORPUS) > 1200
    for grammar in ("name", "tag", "digest"):
        assert len(bad(CORPUS, grammar)) > 1000


@pytest.mark.parametrize("prefix", KEYS)
def test_repository_keys(target: Target, prefix: str) -> None:
    for text in bad(CORPUS, "name"):
        target.check("GET", f"{prefix.replace('@', text)}/manifests/1.0")


def test_image_names(target: Target) -> None:
    body = manifest_bytes()
    for number, text in enumerate(bad(CORPUS, "name")):
        image = f"/v2/docker-local/{text}"
        target.check("GET", f"{image}/manifests/1.0")
        if number % 2:
            target.check("PUT", f"{image}/manifests/1.0", {"Content-Type": OCI_IMAGE}, body)
            target.check("POST", f"{image}/blobs/uploads/")
            target.check("DELETE", f"{image}/blobs/{DIGEST}")
        else:
            target.check("GET", f"{image}/tags/list")
            target.check("HEAD", f"{image}/blobs/{DIGEST}")
            target.check("GET", f"{image}/referrers/{DIGEST}")


def test_references(target: Target) -> None:
    body = manifest_bytes()
    refused = set(bad(CORPUS, "tag"))
    for text in CORPUS:
        # A text that is a good tag is simply not there, and must not be pushed here.
        target.check("GET", f"{IMAGE}/manifests/{text}")
        target.check("DELETE", f"{IMAGE}/manifests/{text}")
        if text in refused:
            target.check("PUT", f"{IMAGE}/manifests/{text}", {"Content-Type": OCI_IMAGE}, body)
            query = f"{IMAGE}/manifests/{digest_of(body)}?tag={text.replace('&', '%26')}"
            target.check("PUT", query, {"Content-Type": OCI_IMAGE}, body, refused="#" not in text)


def test_digests(target: Target) -> None:
    for text in bad(CORPUS, "digest"):
        target.check("GET", f"{IMAGE}/blobs/{text}")
        target.check("HEAD", f"{IMAGE}/blobs/{text}")
        target.check("DELETE", f"{IMAGE}/blobs/{text}")
        target.check("GET", f"{IMAGE}/referrers/{text}")
        query = text.replace("&", "%26").replace("+", "%2B")
        target.check("PUT", f"{IMAGE}/blobs/uploads/{target.upload}?digest={query}", body=LAYER)
        target.check("POST", f"{IMAGE}/blobs/uploads/?digest={query}", body=LAYER)
        target.check("POST", f"{IMAGE}/blobs/uploads/?mount={query}")
        if decoded(query) not in ("sha256", "sha512"):
            target.check("POST", f"{IMAGE}/blobs/uploads/?digest-algorithm={query}")


def test_upload_ids(target: Target) -> None:
    for text in CORPUS:
        path = f"{IMAGE}/blobs/uploads/{text}"
        if decoded(text) == "":
            continue
        for method in ("GET", "PATCH", "DELETE"):
            target.check(method, path)
        target.check("PUT", f"{path}?digest={digest_of(b'')}")


def test_lists(target: Target) -> None:
    for text in CORPUS:
        query = text.replace("&", "%26")
        for path in (f"{IMAGE}/tags/list", "/v2/_catalog"):
            target.check("GET", f"{path}?last={query}", refused=False)
            target.check("GET", f"{path}?n={query}&last={query}", refused=False)
        target.check("GET", f"{IMAGE}/referrers/{DIGEST}?artifactType={query}", refused=False)


def test_scopes(target: Target) -> None:
    for text in CORPUS:
        query = text.replace("&", "%26")
        for scope in (query, f"repository:{query}:pull,push", f"repository:docker-local/x:{query}"):
            target.check("GET", f"/v2/token?scope={scope}&service={query}", refused=False)


def test_sources_of_mounts(target: Target) -> None:
    """Each is answered with an ordinary upload, which is cancelled again."""
    for number, text in enumerate(CORPUS):
        source = f"docker-local/{text}" if number % 2 else text
        path = f"{IMAGE}/blobs/uploads/?mount={DIGEST}&from={source.replace('&', '%26')}"
        answer = target.check("POST", path, refused=False)
        if answer.status_code == 202:
            target.check("DELETE", answer.headers["Location"], refused=False)


HEADERS = (
    ("GET", "Range"),
    ("GET", "If-None-Match"),
    ("GET", "Accept"),
    ("GET", "Authorization"),
    ("GET", "Host"),
    ("GET", "X-Forwarded-For"),
    ("PATCH", "Content-Range"),
    ("PATCH", "Content-Length"),
    ("PUT", "Content-Type"),
    ("PUT", "Content-Length"),
)


@pytest.mark.parametrize(("method", "name"), HEADERS)
def test_headers(target: Target, method: str, name: str) -> None:
    """A header arrives as latin-1, without line ends: those end it."""
    for text in CORPUS:
        raw = decoded(text).encode(errors="replace").replace(b"\r", b"").replace(b"\n", b"")
        values = [raw.decode("latin-1")]
        if name == "Authorization":
            values = [f"{scheme} {values[0]}" for scheme in ("Basic", "Bearer", "")]
        if name == "Range":
            values += [f"bytes={values[0]}", f"bytes=0-{values[0]}"]
        for value in values:
            headers = {name: value}
            if method == "GET":
                target.check("GET", f"{IMAGE}/blobs/{digest_of(LAYER)}", headers, refused=False)
                target.check("GET", f"{IMAGE}/manifests/1.0", headers, refused=False)
            elif method == "PATCH":
                path = f"{IMAGE}/blobs/uploads/{target.upload}"
                target.check("PATCH", path, headers, refused=False)
            else:
                path = f"{IMAGE}/manifests/never"
                target.check("PUT", path, headers, manifest_bytes()[:-1])


def test_b1_every_rule_with_every_part_hostile(target: Target) -> None:
    """Whatever routes there will be: a text in the place of each argument of each rule."""
    good = {
        "key": "docker-local", "image": "team/app", "digest": DIGEST, "reference": "absent",
        "upload_id": "0" * 32, "rest": "nothing",
    }  # fmt: skip
    for rule in target.app.url_map.iter_rules():
        pattern = rule.rule.replace("<path:", "<")
        for name in rule.arguments:
            for text in CORPUS[::30]:
                path = pattern.replace(f"<{name}>", text)
                for other, value in good.items():
                    path = path.replace(f"<{other}>", value)
                for method in sorted((rule.methods or set()) - {"POST"}):
                    target.check(method, path, refused=False)
