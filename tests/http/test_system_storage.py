"""The storage summary: what clients parse of it, and what it counts."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from registry.config import Config
from registry.model.errors import StorageFull
from registry.services.instance import Instance
from registry.services.storage_summary import percent_text, size_text
from registry.storage import documents
from registry.web.application import make_application
from registry.wiring import build
from tests.conftest import Client
from tests.http.support import CONFIG, LAYER, push, push_image

COUNT = re.compile(r"\d{1,3}(?:,\d{3})*")
SIZE = re.compile(r"\d{1,3}(?:,\d{3})*(?:\.\d{1,2})? (?:bytes|KB|MB|GB|TB)")
PART = re.compile(r"\d{1,3}(?:\.\d{1,2})?%")
OF_DISK = re.compile(rf"{SIZE.pattern} \({PART.pattern}\)")
"""What the exporter for Prometheus reads."""


def summary(client: Client) -> dict[str, Any]:
    answer = client.get("/artifactory/api/storageinfo")
    assert answer.status_code == 200, answer.text
    assert "json" in answer.headers["Content-Type"]
    found: dict[str, Any] = json.loads(answer.data)
    return found


def row(found: dict[str, Any], key: str = "docker-local") -> dict[str, Any]:
    (one,) = [one for one in found["repositoriesSummaryList"] if one["repoKey"] == key]
    return dict(one)


def counted(client: Client, instance: Instance) -> dict[str, Any]:
    """Count as the thread would, and return the summary."""
    instance.storage_summary.run()
    return summary(client)


def assert_parsed(found: dict[str, Any]) -> None:
    """Every text has the form that clients parse, and every number is one."""
    binaries, disk = found["binariesSummary"], found["fileStoreSummary"]
    for name in ("binariesCount", "itemsCount", "artifactsCount"):
        assert COUNT.fullmatch(binaries[name])
    for name in ("binariesSize", "artifactsSize"):
        assert SIZE.fullmatch(binaries[name])
    assert PART.fullmatch(binaries["optimization"])
    assert SIZE.fullmatch(disk["totalSpace"])
    for name in ("usedSpace", "freeSpace"):
        assert OF_DISK.fullmatch(disk[name])
    assert disk["storageType"] == "filesystem"
    for one in found["repositoriesSummaryList"]:
        for name in ("foldersCount", "filesCount", "usedSpaceInBytes", "itemsCount"):
            assert type(one[name]) is int
        assert SIZE.fullmatch(one["usedSpace"])
        assert one["repoType"] in ("LOCAL", "CACHE", "VIRTUAL", "FEDERATED", "NA")
        if one["repoKey"] != "TOTAL":
            assert one["percentage"] == "N/A" or PART.fullmatch(one["percentage"])
            assert (one["packageType"], one["projectKey"]) == ("Docker", "default")


def test_an_empty_registry(client: Client) -> None:
    found = summary(client)
    assert_parsed(found)
    assert found["binariesSummary"]["binariesCount"] == "0"
    assert row(found)["percentage"] == "N/A"
    assert row(found, "TOTAL")["itemsCount"] == 0


def test_what_is_shared_counts_in_each_image_and_once_in_the_filestore(
    client: Client, instance: Instance
) -> None:
    body = push_image(client)
    push(client, "2.0", body)
    size = len(body) + len(CONFIG) + len(LAYER)
    found = counted(client, instance)
    assert_parsed(found)
    assert found["binariesSummary"] == {
        "binariesCount": "3",
        "binariesSize": size_text(size),
        "artifactsSize": size_text(2 * size),
        "optimization": "50.00%",
        "itemsCount": "10",
        "artifactsCount": "6",
    }
    one, total = row(found), row(found, "TOTAL")
    assert (one["filesCount"], one["foldersCount"], one["itemsCount"]) == (6, 4, 10)
    assert one["usedSpaceInBytes"] == total["usedSpaceInBytes"] == 2 * size
    assert (one["repoType"], one["percentage"], total["repoType"]) == ("LOCAL", "100.00%", "NA")
    tree = list(instance.store.tree.walk(instance.definitions.all()[0].key))
    assert one["filesCount"] == sum(not item.is_folder for item in tree)
    assert one["foldersCount"] == sum(item.is_folder for item in tree)
    assert one["usedSpaceInBytes"] == sum(item.size for item in tree)


def test_what_the_tree_does_not_show_does_not_count(
    client: Client, instance: Instance, storage: Path
) -> None:
    push_image(client)
    push_image(client, image="/v2/docker-local/gone/image")
    client.request("DELETE", "/artifactory/docker-local/gone")
    client.request("POST", "/v2/docker-local/begun/image/blobs/uploads/")
    for name in ("_manifests/_tmp.1", "_layers/sha256__00", "_referrers/x"):
        (storage / "artifacts/docker-local/left" / name).mkdir(parents=True)
    found = row(counted(client, instance))
    assert (found["foldersCount"], found["filesCount"]) == (3, 3)


def test_a_folder_that_somebody_made_counts_once(client: Client, instance: Instance) -> None:
    key = instance.definitions.all()[0].key
    push_image(client)
    for location in ("made/by/hand", "team/app"):
        instance.store.folder_records.make(key, location, "alice")
    found = row(counted(client, instance))
    tree = list(instance.store.tree.walk(key))
    assert found["foldersCount"] == sum(item.is_folder for item in tree) == 6


def test_the_figures_are_kept_for_all_workers(
    client: Client, instance: Instance, config: Config, storage: Path
) -> None:
    first = counted(client, instance)
    push_image(client)
    assert summary(client) == first | {"fileStoreSummary": summary(client)["fileStoreSummary"]}
    other = build(config)
    assert other.storage_summary.kept()["counted"] == first["calculated"]
    assert not other.storage_summary.is_due()
    assert json.loads((storage / "storage-summary.json").read_text())["counted"]
    assert not [f for f in other.checking.run(deep=False) if "summary" in f.path]


def test_calculate_asks_for_new_ones(client: Client, instance: Instance) -> None:
    counted(client, instance)
    assert not instance.storage_summary.is_due()
    answer = client.request("POST", "/artifactory/api/storageinfo/calculate")
    assert answer.status_code == 202
    assert answer.json == {"info": "Calculating storage summary scheduled to run successfully"}
    assert instance.storage_summary.is_due()
    instance.storage_summary.run()
    assert not instance.storage_summary.is_due()


def test_without_a_clock_whoever_asks_waits_for_new_figures(config: Config) -> None:
    instance = build(Config(storage_root=config.storage_root, prune_interval=0))
    client = Client(make_application(instance))
    assert row(summary(client))["filesCount"] == 0
    push_image(client)
    client.request("POST", "/api/storageinfo/calculate")
    assert row(summary(client))["filesCount"] == 3


@pytest.mark.parametrize("age", [3700, -10])
def test_old_figures_are_counted_anew_and_so_are_those_of_the_future(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, age: float
) -> None:
    instance.storage_summary.run()
    present = time.time()
    monkeypatch.setattr(time, "time", lambda: present + age)
    assert instance.storage_summary.is_due()


def test_a_full_disk_keeps_nobody_from_the_figures(
    client: Client, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("the storage is full")

    push_image(client)
    monkeypatch.setattr(documents, "replace", full)
    assert row(summary(client))["filesCount"] == 3
    assert not (storage / "storage-summary.json").exists()


def test_damaged_figures_are_counted_anew(client: Client, storage: Path) -> None:
    (storage / "storage-summary.json").write_text("{")
    assert row(summary(client))["filesCount"] == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.00 KB"),
        (4194304, "4.00 MB"),
        (1024**2 - 1, "1.00 MB"),
        (3_736_621_056, "3.48 GB"),
        (5 * 1024**4, "5.00 TB"),
        (1500 * 1024**4, "1,500.00 TB"),
    ],
)
def test_sizes_as_artifactory_writes_them(size: int, text: str) -> None:
    assert size_text(size) == text
    assert SIZE.fullmatch(text)


def test_parts_in_percent() -> None:
    assert (percent_text(582, 10_000), percent_text(1, 0)) == ("5.82%", "N/A")
