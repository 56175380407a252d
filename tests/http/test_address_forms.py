"""The three forms of addresses, and which headers of a proxy are believed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.config import Config
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.support import (
    CONFIG,
    LAYER,
    challenge_of,
    digest_of,
    journal,
    manifest_bytes,
    push_image,
    put_blob,
    put_manifest,
)

FORMS = {
    "path": ("/v2", "docker-local/team/app"),
    "artifactory": ("/artifactory/api/docker/docker-local/v2", "team/app"),
    "api": ("/api/docker/docker-local/v2", "team/app"),
}
PROXY = "10.1.2.3"
INNER = "/artifactory/api/docker/docker-local/v2"


@pytest.mark.parametrize("form", FORMS)
def test_everything_follows_the_form(client: Client, form: str) -> None:
    prefix, name = FORMS[form]
    image = f"{prefix}/{name}"
    start = client.request("POST", f"{image}/blobs/uploads/")
    location = start.headers["Location"]
    assert location.startswith(f"{image}/blobs/uploads/")
    assert client.get(location).headers["Location"] == location
    assert client.request("PATCH", location, body=LAYER).headers["Location"] == location
    gap = client.request("PATCH", location, {"Content-Range": "5-5"}, b"x")
    assert (gap.status_code, gap.headers["Location"]) == (416, location)
    done = client.request("PUT", location, query={"digest": digest_of(LAYER)})
    assert done.headers["Location"] == f"{image}/blobs/{digest_of(LAYER)}"
    put_blob(client, CONFIG, image)
    body = manifest_bytes()
    for tag in ("1.0", "2.0"):
        pushed = put_manifest(client, tag, body, image)
        assert pushed.headers["Location"] == f"{image}/manifests/{digest_of(body)}"
    tags = client.get(f"{image}/tags/list?n=1")
    assert tags.json == {"name": name, "tags": ["1.0"]}
    assert tags.headers["Link"] == f'<{image}/tags/list?n=1&last=1.0>; rel="next"'
    push_image(client, "1.0", f"{image}2")
    catalog = client.get(f"{prefix}/_catalog?n=1")
    assert catalog.json == {"repositories": [name]}
    link = catalog.headers["Link"]
    assert link.startswith(f"<{prefix}/_catalog?n=1&last=")
    rest = client.get(link[1 : link.index(">")])
    assert rest.json == {"repositories": [f"{name}2"]}
    for other_prefix, other_name in FORMS.values():
        answer = client.get(f"{other_prefix}/{other_name}/manifests/1.0")
        assert answer.data == body


@pytest.mark.parametrize("form", FORMS)
def test_challenges_follow_the_form(client: Client, form: str) -> None:
    prefix, name = FORMS[form]
    for path in (f"{prefix}/", prefix):
        found = challenge_of(client.request("GET", path, anonymous=True))
        assert found == {"realm": f"http://localhost{prefix}/token", "service": "localhost"}
    found = challenge_of(client.request("GET", f"{prefix}/{name}/tags/list", anonymous=True))
    assert found["scope"] == f"repository:{name}:pull"
    asked = client.request("GET", f"{prefix}/token", query={"scope": found["scope"]})
    token = client.with_token((asked.json or {})["token"])
    assert token.get(f"{prefix}/{name}/manifests/none").status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", FORMS)
def test_ping_with_and_without_the_last_slash(client: Client, form: str, method: str) -> None:
    prefix, _ = FORMS[form]
    for path in (prefix, f"{prefix}/"):
        assert client.request(method, path).status_code == 200


def test_a_host_with_a_port(client: Client) -> None:
    for host in ("reg.example:5000", "127.0.0.1:8082", "[::1]:8082", "reg.example"):
        answer = client.request("GET", "/v2/", {"Host": host}, anonymous=True)
        found = challenge_of(answer)
        assert found == {"realm": f"http://{host}/v2/token", "service": host}


@pytest.mark.parametrize(
    "host",
    ['x"y', "x,y", "x y", "x/y", "x\\y", "evil@x", "x:99999999", "é", "", "x;y=1", "a" * 5000],
)
def test_b10_a_hostile_host_cannot_break_the_challenge(client: Client, host: str) -> None:
    answer = client.request("GET", "/v2/", {"Host": host}, anonymous=True)
    assert answer.status_code in (400, 401)
    if answer.status_code == 401:
        found = challenge_of(answer)
        assert set(found) == {"realm", "service"}
        assert found["realm"] == f"http://{found['service']}/v2/token"


SPOOFED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Port": "444",
    "X-Original-URI": "/v2/team/app/blobs/uploads/",
    "X-Real-IP": "203.0.113.9",
    "X-Remote-User": "admin",
    "Remote-User": "admin",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
}


@pytest.fixture
def behind_proxy(config: Config) -> Iterator[Client]:
    settings = Config(storage_root=config.storage_root, trusted_proxies=("10.0.0.0/8", "::1"))
    for instance in opened(settings):
        yield Client(make_application(instance))


def journal_addresses(config: Config) -> list[str]:
    return [line["address"] for line in journal(config)]


@pytest.mark.parametrize("address", ["127.0.0.1", "11.0.0.1", "::2", "", "10.0.0.1.evil"])
def test_a16_headers_of_others_are_not_believed(
    behind_proxy: Client, client: Client, config: Config, address: str
) -> None:
    """Advisory class of Artifactory CVE-2019-9733 and Gitea CVE-2026-20896."""
    for caller in (behind_proxy, client):
        answer = caller.request("GET", f"{INNER}/", SPOOFED, anonymous=True, address=address)
        found = challenge_of(answer)
        assert found == {"realm": f"http://localhost{INNER}/token", "service": "localhost"}
        path = f"{INNER}/team/app/blobs/uploads/"
        start = caller.request("POST", path, SPOOFED, address=address)
        assert start.headers["Location"].startswith(path)
        push_image(caller)
        assert "203.0.113.9" not in journal_addresses(config)


def test_the_proxy_is_believed(behind_proxy: Client) -> None:
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "app.example:8443",
        "X-Original-URI": "/v2/team/app/blobs/uploads/?x=y",
    }
    path = f"{INNER}/team/app/blobs/uploads/"
    start = behind_proxy.request("POST", path, headers, address=PROXY)
    assert start.headers["Location"].startswith("/v2/team/app/blobs/uploads/")
    answer = behind_proxy.request("POST", path, headers, address=PROXY, anonymous=True)
    found = challenge_of(answer)
    assert found["realm"] == "https://app.example:8443/v2/token"
    assert found["service"] == "app.example:8443"
    assert found["scope"] == "repository:team/app:pull,push"
    for outer in ("/v2/", "/v2"):
        ping = {**headers, "X-Original-URI": outer}
        inner = f"{INNER}/" if outer.endswith("/") else INNER
        found = challenge_of(
            behind_proxy.request("GET", inner, ping, address=PROXY, anonymous=True)
        )
        assert found["realm"] == "https://app.example:8443/v2/token"


def test_links_through_the_proxy(behind_proxy: Client) -> None:
    for name in ("a", "b"):
        push_image(behind_proxy, "1.0", f"/v2/docker-local/{name}")
        push_image(behind_proxy, "2.0", f"/v2/docker-local/{name}")
    for rest in ("_catalog", "a/tags/list"):
        headers = {"X-Original-URI": f"/v2/{rest}?n=1"}
        answer = behind_proxy.request("GET", f"{INNER}/{rest}?n=1", headers, address=PROXY)
        assert answer.headers["Link"].startswith(f"</v2/{rest}?n=1&last=")


@pytest.mark.parametrize(
    "value",
    [
        "", "/", "//evil.example/v2/team/app/blobs/uploads/", "/../team/app/blobs/uploads/",
        "https://evil.example/v2/team/app/blobs/uploads/", "/v2/other/blobs/uploads/",
        "/v2\\x/team/app/blobs/uploads/", '/v2"/team/app/blobs/uploads/',
        "/é/team/app/blobs/uploads/",
        "/v2/%2e%2e/team/app/blobs/uploads/", "x" * 8000,
    ],
)  # fmt: skip
def test_a_broken_outer_path_is_left_aside(behind_proxy: Client, value: str) -> None:
    path = f"{INNER}/team/app/blobs/uploads/"
    answer = behind_proxy.request("POST", path, {"X-Original-URI": value}, address=PROXY)
    assert answer.status_code == 202
    location = answer.headers["Location"]
    assert location.startswith("/")
    assert not location.startswith("//")
    assert ".." not in location
    assert location.endswith(f"/team/app/blobs/uploads/{answer.headers['Docker-Upload-UUID']}")


@pytest.mark.parametrize(
    ("forwarded", "recorded"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("garbage, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("garbage", PROXY),
        ("", PROXY),
        ("203.0.113.9, garbage", PROXY),
    ],
)
def test_the_client_behind_the_proxy(
    behind_proxy: Client, config: Config, forwarded: str, recorded: str
) -> None:
    push_image(behind_proxy)
    headers = {"X-Forwarded-For": forwarded}
    path = "/v2/docker-local/team/app/manifests/1.0"
    assert behind_proxy.request("DELETE", path, headers, address=PROXY).status_code == 202
    assert journal_addresses(config)[-1] == recorded


def test_the_external_address_of_the_settings(config: Config) -> None:
    settings = Config(storage_root=config.storage_root, external_url="https://reg.example:8443/")
    for instance in opened(settings):
        client = Client(make_application(instance))
        found = challenge_of(client.request("GET", "/v2/", SPOOFED, anonymous=True))
        assert found == {
            "realm": "https://reg.example:8443/v2/token",
            "service": "reg.example:8443",
        }
