"""Permission targets over REST: two views of the same targets, exact statuses, and who may."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.securing import GROUPS, PASSWORD, USERS, V1, V2, done, got, message, send, user
from tests.http.support import push_image

T1, T2 = f"{V1}/team", f"{V2}/team"
DOCUMENT = {
    "name": "team", "includesPattern": "team/**,x/*", "excludesPattern": "**/secret/**",
    "repositories": ["docker-local", "ANY REMOTE"],
    "principals": {"users": {"alice": ["r", "w", "n", "d", "m"]}, "groups": {"readers": ["r"]}},
}  # fmt: skip
REPO: dict[str, Any] = {
    "include-patterns": ["team/**", "x/*"], "exclude-patterns": ["**/secret/**"],
    "repositories": ["docker-local", "ANY REMOTE"],
    "actions": {
        "users": {"alice": ["read", "write", "annotate", "delete", "manage"]},
        "groups": {"readers": ["read"]},
    },
}  # fmt: skip
BUILD = {
    "include-patterns": ["**"], "exclude-patterns": [""],
    "repositories": ["artifactory-build-info"], "actions": {"users": {}, "groups": {}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _people(client: Client) -> None:
    for name in ("alice", "bob"):
        done(client, "PUT", f"{USERS}/{name}", 201, user())
    done(client, "PUT", f"{GROUPS}/readers", 201, {})


def test_the_life_of_a_target_of_version_1(client: Client) -> None:
    assert message(client.get(T1), 404)
    done(client, "PUT", T1, 201, DOCUMENT)
    assert got(client, T1) == DOCUMENT
    assert got(client, V1) == [{"name": "team", "uri": f"http://localhost{T1}"}]
    done(client, "PUT", T1, 201, {"repositories": []})
    assert got(client, T1) == {
        "name": "team", "includesPattern": "**", "excludesPattern": "", "repositories": [],
        "principals": {"users": {}, "groups": {}},
    }  # fmt: skip
    assert done(client, "DELETE", T1, 200).text == (
        "Permission Target 'team' has been removed successfully.\n"
    )
    for method in ("GET", "DELETE"):
        assert message(send(client, method, T1), 404)
    assert send(client, "POST", T1, DOCUMENT).status_code == 405


def test_the_life_of_a_target_of_version_2(client: Client) -> None:
    assert message(client.get(T2), 404)
    assert client.request("HEAD", T2).status_code == 404
    done(client, "POST", T2, 201, {"name": "team", "repo": REPO, "build": BUILD})
    assert client.request("HEAD", T2).status_code == 200
    assert got(client, T2) == {"name": "team", "repo": REPO, "build": BUILD}
    assert got(client, V2) == [{"name": "team", "uri": f"http://localhost{T2}"}]
    assert "exists" in message(send(client, "POST", T2, {"name": "team", "repo": REPO}), 409)
    done(client, "PUT", T2, 200, {"name": "team", "repo": REPO, "build": None})
    assert got(client, T2) == {"name": "team", "repo": REPO}
    done(client, "DELETE", T2, 200)
    assert message(client.get(T2), 404)
    done(client, "PUT", T2, 200, {"name": "team", "build": BUILD, "releaseBundle": None})
    assert got(client, T2) == {"name": "team", "build": BUILD}


def test_both_versions_are_views_of_the_same(client: Client) -> None:
    done(client, "PUT", T1, 201, DOCUMENT)
    assert got(client, T2) == {"name": "team", "repo": REPO}
    done(client, "PUT", T2, 200, {"repo": REPO, "build": BUILD})
    assert got(client, T1) == DOCUMENT
    done(client, "PUT", T1, 201, {**DOCUMENT, "includesPattern": ""})
    assert got(client, T2) == {
        "name": "team", "repo": {**REPO, "include-patterns": ["**"]}, "build": BUILD,
    }  # fmt: skip
    done(client, "PUT", f"{V2}/builds", 200, {"build": BUILD})
    assert [entry["name"] for entry in got(client, V1)] == ["builds", "team"]
    assert got(client, f"{V1}/builds")["repositories"] == []


def test_words_that_mean_nothing_here_are_kept(client: Client) -> None:
    users = {"alice": ["r", "mxm", "x"]}
    done(client, "PUT", T1, 201, {"principals": {"users": users, "groups": None}})
    assert got(client, T1)["principals"]["users"] == users
    actions = {"alice": ["read", "managedXrayMeta", "distribute"]}
    assert got(client, T2)["repo"]["actions"]["users"] == actions
    done(client, "PUT", T1, 201, {"principals": None, "unknown": 1})
    assert got(client, T1)["principals"] == {"users": {}, "groups": {}}


WRONG: list[tuple[Any, str]] = [
    ({"name": "other"}, "name"),
    ({"repositories": ["none"]}, "'none'"),
    ({"repositories": "ANY"}, "repositories"),
    ({"repositories": [1]}, "repositories"),
    ({"includesPattern": ["**"]}, "includesPattern"),
    ({"principals": []}, "principals"),
    ({"principals": {"users": {"nobody": ["r"]}}}, "'nobody'"),
    ({"principals": {"groups": {"none": ["r"]}}}, "'none'"),
    ({"principals": {"users": {"alice": ["admin"]}}}, "'admin'"),
    ({"principals": {"users": {"alice": ["read"]}}}, "'read'"),
    ({"principals": {"users": {"alice": "r"}}}, "alice"),
    ({"principals": {"users": ["alice"]}}, "users"),
]


@pytest.mark.parametrize(("document", "word"), WRONG)
def test_a_wrong_target_is_refused_and_not_made(client: Client, document: Any, word: str) -> None:
    assert word in message(send(client, "PUT", T1, document), 400)
    assert got(client, V1) == []
    # Nobody has lost what roles give to everybody.
    alice = client.as_user("alice", PASSWORD)
    push_image(alice)


@pytest.mark.parametrize(
    "document",
    [{"repo": []}, {"repo": {"actions": []}}, {"repo": {"repositories": ["none"]}},
     {"repo": {"actions": {"users": {"alice": ["r"]}}}}, {"build": 1}, {"name": "x"}],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_wrong_target_of_version_2_is_refused(client: Client, method: str, document: Any) -> None:
    assert message(send(client, method, T2, document), 400)
    assert got(client, V2) == []


@pytest.mark.parametrize(
    ("path", "name"), [("Any+Remote", "Any Remote"), ("a%2Bb", "a+b"), ("_rules", "_rules")]
)
def test_names_in_paths(client: Client, path: str, name: str) -> None:
    for version, status in ((V1, 201), (V2, 200)):
        done(client, "PUT", f"{version}/{path}", status, {"name": name})
        (entry,) = got(client, version)
        assert entry["name"] == name
        assert got(client, entry["uri"].removeprefix("http://localhost"))["name"] == name
    done(client, "DELETE", f"{V1}/{path}", 200)


def test_a_target_decides_on_the_next_request(client: Client) -> None:
    push_image(client)
    alice = client.as_user("alice", PASSWORD)
    path = "/v2/docker-local/team/app/manifests/1.0"
    assert alice.get(path).status_code == 200
    done(client, "PUT", T1, 201, {**DOCUMENT, "principals": {"users": {"bob": ["r"]}}})
    assert alice.get(path).status_code in (403, 404)
    done(client, "PUT", T1, 201, DOCUMENT)
    assert alice.get(path).status_code == 200
    done(client, "DELETE", T1, 200)
    assert alice.get(path).status_code in (403, 404)
    assert client.get(path).status_code == 200


def test_a_repository_that_goes_is_mentioned_no_longer(client: Client) -> None:
    done(client, "PUT", T1, 201, DOCUMENT)
    done(client, "DELETE", "/artifactory/api/repositories/docker-local", 200)
    assert got(client, T1)["repositories"] == ["ANY REMOTE"]
    done(client, "DELETE", f"{USERS}/alice", 200)
    done(client, "DELETE", f"{GROUPS}/readers", 200)
    assert got(client, T1)["principals"] == {"users": {}, "groups": {}}


def manager(client: Client, **section: Any) -> Client:
    """Return alice's client, who manages a part of ``docker-local``."""
    document = {"repositories": ["docker-local"], "principals": {"users": {"alice": ["m"]}}}
    done(client, "PUT", f"{V1}/hers", 201, document | section)
    done(client, "PUT", f"{V1}/others", 201, {"repositories": ["second"]})
    return client.as_user("alice", PASSWORD)


