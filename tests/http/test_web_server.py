"""What stands in front of the server, over REST: its settings, its configuration, one request."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from registry.config import Config
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from registry.storage.store import Store
from registry.web.application import make_application
from registry.wiring import build
from tests.conftest import Client, opened
from tests.http.support import get_token

SETTINGS = "/api/system/configuration/webServer"
PROXY = "/api/system/configuration/reverseProxy"
REQUEST = "/api/system/request"

DOCUMENT = {
    "key": "nginx",
    "webServerType": "NGINX",
    "artifactoryAppContext": "artifactory",
    "publicAppContext": "artifactory",
    "serverName": "art.example",
    "serverNameExpression": "*.art.example",
    "artifactoryServerName": "localhost",
    "artifactoryPort": 8081,
    "sslCertificate": "/etc/ssl/art.crt",
    "sslKey": "/etc/ssl/art.key",
    "dockerReverseProxyMethod": "SUBDOMAIN",
    "useHttps": True,
    "useHttp": True,
    "sslPort": 443,
    "httpPort": 80,
}
"""The document of Artifactory's contract, section 4.5."""


def save(client: Client, body: object, path: str = SETTINGS) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.request("POST", path, {"Content-Type": "application/json"}, data)


def message(answer: TestResponse, status: int) -> str:
    """Return the message of an error in Artifactory's dialect."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    (error,) = json.loads(answer.data)["errors"]
    assert set(error) == {"status", "message"}
    assert error["status"] == status
    return str(error["message"])


@pytest.mark.parametrize("prefix", ["/artifactory", ""])
def test_the_document_of_the_contract_comes_back_as_it_was_sent(
    client: Client, prefix: str
) -> None:
    answer = save(client, DOCUMENT, prefix + SETTINGS)
    assert (answer.status_code, answer.data) == (200, b"")
    for path in (SETTINGS, f"/artifactory{SETTINGS}", f"{SETTINGS}/"):
        read = client.get(path)
        assert read.headers["Content-Type"] == "application/json"
        assert json.loads(read.data) == DOCUMENT


def test_the_settings_are_on_the_disk_and_another_process_knows_them(
    client: Client, storage: Path
) -> None:
    save(client, DOCUMENT)
    path = Path(Store(str(storage)).layout.web_server())
    assert path == storage / "etc/web-server.json"
    assert json.loads(path.read_text())["serverName"] == "art.example"
    other = build(Config(storage_root=str(storage)))
    assert other.web_server.read() == DOCUMENT
    assert not [f for f in other.checking.run(deep=False) if "web-server" in f.path]


@pytest.mark.parametrize(
    ("listen", "name", "port"),
    [("127.0.0.1:9000", "127.0.0.1", 9000), ("unix:/run/registry.sock",) * 2 + (0,)],
)
def test_without_settings_nothing_stands_in_front(
    config: Config, listen: str, name: str, port: int
) -> None:
    instance = build(dataclasses.replace(config, listen=listen))
    read = json.loads(Client(make_application(instance)).get(SETTINGS).data)
    assert set(read) == set(DOCUMENT)
    assert (read["webServerType"], read["dockerReverseProxyMethod"]) == ("DIRECT", "NOVALUE")
    assert (read["artifactoryServerName"], read["artifactoryPort"]) == (name, port)


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_the_configuration_is_made_from_the_settings(client: Client, server: str) -> None:
    for prefix in ("/artifactory", ""):
        text = message(client.get(f"{prefix}{PROXY}/{server}"), 404)
        assert "no reverse proxy is configured" in text
    save(client, DOCUMENT)
    for prefix in ("/artifactory", ""):
        answer = client.get(f"{prefix}{PROXY}/{server}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        for part in ("art.example", "/etc/ssl/art.crt", "/etc/ssl/art.key", "localhost:8081"):
            assert part in answer.text
    save(client, DOCUMENT | {"webServerType": "DIRECT"})
    message(client.get(f"{PROXY}/{server}"), 404)


def test_each_method_of_artifactory_has_its_configuration(
    client: Client, instance: Instance
) -> None:
    instance.definitions.update(RepositoryKey("docker-local"), {"registryPort": 5001})
    listening = {"REPOPATHPREFIX": 2, "SUBDOMAIN": 4, "PORTPERREPO": 3, "NOVALUE": 2}
    for method, count in listening.items():
        assert save(client, DOCUMENT | {"dockerReverseProxyMethod": method}).status_code == 200
        text = client.get(f"{PROXY}/nginx").text
        assert text.count("    listen ") == count, method
        assert ("listen 5001 ssl" in text) is (method == "PORTPERREPO")


def test_a_unix_socket_stands_in_the_place_of_the_name(client: Client) -> None:
    save(client, DOCUMENT | {"artifactoryServerName": "unix:/run/registry.sock"})
    assert "server unix:/run/registry.sock;" in client.get(f"{PROXY}/nginx").text


def test_ports_that_collide_later_are_told_and_are_no_defect(
    client: Client, instance: Instance
) -> None:
    save(client, DOCUMENT | {"dockerReverseProxyMethod": "PORTPERREPO"})
    instance.definitions.update(RepositoryKey("docker-local"), {"registryPort": 443})
    assert "port 443 stands for 'docker-local'" in message(client.get(f"{PROXY}/nginx"), 400)


def test_what_is_missing_has_its_default_and_what_is_unknown_is_ignored(client: Client) -> None:
    short = {"webServerType": "APACHE", "serverName": "art.example", "sslKey": None, "new": [1]}
    assert save(client, short).status_code == 200
    read = json.loads(client.get(SETTINGS).data)
    assert set(read) == set(DOCUMENT)
    assert (read["key"], read["serverNameExpression"]) == ("apache", "*.art.example")
    assert (read["useHttp"], read["httpPort"], read["useHttps"]) == (True, 80, False)
    assert save(client, short | {"upStreamName": "art"}).status_code == 200
    assert json.loads(client.get(SETTINGS).data)["upStreamName"] == "art"


WRONG = {
    "no JSON": (b"{", "no JSON"),
    "deep": (b"[" * 60_000, "no JSON"),
    "empty": (b"", "no JSON"),
    "list": ([], "JSON object"),
    "name": (DOCUMENT | {"serverName": "a b; }"}, "host name"),
    "no name": (DOCUMENT | {"serverName": ""}, "host name"),
    "path": (DOCUMENT | {"sslKey": "key.pem"}, "absolute path"),
    "injected": (DOCUMENT | {"sslCertificate": "/a; include /etc/passwd"}, "absolute path"),
    "backend": (DOCUMENT | {"artifactoryServerName": "a;b"}, "HOST:PORT"),
    "port": (DOCUMENT | {"sslPort": 70_000}, "between 1 and 65535"),
    "same ports": (DOCUMENT | {"sslPort": 80}, "a port each"),
    "no port": (DOCUMENT | {"useHttp": False, "useHttps": False}, "needs an HTTP port"),
    "text for number": (DOCUMENT | {"httpPort": "80"}, "'httpPort' is a whole number"),
    "truth for number": (DOCUMENT | {"httpPort": True}, "'httpPort' is a whole number"),
    "number for truth": (DOCUMENT | {"useHttp": 1}, "'useHttp' is true or false"),
    "type": (DOCUMENT | {"webServerType": "IIS"}, "'webServerType' is one of"),
    "method": (DOCUMENT | {"dockerReverseProxyMethod": "NONE"}, "is one of"),
    "context": (DOCUMENT | {"publicAppContext": "other"}, "is one of 'artifactory', ''"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_used_is_refused_and_changes_nothing(client: Client, wrong: str) -> None:
    save(client, DOCUMENT)
    body, said = WRONG[wrong]
    assert said in message(save(client, body), 400)
    assert json.loads(client.get(SETTINGS).data) == DOCUMENT


def test_a_body_beyond_all_measure_is_not_taken(client: Client) -> None:
    message(save(client, DOCUMENT | {"key": "x" * 70_000}), 413)


# --- one request, as the server saw it -----------------------------------------------------------

SPOOFED = {
    "X-Forwarded-For": "192.0.2.66",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "spoofed.example",
    "X-Original-URI": "/spoofed",
    "X-Registry-Offload": "/_spoofed/",
}


@pytest.fixture
def believing(config: Config) -> Iterator[Client]:
    """A client of a registry that believes a proxy at 192.0.2.1."""
    for made in opened(dataclasses.replace(config, trusted_proxies=("192.0.2.1",))):
        yield Client(make_application(made))


def seen(client: Client, path: str = REQUEST, address: str = "127.0.0.1") -> dict[str, Any]:
    answer = client.request("GET", path, SPOOFED, address=address)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.data)
    return found


@pytest.mark.parametrize("prefix", ["/artifactory", ""])
def test_a_request_is_shown_as_it_arrived(believing: Client, prefix: str) -> None:
    path = f"{prefix}{REQUEST}/a//b%3Ac"
    found = seen(believing, f"{path}?x=1")
    assert found["target"] == f"{path}?x=1"
    assert (found["peer"], found["client"]) == ("127.0.0.1", "127.0.0.1")
    assert (found["trusted"], found["offload"]) == (False, None)
    assert (found["base"], found["externalUrl"]) == ("http://localhost", "")
    assert found["headers"] == SPOOFED | {"Host": "localhost"}


def test_what_a_trusted_proxy_says_is_shown_as_believed(believing: Client) -> None:
    found = seen(believing, address="192.0.2.1")
    assert (found["peer"], found["client"]) == ("192.0.2.1", "192.0.2.66")
    assert (found["trusted"], found["offload"]) == (True, "/_spoofed/")
    assert found["base"] == "https://spoofed.example"


def test_no_secret_of_a_request_is_shown(client: Client) -> None:
    answer = client.get(REQUEST, {"X-JFrog-Art-Api": "secret-key"})
    assert answer.status_code == 200
    assert "secret" not in answer.text
    assert client.authorization not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", REQUEST),
        ("GET", f"{REQUEST}/x"),
        ("GET", SETTINGS),
        ("POST", SETTINGS),
        ("GET", f"{PROXY}/nginx"),
        ("GET", f"{PROXY}/apache"),
    ],
)
def test_all_of_it_is_for_admins_alone(
    client: Client, instance: Instance, method: str, path: str
) -> None:
    instance.users.add("bob", "password-of-bob")
    bob = client.as_user("bob", "password-of-bob")
    token = client.with_token(get_token(client, "repository:docker-local/team/app:pull,push"))
    body = json.dumps(DOCUMENT).encode()
    message(client.request(method, path, body=body, anonymous=True), 401)
    message(bob.request(method, path, body=body), 403)
    message(token.request(method, path, body=body), 401)
    assert json.loads(client.get(SETTINGS).data)["webServerType"] == "DIRECT"
