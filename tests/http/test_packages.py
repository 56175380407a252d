"""Finding tags across repositories by image, tag, digest and label, and the indexes of an image."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import pytest

from registry.access import decision
from registry.access.principals import Action, Principal
from registry.model.names import ImageName, RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.support import (
    ABSENT,
    LAYER,
    assert_error,
    digest_of,
    encoded,
    get_token,
    index_object,
    push,
    push_image,
)

SEARCH = "/artifactory/api/docker/search"


def config(**labels: str) -> bytes:
    document = {"architecture": "amd64", "os": "linux", "config": {"Labels": labels}}
    return json.dumps(document).encode()


@pytest.fixture(params=["tree", "index"])
def filled(request: pytest.FixtureRequest, client: Client, instance: Instance) -> Client:
    """Two repositories, before the index has been built and after it."""
    instance.definitions.create(RepositoryKey("second"), "local", {})
    if request.param == "index":
        instance.store.index.build()
    push_image(client, "1.0", config=config(team="red", stage="dev"))
    push_image(client, "2.0", config=config(team="red"), layers=(LAYER, b"own"))
    push_image(client, "1.0", "/v2/docker-local/team/other", config=config(team="blue"))
    push_image(client, "latest", "/v2/second/app", config=config(team="green*"))
    return client


def names(client: Client, query: str) -> list[str]:
    answer = client.get(f"{SEARCH}?{query}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json or {}
    found = [f"{p['repository']}/{p['image']}:{p['tag']}" for p in document["packages"]]
    assert document["total"] >= len(found)
    return found


APP1, APP2 = "docker-local/team/app:1.0", "docker-local/team/app:2.0"
OTHER, SECOND = "docker-local/team/other:1.0", "second/app:latest"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [APP1, APP2, OTHER, SECOND]),
        ("image=team/app", [APP1, APP2]),
        ("image=app", [SECOND]),
        ("image=*app", [APP1, APP2, SECOND]),
        ("image=team/%3F%3F%3F", [APP1, APP2]),
        ("image=nothing", []),
        ("image=../..", []),
        ("image=%25", []),
        ("tag=1.0", [APP1, OTHER]),
        ("tag=*.0", [APP1, APP2, OTHER]),
        ("tag=1.0&image=team/app", [APP1]),
        ("tag=.*", []),
        ("label=team", [APP1, APP2, OTHER, SECOND]),
        ("label=stage", [APP1]),
        ("label=team=red", [APP1, APP2]),
        ("label=team=red&label=stage=dev", [APP1]),
        ("label=team=*e*", [APP1, APP2, OTHER, SECOND]),
        ("label=team=green%2A", [SECOND]),
        ("label=team=", [APP1, APP2, OTHER, SECOND]),
        ("label=none", []),
        ("repos=second", [SECOND]),
        ("repos=second,docker-local&image=app", [SECOND]),
        ("repos=second&repos=docker-local&image=app", [SECOND]),
        ("repos=unknown", []),
        ("repos=../etc", []),
        (f"digest={digest_of(LAYER)}", [APP1, APP2, OTHER, SECOND]),
        (f"digest={digest_of(b'own')}", [APP2]),
        (f"digest={digest_of(b'own').partition(':')[2]}", [APP2]),
        (f"digest={digest_of(config(team='blue'))}", [OTHER]),
        (f"digest={ABSENT}", []),
        (f"digest={digest_of(LAYER)}&repos=second", [SECOND]),
    ],
)
def test_what_is_found(filled: Client, query: str, expected: list[str]) -> None:
    assert names(filled, query) == expected
    answer = filled.get(f"/api/docker/search?{query}")
    assert (answer.json or {})["total"] == len(expected)


def test_what_is_told_of_a_tag(filled: Client) -> None:
    body = push_image(filled, "3.0", config=config(team="red", note="ü"), layers=(LAYER, b"four"))
    answer = filled.get(f"{SEARCH}?digest={digest_of(body)}")
    (found,) = (answer.json or {})["packages"]
    assert found.pop("modified").endswith("Z")
    assert found == {
        "repository": "docker-local",
        "image": "team/app",
        "tag": "3.0",
        "digest": digest_of(body),
        "size": len(body) + len(config(team="red", note="ü")) + len(LAYER) + 4,
        "labels": {"team": ["red"], "note": ["ü"]},
    }


def test_a_layer_that_tags_share_counts_in_the_size_of_each(filled: Client) -> None:
    bodies = [
        push_image(filled, tag, config=config(note=tag), layers=(LAYER, tag.encode()))
        for tag in ("3.0", "3.1")
    ]
    answer = filled.get(f"{SEARCH}?tag=3.*")
    assert [package["size"] for package in (answer.json or {})["packages"]] == [
        len(body) + len(config(note="3.0")) + len(LAYER) + 3 for body in bodies
    ]


def test_a_manifest_without_a_tag_is_found_by_its_digest_alone(filled: Client) -> None:
    body = push_image(filled, "3.0", layers=(b"three",))
    assert filled.request("DELETE", "/v2/docker-local/team/app/manifests/3.0").status_code == 202
    assert names(filled, f"digest={digest_of(body)}") == ["docker-local/team/app:None"]
    assert names(filled, f"digest={digest_of(b'three')}") == ["docker-local/team/app:None"]
    assert names(filled, "image=team/app") == [APP1, APP2]


@pytest.mark.parametrize("offset", [0, 1, 3, 4, 100])
@pytest.mark.parametrize("limit", [0, 1, 2, 100, 5000])
def test_pages(filled: Client, offset: int, limit: int) -> None:
    answer = filled.get(f"{SEARCH}?offset={offset}&limit={limit}")
    document: dict[str, Any] = answer.json or {}
    found = [f"{p['repository']}/{p['image']}:{p['tag']}" for p in document["packages"]]
    assert found == [APP1, APP2, OTHER, SECOND][offset : offset + limit]
    assert document["total"] == 4
    assert (document["offset"], document["limit"]) == (offset, min(limit, 1000))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("offset=-1", 400), ("offset=x", 400), ("limit=1.5", 400), ("limit=" + "9" * 30, 400),
        ("digest=sha256:xyz", 400), ("digest=md5:" + "0" * 32, 400), ("label==x", 400),
    ],
)  # fmt: skip
def test_questions_that_are_none(filled: Client, query: str, code: int) -> None:
    answer = filled.get(f"{SEARCH}?{query}")
    assert answer.status_code == code
    assert (answer.json or {})["errors"][0]["message"]


def test_patterns_of_strangers_take_no_time(filled: Client) -> None:
    push_image(filled, "a" * 128)
    assert names(filled, "tag=" + "*a" * 60 + "*b") == []
    assert names(filled, "image=" + "*" * 1000 + "b&label=" + "*a" * 100) == []


@dataclass(frozen=True)
class OnlyTeamApp:
    """Rules that let everybody read one image."""

    def __call__(
        self,
        rules: object,
        principal: Principal,
        action: Action,
        key: str,
        image: ImageName,
        reference: object = None,
    ) -> bool:
        return principal.admin or image == "team/app"


def test_what_may_not_be_read_takes_no_place(
    filled: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.users.add("bob", "password-of-bob")
    only = OnlyTeamApp()
    monkeypatch.setattr(
        decision.Decisions, "allows", lambda self, *arguments: only(self, *arguments)
    )
    bob = filled.as_user("bob", "password-of-bob")
    assert names(bob, "") == [APP1, APP2]
    answer = bob.get(f"{SEARCH}?digest={digest_of(LAYER)}&offset=1&limit=1")
    assert (answer.json or {})["total"] == 2
    assert names(bob, f"digest={digest_of(LAYER)}&offset=1&limit=1") == [APP2]
    assert names(bob, f"digest={digest_of(config(team='blue'))}") == []


def test_a_token_for_one_image_finds_that_image(filled: Client) -> None:
    token = filled.with_token(get_token(filled, "repository:docker-local/team/other:pull"))
    assert names(token, "") == [OTHER]


def test_nobody_searches_without_credentials(filled: Client) -> None:
    answer = filled.request("GET", SEARCH, anonymous=True)
    assert answer.status_code == 401
    assert b"team" not in answer.data


def test_what_is_not_on_the_disk_is_not_found(filled: Client, instance: Instance) -> None:
    layout = instance.store.layout
    folder = f"{layout.root}/artifacts/docker-local/team/app/1.0"
    os.remove(f"{folder}/manifest.json")
    assert names(filled, "image=team/app") == [APP2]


# --- the indexes of an image -------------------------------------------------------------------

PARENTS = "/artifactory/api/docker/docker-local/v2/team/app/parentManifests"


def parents(client: Client, **asked: str) -> list[dict[str, Any]]:
    answer = client.request("POST", PARENTS, body=json.dumps(asked).encode())
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = (answer.json or {})["parentManifestLists"]
    return found


def test_the_indexes_that_an_image_is_part_of(filled: Client) -> None:
    body = push_image(filled, "amd64")
    assert parents(filled, dockerRepository="team/app", tag="amd64") == []
    all_, other = encoded(index_object([body])), encoded(index_object([body], note="other"))
    for reference, index in (("all", all_), ("both", all_), (digest_of(other), other)):
        push(filled, reference, index)
    expected = [
        {"dockerRepository": "team/app", "digest": digest_of(all_), "tags": ["all", "both"]},
        {"dockerRepository": "team/app", "digest": digest_of(other), "tags": []},
    ]
    expected.sort(key=lambda parent: str(parent["digest"]))
    assert parents(filled, dockerRepository="team/app", tag="amd64") == expected
    assert parents(filled, tag="amd64") == expected
    assert parents(filled, digest=digest_of(body)) == expected
    assert parents(filled, tag="2.0") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 400), (b"{}", 400), (b'{"tag": 1}', 400),
        (b'{"tag": "../x"}', 400), (b'{"tag": "gone"}', 404), (b'{"digest": "x"}', 400),
        (b'{"tag": "1.0", "dockerRepository": "no/such"}', 404),
        (b'{"tag": "1.0", "dockerRepository": "../.."}', 400),
    ],
)  # fmt: skip
def test_asking_for_indexes_of_what_is_not_there(filled: Client, body: bytes, status: int) -> None:
    answer = filled.request("POST", PARENTS, body=body)
    assert answer.status_code == status, answer.text
    assert (answer.json or {})["errors"]


def test_indexes_of_an_unknown_repository(filled: Client) -> None:
    path = PARENTS.replace("docker-local", "unknown")
    assert_error(filled.request("POST", path, body=b'{"tag": "1.0"}'), 404, "NAME_UNKNOWN")
