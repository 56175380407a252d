"""B9, B11, B15, D8, D9 and D13: text of others, labels of figures, forms, redirects, versions."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest
from flask import Flask

from registry.access.groups import GroupFields
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.matrix import BODIES, QUERIES
from tests.http.support import IMAGE, KEY, encoded, push_image, tree
from tests.security.rights import allow

HOSTILE = {
    "script": "<script>alert(4711)</script>",
    "handler": '"><img src=x onerror=alert(4711)>',
    "link": "javascript:alert(4711)",
    "template": "{{4711*7}}${4711*7}%(4711)s{0.__class__}<%= 4711*7 %>#{4711*7}",
}
COMPUTED = ("32977", "<class", "4711)s{")


@pytest.fixture
def filled(client: Client, instance: Instance) -> Client:
    """A registry with hostile text wherever somebody may write some."""
    labels = {f"label-{name}": text for name, text in HOSTILE.items()}
    config = encoded({"architecture": "amd64", "os": "linux", "config": {"Labels": labels},
                      "history": [{"created_by": text} for text in HOSTILE.values()]})  # fmt: skip
    push_image(client, "1.0", config=config, annotations=labels)
    props = json.dumps({"props": labels}).encode()
    assert client.request("PATCH", f"/api/metadata/{KEY}/team/app/1.0", {}, props).status_code < 300
    for number, text in enumerate(HOSTILE.values()):
        fields = {"description": text, "notes": text, "rclass": "local"}
        path = f"/api/repositories/docker-{number}"
        assert client.request("PUT", path, body=json.dumps(fields).encode()).status_code == 200
        instance.groups.create(f"group-{number}", GroupFields(text))
        form = f"description={text}".encode()
        client.request("POST", "/access/api/v1/tokens", body=form)
    allow(instance, "admin", "read", "ANY")
    return client


def asked(app: Flask) -> list[tuple[str, str, bytes]]:
    """Return a request to each route that reads."""
    names = {"key": KEY, "repository": KEY, "image": "team/app", "reference": "1.0",
             "path": "team/app/1.0/manifest.json", "name": "admin", "digest": "sha256:x",
             "resource": "artifact", "token": "x", "uuid": "x", "rest": "x",
             "upload_id": "x"}  # fmt: skip
    found = [("GET", f"/artifactory/{KEY}/{folder}/", b"") for folder in ("", "team/app/1.0")]
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda word: names[word[1]], rule.rule)
        query = QUERIES.get(("GET", rule.rule.removeprefix("/artifactory")), "")
        if "GET" in (rule.methods or set()):
            found.append(("GET", path + query, b""))
        elif "/search/" in rule.rule:
            found += [("POST", path, body) for end, body in BODIES.items() if path.endswith(end)]
    return found


def test_b9_b11_text_of_others_is_data_in_every_answer(filled: Client) -> None:
    """CVE-2025-32019 of Harbor and others: nothing of it is markup, and nothing is computed.

    What browsers could take for a page is JSON, plain text or a download, and never sniffed; the
    only pages that there are may run nothing and have it as text.
    """
    seen = set()
    for method, path, body in asked(filled.app):
        answer = filled.request(method, path, body=body)
        assert answer.status_code < 500, (path, answer.text)
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        for computed in COMPUTED[:2]:
            assert computed not in answer.text, path
        if "html" in kind or "svg" in kind:
            assert "<script" not in answer.text, path
            assert "onerror" not in answer.text, path
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        elif "4711" in answer.text:
            seen.add(kind)
            assert "json" in kind or kind in ("text/plain", "application/xml"), (path, kind)
    assert seen


def test_b9_a_blob_is_a_download_and_nothing_else(client: Client) -> None:
    page = b"<html><script>alert(1)</script></html>"
    push_image(client, layers=[page])
    digest = json.loads(client.get(f"{IMAGE}/manifests/1.0").data)["layers"][0]["digest"]
    file = f"/artifactory/{KEY}/team/app/1.0/{digest.replace(':', '__')}"
    for path in (f"{IMAGE}/blobs/{digest}", file):
        answer = client.get(path)
        assert answer.data == page
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "html" not in answer.headers["Content-Type"]


def test_b15_names_of_others_make_no_figures(client: Client) -> None:
    """CVE-2026-49835: a label for each name lets whoever asks fill the memory."""

    def families() -> set[str]:
        text = client.get("/api/v1/metrics").text
        return {line.rpartition(" ")[0] for line in text.splitlines() if line[:1] != "#"}

    def ask(numbers: range) -> None:
        for number in numbers:
            client.get(f"/v2/{KEY}/image-{number}/manifests/tag-{number}")
            client.get(f"/v2/key-{number}/image/tags/list")
            client.get(f"/nothing-{number}/here")
            client.request(f"METHOD{number}", "/v2/")
        client.as_user(f"nobody-{numbers[0]}", "x").get("/v2/")

    ask(range(5))
    families()
    before = families()
    ask(range(5, 500))
    assert families() == before


@pytest.mark.parametrize("parts", [1, 1000])
def test_d8_bodies_in_parts_are_taken_for_nothing(
    client: Client, app: Flask, storage: Path, parts: int
) -> None:
    """CVE-2023-25577 of Werkzeug: no route takes such a body to pieces."""
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\ntext\r\n'
        for _ in range(parts)
    )
    body += b"--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    before = tree(storage / "artifacts")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("parse", "receive_data", "next_event"):
            for kind in ("MultiPartParser", "MultipartDecoder"):
                patch.setattr(f"werkzeug.formparser.{kind}.{name}", refuse, raising=False)
        for method, path in (
            ("POST", "/v2/token"), ("POST", "/access/api/v1/tokens"),
            ("POST", "/api/security/token"),
            ("POST", "/ui/api/v1/auth/login"), ("PUT", f"/api/repositories/{KEY}"),
            ("PUT", "/api/security/users/new"), ("POST", "/api/search/aql"),
            ("PUT", f"{IMAGE}/manifests/1.0"),
            ("PUT", f"/artifactory/{KEY}/team/app/1.0/manifest.json"),
            ("POST", "/api/security/users/authorization/changePassword"),
        ):  # fmt: skip
            answer = client.request(method, path, headers, body)
            assert answer.status_code < 500, (path, answer.text)
            assert answer.status_code >= 400 or path.endswith(("tokens", "token")), path
    assert tree(storage / "artifacts") == before


def refuse(*arguments: object, **more: object) -> None:
    raise AssertionError("a body in parts was taken to pieces")


ELSEWHERE = ("https://evil.example", "//evil.example", "/\\evil.example", "%2f%2fevil.example",
             "/%2fevil.example", "https:evil.example", "javascript:alert(1)")  # fmt: skip


@pytest.mark.parametrize("place", ELSEWHERE)
def test_d9_no_answer_leads_to_another_site(client: Client, app: Flask, place: str) -> None:
    """CVE-2024-22244 of Harbor: nothing redirects to what a client says."""
    query = dict.fromkeys(("next", "redirect", "redirect_uri", "url", "return", "to"), place)
    paths = [rule.rule for rule in app.url_map.iter_rules() if not rule.arguments]
    for path in (*paths, f"/{place}", f"/v2/{place}", f"/artifactory/{place}", "//evil.example/v2"):
        for anonymous in (True, False):
            answer = client.request("GET", path, query=None if "?" in path else query,
                                    anonymous=anonymous)  # fmt: skip
            assert not 300 <= answer.status_code < 400, path
            for name in ("Location", "Refresh", "Link"):
                assert "evil.example" not in answer.headers.get(name, ""), path


FLOORS = {"waitress": "3.0.2", "filelock": "3.20.3", "flask": "3.1.1", "requests": "2.32.4"}


@pytest.mark.parametrize("name", FLOORS)
def test_d13_no_version_with_known_holes_may_be_installed(name: str) -> None:
    settings = configparser.ConfigParser()
    settings.read(Path(__file__).resolve().parents[2] / "setup.cfg")
    lines = settings["options"]["install_requires"].splitlines()
    (floor,) = [line.partition(">=")[2].strip() for line in lines if line.split(" ")[0] == name]
    assert numbers(floor) >= numbers(FLOORS[name])


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
