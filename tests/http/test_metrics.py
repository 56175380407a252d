"""The figures for monitoring: what is told, to whom, and that it is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from registry.config import Config
from registry.metrics.figures import ROUTES
from registry.services.instance import Instance
from registry.web.application import make_application
from registry.web.measuring import kind_of
from registry.wiring import build
from tests.conftest import Client
from tests.http.support import IMAGE, KEY, LAYER, digest_of, push_image, start

PATHS = ("/metrics", "/api/v1/metrics", "/artifactory/api/v1/metrics")

Found = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(client: Client, path: str = "/metrics") -> Found:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: Found, name: str, **labels: str) -> float:
    return found[(name, frozenset(labels.items()))]


def asked(found: Found, route: str, method: str, status: int) -> float:
    name = "registry_http_requests_total"
    return value(found, name, route=route, method=method, status=str(status))


@pytest.mark.parametrize("path", PATHS)
def test_the_text_is_that_of_prometheus(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    for family in families:
        assert family.name.startswith("registry_")
        assert family.type in ("counter", "gauge", "histogram")
        assert family.documentation.endswith((".", "why.")), family.name
    assert value(
        read(client, path), "registry_build_info", version="0.1.0", artifactory_version="7.77.5"
    )


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("*/*", 200),
        ("text/*;q=0.1", 200),
        ("text/plain; version=0.0.4", 200),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            200,
        ),
        ("application/json", 406),
        ("application/openmetrics-text; version=1.0.0", 406),
        ("text/plain;q=0", 406),
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_who_takes_no_text_gets_none(
    client: Client, path: str, accept: str | None, status: int
) -> None:
    answer = client.get(path, {} if accept is None else {"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        assert answer.json is not None
        assert answer.json["errors"][0]["status"] == 406


@pytest.mark.parametrize("path", PATHS)
def test_they_are_for_admins_unless_a_setting_says_otherwise(
    client: Client, config: Config, instance: Instance, path: str
) -> None:
    instance.users.add("bob", "password-of-bob")
    assert client.request("GET", path, anonymous=True).status_code == 401
    assert client.as_user("bob", "password-of-bob").get(path).status_code == 403
    public = build(Config(storage_root=config.storage_root, metrics_anonymous=True))
    everybody = Client(make_application(public))
    assert everybody.request("GET", path, anonymous=True).status_code == 200
    assert everybody.request("GET", "/api/storageinfo", anonymous=True).status_code == 401


def test_requests_are_counted_by_route_method_and_status(client: Client) -> None:
    body = push_image(client)
    for _ in range(3):
        client.get(f"{IMAGE}/manifests/1.0")
    client.request("HEAD", f"{IMAGE}/manifests/1.0")
    missing = client.get(f"{IMAGE}/manifests/none")
    client.get(f"/artifactory/api/docker/{KEY}/v2/team/app/blobs/{digest_of(LAYER)}")
    client.request("GET", "/v2/", anonymous=True)
    client.get("/api/nothing/there")
    found = read(client)
    assert asked(found, "manifests", "GET", 200) == value(found, "registry_pulls_total") == 3
    assert asked(found, "manifests", "PUT", 201) == value(found, "registry_pushes_total") == 1
    assert asked(found, "manifests", "HEAD", 200) == asked(found, "manifests", "GET", 404) == 1
    assert asked(found, "uploads", "POST", 201) == 2
    assert asked(found, "docker", "GET", 401) == 1
    assert value(found, "registry_http_request_duration_seconds_count", route="manifests") == 6
    assert value(found, "registry_http_sent_bytes_total", route="blobs") == len(LAYER)
    sent = 3 * len(body) + len(missing.data)
    assert value(found, "registry_http_sent_bytes_total", route="manifests") == sent
    assert value(found, "registry_http_received_bytes_total", route="manifests") == len(body)
    assert ("metrics", "GET", "200") not in {
        (labels["route"], labels["method"], labels["status"])
        for name, pairs in found
        if name == "registry_http_requests_total" and (labels := dict(pairs))
    }
    assert asked(read(client), "metrics", "GET", 200) == 1


def test_the_disk_and_what_is_on_its_way(client: Client, instance: Instance) -> None:
    push_image(client)
    start(client)
    instance.storage_summary.run()
    found = read(client)
    assert value(found, "registry_uploads_in_progress") == 1
    assert 0 < value(found, "registry_disk_free_bytes") <= value(found, "registry_disk_bytes")
    assert value(found, "registry_repository_files", repository=KEY) == 3
    assert value(found, "registry_repository_folders", repository=KEY) == 3
    assert value(found, "registry_repository_bytes", repository=KEY) > len(LAYER)
    assert value(found, "registry_repositories_counted_timestamp_seconds") > 0


def test_what_pruning_did(client: Client, instance: Instance, storage: Path) -> None:
    push_image(client)
    client.request("DELETE", "/artifactory/docker-local/team/app")
    assert value(read(client), "registry_pruning_passes_total") == 0
    instance.pruning.run()
    found = read(client)
    size = sum(p.stat().st_size for p in (storage / "filestore").rglob("*") if p.is_file())
    assert value(found, "registry_pruning_passes_total") == 1
    assert value(found, "registry_content_bytes") == size
    assert value(found, "registry_content_files") == 3
    assert value(found, "registry_trash_entries") == 1
    assert value(found, "registry_pruning_held_bytes", by="trash") >= 0


def test_workers_that_are_alive_are_told(client: Client) -> None:
    found = read(client)
    assert value(found, "registry_workers") == 1
    assert value(found, "registry_worker_memory_bytes", worker="0") > 1_000_000
    assert value(found, "registry_worker_cpu_seconds_total", worker="0") > 0
    assert value(found, "registry_worker_open_files", worker="0") > 2


def test_every_route_has_a_kind_and_none_is_the_kind_of_no_route(app: Flask) -> None:
    kinds = {rule.rule: kind_of(rule.rule) for rule in app.url_map.iter_rules()}
    assert set(kinds.values()) <= set(ROUTES) - {"unknown", "unread"}
    for rule, kind in kinds.items():
        named = re.search(r"/(manifests|blobs|referrers|search|tags)(?:/|$)", rule)
        if named and "/api/v1" not in rule and "uploads" not in rule:
            assert kind == named[1], rule


def test_every_figure_is_in_the_manual(client: Client) -> None:
    page = Path(__file__).resolve().parents[2].joinpath("docs/monitoring.md").read_text()
    for family in text_string_to_metric_families(client.get("/metrics").text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert f"| `{name}` | {family.type} |" in page, name
        assert family.documentation in page, name
    for name in re.findall(r"`(registry_\w+)`", page):
        assert name in client.get("/metrics").text, name
