"""The system calls of Artifactory's clients: each with its status, its type and its body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from registry.config import Config
from registry.model.errors import StorageUnusable
from registry.services.instance import Instance
from registry.services.readiness import Readiness
from registry.web.application import make_application
from registry.wiring import build
from tests.conftest import Client
from tests.http.support import push_image

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BASE_URL = "/api/system/configuration/baseUrl"


def is_version(body: Any) -> bool:
    """What java, Jenkins and jf read: a non-empty list, a numeric revision, a text."""
    return (
        bool(re.fullmatch(r"7\.\d+\.\d+", body["version"]))
        and body["revision"].isdecimal()
        and len(body["addons"]) > 5
        and {"rest", "build", "docker"} <= set(body["addons"])
        and isinstance(body["license"], str)
    )


def is_license(body: Any) -> bool:
    """The exporter expects no expiry of ``oss``, and reads a date for every other type."""
    return bool(body["type"].lower() == "oss" and body["validThrough"] == body["licensedTo"] == "")


def are_licenses(body: Any) -> bool:
    (one,) = body["licenses"]
    return is_license(one) and one["expired"] is False and one["nodeId"].startswith("node-")


def is_status(body: Any) -> bool:
    (node,) = body["nodes"]
    return set(node) == {"id", "state"} and node["state"] == "RUNNING"


INFO = (
    "committedVirtualMemorySize totalSwapSpaceSize freeSwapSpaceSize processCpuTime "
    "totalPhysicalMemorySize openFileDescriptorCount maxFileDescriptorCount processCpuLoad "
    "systemCpuLoad freePhysicalMemorySize numberOfCores heapMemoryUsage noneHeapMemoryUsage "
    "threadCount noneHeapMemoryMax heapMemoryMax jvmUpTime"
)


def is_info(body: Any) -> bool:
    """A flat object of numbers; the process that answers has some of each."""
    plain = all(type(value) in (int, float) and value >= 0 for value in body.values())
    some = ("processCpuTime", "openFileDescriptorCount", "heapMemoryUsage", "threadCount")
    whole = all(type(body[name]) is int for name in INFO.split() if not name.endswith("Load"))
    return plain and whole and list(body) == INFO.split() and all(body[name] for name in some)


def is_health(body: Any) -> bool:
    return {body["router"]["state"], body["services"][0]["state"]} == {"HEALTHY"}


def are_tasks(body: Any) -> bool:
    states = {task["id"]: task["state"] for task in body["tasks"]}
    known = {"id", "type", "state", "description", "nodeId", "started"}
    fields = all(known - {"started"} <= set(task) <= known for task in body["tasks"])
    return fields and set(states.values()) == {"scheduled"} and "pruning" in states


def same_as(wanted: Any) -> Callable[[Any], bool]:
    def check(body: Any) -> bool:
        return bool(body == wanted)

    return check


Check = Callable[[Any], bool]
CALLS: list[tuple[str, str, int, str, Check]] = [
    ("GET", "/api/system/ping", 200, TEXT, same_as("OK")),
    ("GET", "/access/api/v1/system/ping", 200, TEXT, same_as("OK")),
    ("GET", "/router/api/v1/system/health", 200, JSON, is_health),
    ("GET", "/api/v1/system/readiness", 200, JSON, same_as({"code": "OK"})),
    ("GET", "/api/v1/system/liveness", 200, JSON, same_as({"code": "OK"})),
    ("GET", "/api/system/version", 200, JSON, is_version),
    ("GET", "/api/system/license", 200, JSON, is_license),
    ("GET", "/api/system/licenses", 200, JSON, are_licenses),
    ("GET", "/api/system/service_id", 200, TEXT, lambda b: bool(re.fullmatch(r"jfrt@01\w{24}", b))),
    ("GET", "/api/system/status", 200, JSON, is_status),
    ("GET", "/api/system/info", 200, JSON, is_info),
    ("GET", "/api/system", 200, TEXT, lambda body: "prune_interval      | 300\n" in body),
    ("POST", "/api/system/usage", 200, "", same_as("")),
    ("GET", "/api/system/security/certificates", 200, JSON, same_as([])),
    ("GET", "/api/tasks", 200, JSON, are_tasks),
    ("GET", "/api/plugins", 200, JSON, same_as({})),
    ("GET", "/api/v1/uploads/config", 200, JSON, same_as({"supported": False})),
    ("POST", "/api/system/storage/gc", 200, "", same_as("")),
    (
        "GET", "/access/api/v1/system/version", 200, JSON,
        same_as({"name": "access", "version": "7.77.5"}),
    ),
]  # fmt: skip


def prefixes(path: str) -> list[str]:
    """The forms in which a path must be there; that of the router has one only."""
    return [path] if path.startswith("/router") else [path, f"/artifactory{path}", f"{path}/"]


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "check"), CALLS, ids=[call[1] for call in CALLS]
)
def test_a_call(
    client: Client, method: str, path: str, status: int, kind: str, check: Check
) -> None:
    for form in prefixes(path):
        answer = client.request(method, form)
        assert (answer.status_code, answer.headers.get("Content-Type", "")) == (status, kind)
        body = answer.json if kind == JSON else answer.text
        assert check(body), body


REFUSED = [
    ("POST", "/api/system/configuration", 405, "settings file"),
    ("PATCH", "/api/system/configuration", 405, "settings file"),
    ("PUT", "/api/system/configuration/baseUrl", 400, "external_url"),
    ("POST", "/api/system/encrypt", 409, "hashes"),
    ("POST", "/api/system/decrypt", 409, "hashes"),
    ("POST", "/api/system/verifyconnection", 400, "doctor"),
    ("POST", "/api/system/storage/optimize", 409, "once"),
    ("POST", "/api/export/system", 405, "backup"),
    ("POST", "/api/import/system", 405, "backup"),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"), REFUSED, ids=lambda value: str(value)
)
def test_what_is_not_done_here_is_refused_with_what_to_do_instead(
    client: Client, method: str, path: str, status: int, said: str
) -> None:
    for form in prefixes(path):
        answer = client.request(method, form, {"Content-Type": "application/xml"}, b"<config/>")
        assert answer.status_code == status
        (error,) = json.loads(answer.data)["errors"]
        assert error["status"] == status
        assert said in error["message"]


def test_the_base_url_that_is_in_force_is_taken(config: Config) -> None:
    url = "https://registry.example.com"
    instance = build(Config(storage_root=config.storage_root, external_url=url))
    client = Client(make_application(instance))
    for sent in (url, f"{url}/", f"{url}/artifactory"):
        answer = client.request("PUT", BASE_URL, body=sent.encode())
        assert (answer.status_code, url in answer.text) == (200, True)
    other = client.request("PUT", BASE_URL, body=b"https://other.example.com")
    assert (other.status_code, url in other.text) == (400, True)


def test_the_configuration_is_xml_with_what_there_is(client: Client, instance: Instance) -> None:
    instance.definitions.update(
        instance.definitions.all()[0].key, {"description": "<&>\x01 \ufffe", "maxUniqueTags": 3}
    )
    answer = client.get("/api/system/configuration")
    assert answer.headers["Content-Type"] == "application/xml"
    root = ElementTree.fromstring(answer.data)
    name = {"a": root.tag.partition("}")[0].removeprefix("{")}
    (found,) = root.findall("a:localRepositories/a:localRepository", name)
    fields = {child.tag.partition("}")[2]: child.text for child in found}
    assert fields["key"] == "docker-local"
    assert (fields["description"], fields["maxUniqueTags"]) == ("<&> ", "3")
    assert root.findtext("a:security/a:anonAccessEnabled", None, name) == "false"
    assert root.findtext("a:trashcanConfig/a:retentionPeriodDays", None, name) == "14"


def test_the_version_is_a_setting(config: Config) -> None:
    instance = build(Config(storage_root=config.storage_root, artifactory_version="7.104.2"))
    client = Client(make_application(instance))
    body = client.get("/api/system/version").json
    assert body is not None
    assert (body["version"], body["revision"]) == ("7.104.2", "710402900")
    answer = client.get("/v2/")
    assert answer.headers["X-JFrog-Version"] == "Artifactory/7.104.2 710402900"


def test_probes_tell_when_the_storage_cannot_serve(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Readiness) -> None:
        raise StorageUnusable("the folder /secret/place is gone")

    monkeypatch.setattr(Readiness, "check", broken)
    statuses = {
        "/readyz": 503,
        "/api/v1/system/readiness": 500,
        "/router/api/v1/system/health": 503,
        "/api/v1/system/liveness": 200,
        "/healthz": 200,
    }
    for path, status in statuses.items():
        answer = client.request("GET", path, anonymous=True)
        assert (answer.status_code, "secret" in answer.text) == (status, False), path


def test_who_cannot_log_in_by_a_browser_is_told_so_without_credentials(client: Client) -> None:
    login = "/access/api/v2/authentication/jfrog_client_login"
    for method, path in (("POST", f"{login}/request"), ("GET", f"{login}/token/some-uuid")):
        for form in (path, f"/artifactory{path}"):
            answer = client.request(method, form, anonymous=True, body=b"{}")
            assert answer.status_code == 404
            assert set(json.loads(answer.data)["errors"][0]) == {"code", "message", "detail"}


def test_a_pass_that_was_asked_for_is_due_although_none_would_be(
    client: Client, instance: Instance
) -> None:
    push_image(client)
    instance.pruning.run()
    assert not instance.pruning.is_due(300)
    assert client.request("POST", "/api/system/storage/gc").status_code == 200
    assert instance.pruning.is_due(300)
    instance.pruning.run()
    assert not instance.pruning.is_due(300)


def test_without_a_clock_nothing_is_promised(config: Config) -> None:
    instance = build(Config(storage_root=config.storage_root, prune_interval=0))
    client = Client(make_application(instance))
    answer = client.request("POST", "/api/system/storage/gc")
    assert (answer.status_code, "app.py prune" in answer.text) == (409, True)
    tasks = json.loads(client.get("/api/tasks").data)["tasks"]
    assert {task["state"] for task in tasks} == {"stopped"}


def test_a_pass_under_way_is_seen(client: Client, instance: Instance) -> None:
    def state() -> tuple[str, bool]:
        tasks = json.loads(client.get("/api/tasks").data)["tasks"]
        (pruning,) = [task for task in tasks if task["id"] == "pruning"]
        return pruning["state"], "started" in pruning

    assert state() == ("scheduled", False)
    seen = []
    with instance.store.locks.try_job("prune"):
        instance.pruning.run(progress=lambda step: seen.append(state()))
    assert set(seen) == {("running", True)}
    assert state() == ("scheduled", True)
