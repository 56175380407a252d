"""The smaller searches: by name, properties, checksums, patterns and dates."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Client
from tests.http.searched import (
    APP,
    CHILD,
    EVERYTHING,
    HEX,
    IMAGE,
    LAYER_NAME,
    LIST,
    STAGED,
    TWO,
    filled_registry,
)
from tests.http.support import IMAGE as PULLED
from tests.http.support import LAYER

FORM = "application/vnd.org.jfrog.artifactory.search."
URI = "http://localhost/artifactory/api/storage/"
SOON = str(round(time.time() * 1000) + 10_000_000)
MANIFESTS = {place for place in EVERYTHING if place.endswith("/manifest.json")}


@pytest.fixture(scope="module", params=[False, True], ids=["tree", "index"])
def filled(
    request: pytest.FixtureRequest,
    prepared_storage: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Client]:
    """A client of one registry for all tests here; it has been asked for all checksums."""
    folder = tmp_path_factory.mktemp("searched")
    for client in filled_registry(prepared_storage, folder, indexed=request.param):
        every = b'items.find().include("*")'
        assert client.request("POST", "/api/search/aql", body=every).status_code == 200
        yield client


def found(client: Client, search: str, kind: str) -> set[str]:
    """Return where everything is that a search finds."""
    for prefix in ("/artifactory", ""):
        answer = client.get(f"{prefix}/api/search/{search}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == f"{FORM}{kind}+json"
    uris = [result["uri"] for result in answer.get_json()["results"]]
    assert len(set(uris)) == len(uris)
    assert all(uri.startswith(URI) for uri in uris)
    return {uri.removeprefix(URI) for uri in uris}


def named(places: set[str], *names: str) -> set[str]:
    return {place for place in places if place.rpartition("/")[2] in names}


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("name=manifest.json", MANIFESTS | LIST),
        ("name=list", LIST),
        ("name=*.json", MANIFESTS | LIST),
        ("name=manifest*", MANIFESTS),
        ("name=manifest.js?n", MANIFESTS),
        ("name=manifest.json&repos=docker-stage", named(STAGED, "manifest.json")),
        ("name=manifest&repos=docker-stage,docker-local", MANIFESTS | LIST),
        ("name=manifest&repos=docker", (MANIFESTS | LIST) - STAGED),
        ("name=manifest&repos=unknown", set()),
        ("name=nothing", set()),
        ("name=list&archiveType=zip", LIST),
    ],
)
def test_by_name(filled: Client, query: str, places: set[str]) -> None:
    assert found(filled, f"artifact?{query}", "ArtifactSearchResult") == places


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("docker.manifest=2.0", named(TWO, "manifest.json")),
        ("docker.manifest", MANIFESTS | LIST),
        ("docker.manifest=", MANIFESTS | LIST),
        ("docker.manifest=*.0", named(APP | STAGED | TWO, "manifest.json")),
        ("docker.manifest=1.0,2.0", set()),
        ("docker.manifest=1.0&docker.repoName=team/app", named(APP | STAGED, "manifest.json")),
        ("docker.manifest=1.0&docker.repoName=team/other", set()),
        (f"sha256={HEX}", named(EVERYTHING - TWO, "manifest.json")),
        (f"sha256={LAYER_NAME[8:]}&type=file&repos=docker-local", named(APP | CHILD, LAYER_NAME)),
        (f"sha256={HEX}&type=folder", set()),
        ("nothing=1", set()),
    ],
)  # fmt: skip
def test_by_properties(filled: Client, query: str, places: set[str]) -> None:
    assert found(filled, f"prop?{query}", "MetadataSearchResult") == places


@pytest.mark.parametrize(
    ("query", "places"),
    [
        (f"sha256={HEX}", named(EVERYTHING - TWO, "manifest.json")),
        (f"sha256={HEX.upper()}&repos=docker-stage", named(STAGED, "manifest.json")),
        (f"sha1={hashlib.sha1(IMAGE).hexdigest()}", named(EVERYTHING - TWO, "manifest.json")),
        (f"md5={hashlib.md5(LAYER).hexdigest()}", named(EVERYTHING, LAYER_NAME)),
        (f"md5={hashlib.md5(LAYER).hexdigest()}&sha256={HEX}", set()),
        (f"sha256={'0' * 64}", set()),
        (f"sha1={'0' * 40}", set()),
    ],
)
def test_by_checksum(filled: Client, query: str, places: set[str]) -> None:
    assert found(filled, f"checksum?{query}", "ChecksumSearchResult") == places


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("docker-local:team/*/*.0/m*.json", {"team/app/1.0/manifest.json",
                                             "team/other/2.0/manifest.json"}),
        ("docker-local:team/app/sha*/m*", {f"team/app/sha256:{HEX}/manifest.json"}),
        ("docker-local:team/app/1.0/manifest.json", {"team/app/1.0/manifest.json"}),
        ("docker-local:/team/app/1.0/manifest.json", {"team/app/1.0/manifest.json"}),
        ("docker-local:*/manifest.json", set()),
        ("docker-local:team/o?her/2.0/manifest*", {"team/other/2.0/manifest.json"}),
        ("docker:team/other/*/man*", {"team/other/2.0/manifest.json"}),
    ],
)  # fmt: skip
def test_by_pattern(filled: Client, pattern: str, files: set[str]) -> None:
    answer = filled.get(f"/artifactory/api/search/pattern?pattern={pattern}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{FORM}PatternResultFileSet+json"
    document = answer.get_json()
    assert document.keys() == {"repositoryUri", "sourcePattern", "files"}
    key = pattern.partition(":")[0]
    assert document["repositoryUri"] == f"http://localhost/artifactory/{key}"
    assert document["sourcePattern"] == pattern
    assert set(document["files"]) == files


@pytest.mark.parametrize(
    ("query", "some"),
    [
        ("from=0", True),
        ("from=0&to=1000", False),
        (f"from=0&to={SOON}", True),
        (f"from={SOON}", False),
        ("from=2024-05-01T10:00:00.000Z", True),
        ("to=2024-05-01", False),
        ("", True),
        ("from=0&repos=docker-local", True),
        ("from=0&repos=unknown", False),
    ],
)
def test_by_time_of_creation(filled: Client, query: str, some: bool) -> None:
    places = found(filled, f"creation?{query}", "ArtifactCreationResult")
    wanted = EVERYTHING - STAGED if "local" in query else EVERYTHING
    assert places == (wanted if some else set())
    for result in filled.get(f"/api/search/creation?{query}").get_json()["results"]:
        assert result.keys() == {"uri", "created"}


def test_by_dates(filled: Client) -> None:
    search = "dates?dateFields=created,lastModified&from=0"
    assert found(filled, search, "ArtifactResult") == EVERYTHING
    for result in filled.get(f"/api/search/{search}").get_json()["results"]:
        assert result.keys() == {"uri", "created", "lastModified"}
    assert found(filled, f"dates?dateFields=created&from={SOON}", "ArtifactResult") == set()
    assert found(filled, "dates?dateFields=created&from=0&to=1000", "ArtifactResult") == set()
    ever = "dates?dateFields=lastDownloaded&from=0&repos=docker-stage"
    assert found(filled, ever, "ArtifactResult") == set()


def test_by_use(prepared_storage: Path, tmp_path: Path) -> None:
    for filled in filled_registry(prepared_storage, tmp_path / "used"):
        assert filled.get(f"{PULLED}/manifests/1.0").status_code == 200
        # The digest was pulled as well, by the name of the tag.
        used = APP | CHILD
        for since, places in (("1000", set()), (SOON, EVERYTHING)):
            assert found(filled, f"usage?notUsedSince={since}", "ArtifactUsageResult") == places
        early = f"usage?notUsedSince=1000&createdBefore={SOON}"
        assert found(filled, early, "ArtifactUsageResult") == EVERYTHING - used
        results = filled.get(f"/api/search/usage?notUsedSince={SOON}").get_json()["results"]
        dated = {r["uri"].removeprefix(URI) for r in results if "lastDownloaded" in r}
        assert dated == used
        search = "dates?dateFields=lastDownloaded,created&from=0&to=1000"
        assert found(filled, search, "ArtifactResult") == set()
        search = "dates?dateFields=lastDownloaded&from=0"
        assert found(filled, search, "ArtifactResult") == used


def test_details_are_given_if_they_are_wanted(filled: Client) -> None:
    path = f"/artifactory/api/search/checksum?sha256={HEX}&repos=docker-stage"

    def result(details: str) -> dict[str, object]:
        (one,) = filled.get(path, {"X-Result-Detail": details}).get_json()["results"]
        assert isinstance(one, dict)
        assert one["uri"] == f"{URI}docker-stage/team/app/1.0/manifest.json"
        return one

    assert result("").keys() == {"uri"}
    info = result("info")
    assert (info["repo"], info["path"]) == ("docker-stage", "/team/app/1.0/manifest.json")
    assert isinstance(info["size"], str)
    assert "properties" not in info
    properties = result("properties")["properties"]
    assert isinstance(properties, dict)
    assert properties["docker.manifest"] == ["1.0"]
    both = result("info, properties")
    assert {"checksums", "downloadUri", "properties", "mimeType"} <= both.keys()


@pytest.mark.parametrize(
    ("search", "status", "message"),
    [
        ("artifact", 400, "'name'"),
        ("artifact?name=", 400, "'name'"),
        ("artifact?name=x&repos=" + "a," * 300, 400, "at most 200"),
        ("prop", 400, "needs a property"),
        ("prop?repos=docker-local", 400, "needs a property"),
        ("prop?k=v&type=link", 400, "'type' is"),
        ("checksum", 400, "needs one of"),
        ("checksum?sha256=abc", 400, "64 hex digits"),
        (f"checksum?sha1={'x' * 40}", 400, "40 hex digits"),
        ("pattern", 400, "needs 'pattern'"),
        ("pattern?pattern=team/app", 400, "needs 'pattern'"),
        ("pattern?pattern=docker-local:", 400, "needs 'pattern'"),
        ("pattern?pattern=docker-local:**/manifest.json", 400, "'**' cannot be searched"),
        ("pattern?pattern=unknown:a", 404, "not known"),
        ("creation?from=yesterday", 400, "'from' is a moment"),
        ("creation?from=-1", 400, "'from' is a moment"),
        ("creation?from=99999999999999999999", 400, "'from' is a moment"),
        ("dates?from=1", 400, "'dateFields'"),
        ("dates?dateFields=born&from=1", 400, "'dateFields'"),
        ("dates?dateFields=created", 400, "needs 'from'"),
        ("usage", 400, "needs 'notUsedSince'"),
        ("badChecksum", 400, "'type'"),
        ("badChecksum?type=sha256", 400, "'type'"),
        ("dependency", 400, "'sha1'"),
        ("versions?g=a&a=b", 404, "images have no versions"),
        ("latestVersion?g=a", 404, "images have no versions"),
        ("gavc?g=a", 404, "images have no versions"),
        ("license", 404, "images have no versions"),
        ("archive?name=a", 404, "images have no versions"),
        ("nothing", 404, ""),
    ],
)
def test_what_cannot_be_searched(filled: Client, search: str, status: int, message: str) -> None:
    answer = filled.get(f"/artifactory/api/search/{search}")
    assert answer.status_code == status
    (error,) = answer.get_json()["errors"]
    assert error["status"] == status
    assert message in error["message"]


@pytest.mark.parametrize(
    "search", ["badChecksum?type=md5", "badChecksum?type=sha1", f"dependency?sha1={'0' * 40}"]
)
def test_what_there_is_none_of(filled: Client, search: str) -> None:
    answer = filled.get(f"/artifactory/api/search/{search}")
    assert answer.status_code == 200
    assert answer.get_json() == {"results": []}
    assert answer.headers["Content-Type"].endswith("+json")