@pytest.fixture
def _second(instance: Instance) -> None:
    instance.definitions.create(RepositoryKey("second"), "local", {})


@pytest.mark.usefixtures("_second")
class TestManagers:
    """Who manages a repository may change the targets that are about it alone."""

    def test_they_see_and_change_their_own(self, client: Client) -> None:
        alice = manager(client)
        for version in (V1, V2):
            assert [entry["name"] for entry in got(alice, version)] == ["hers"]
        mine = {"repositories": ["docker-local"], "principals": {"users": {"bob": ["r"]}}}
        done(alice, "PUT", T1, 201, mine)
        done(alice, "PUT", T1, 201, {**mine, "includesPattern": "x/**"})
        assert got(alice, T2)["repo"]["include-patterns"] == ["x/**"]
        done(alice, "DELETE", T1, 200)
        done(alice, "POST", T2, 201, {"repo": {"repositories": ["docker-local"]}})
        done(alice, "DELETE", T2, 200)

    def test_others_do_not_exist_for_them(self, client: Client) -> None:
        alice = manager(client)
        answers = {message(alice.get(f"{V1}/{n}"), 404).replace(n, "N") for n in ("others", "none")}
        assert len(answers) == 1
        for method in ("GET", "DELETE"):
            assert message(send(alice, method, f"{V2}/others"), 404)
        assert message(send(alice, "PUT", f"{V1}/others", {"repositories": ["docker-local"]}), 403)
        repo = {"repositories": ["docker-local"]}
        assert message(send(alice, "PUT", f"{V2}/others", {"repo": repo}), 403)
        assert message(send(alice, "POST", f"{V2}/others", {"repo": repo}), 409)
        assert got(client, f"{V1}/others")["repositories"] == ["second"]

    @pytest.mark.parametrize(
        "document",
        [
            {"repositories": ["second"]}, {"repositories": ["docker-local", "second"]},
            {"repositories": ["ANY"]}, {"repositories": ["ANY LOCAL"]}, {"repositories": []}, {},
        ],
    )  # fmt: skip
    def test_a10_they_take_no_more_than_they_manage(
        self, client: Client, document: dict[str, Any]
    ) -> None:
        alice = manager(client)
        document |= {"principals": {"users": {"alice": ["r", "w", "n", "d", "m"]}}}
        for name in ("hers", "new"):
            assert message(send(alice, "PUT", f"{V1}/{name}", document), 403)
        assert got(client, f"{V1}/hers")["repositories"] == ["docker-local"]
        assert message(client.get(f"{V1}/new"), 404)
        build = {"repo": {"repositories": ["docker-local"]}, "build": BUILD}
        assert message(send(alice, "PUT", f"{V2}/hers", build), 403)

    @pytest.mark.parametrize(
        ("patterns", "status"),
        [
            ({"includesPattern": "team/**", "excludesPattern": "**/x/**"}, 201),
            ({"includesPattern": "team/**", "excludesPattern": "**/x/**,y"}, 201),
            ({"includesPattern": "team/**"}, 403),
            ({"excludesPattern": "**/x/**"}, 403),
            ({"includesPattern": "team/**,y/**", "excludesPattern": "**/x/**"}, 403),
            ({}, 403),
        ],
    )
    def test_their_patterns_are_the_widest(
        self, client: Client, patterns: dict[str, str], status: int
    ) -> None:
        alice = manager(client, includesPattern="team/**", excludesPattern="**/x/**")
        done(alice, "PUT", T1, status, {"repositories": ["docker-local"], **patterns})

    def test_any_local_is_every_local_repository(self, client: Client) -> None:
        alice = manager(client, repositories=["ANY LOCAL"])
        assert [entry["name"] for entry in got(alice, V1)] == ["hers", "others"]
        done(alice, "PUT", T1, 201, {"repositories": ["second", "docker-local"]})
        assert message(send(alice, "PUT", T1, {"repositories": ["ANY REMOTE"]}), 403)

    def test_a_limited_token_manages_nothing(self, client: Client) -> None:
        alice = manager(client)
        answer = alice.get("/v2/token?scope=repository:docker-local/team/app:*")
        limited = alice.with_token(json.loads(answer.data)["token"])
        for path in (V1, f"{V1}/hers"):
            assert limited.get(path).status_code == 403


def test_who_manages_nothing_learns_nothing(client: Client) -> None:
    done(client, "PUT", T1, 201, {**DOCUMENT, "principals": {"users": {"alice": ["r", "w"]}}})
    alice = client.as_user("alice", PASSWORD)
    texts = set()
    for method, path in (
        ("GET", V1), ("GET", T1), ("GET", f"{V1}/none"), ("PUT", T1), ("PUT", f"{V1}/none"),
        ("DELETE", T1), ("GET", V2), ("GET", T2), ("POST", T2), ("PUT", T2), ("DELETE", T2),
    ):  # fmt: skip
        texts.add(message(send(alice, method, path, {}), 403))
        assert client.request(method, path, anonymous=True).status_code == 401
    assert len(texts) == 1
