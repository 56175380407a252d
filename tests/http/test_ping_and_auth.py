"""The base endpoint, and what each kind of credentials leads to there."""

from __future__ import annotations

import base64
import json

import pytest

from registry.access.tokens import Tokens
from registry.services.instance import Instance
from tests.conftest import ADMIN_PASSWORD, Client, basic
from tests.http.support import IMAGE, assert_error, challenge_of, codes, get_token, push_image

VERSION = "Docker-Distribution-Api-Version"


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_ping_with_credentials(client: Client, path: str, method: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 200
    assert answer.headers[VERSION] == "registry/2.0"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Content-Length"] == client.get("/v2/").headers["Content-Length"]
    assert answer.data in (b"", b"{}", b"{}\n")


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_ping_without_credentials_is_a_challenge(client: Client, path: str) -> None:
    answer = client.request("GET", path, anonymous=True)
    found = challenge_of(answer)
    assert set(found) == {"realm", "service"}
    assert found["realm"] == "http://localhost/v2/token"
    assert found["service"] == "localhost"
    assert answer.headers[VERSION] == "registry/2.0"
    assert codes(answer) == ["UNAUTHORIZED"]


def test_head_without_credentials_has_the_challenge_and_no_body(client: Client) -> None:
    answer = client.request("HEAD", "/v2/", anonymous=True)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert answer.data == b""


def test_words_that_naive_parsers_search_for_are_not_in_the_challenge(client: Client) -> None:
    value = client.request("GET", "/v2/", anonymous=True).headers["WWW-Authenticate"]
    assert "basic" not in value.lower()
    assert value.lower().count("bearer") == 1


def test_a_token_without_rights_opens_ping_and_catalog(client: Client) -> None:
    push_image(client)
    login = client.with_token(get_token(client))
    assert login.get("/v2/").status_code == 200
    listed = login.get("/v2/_catalog")
    assert json.loads(listed.data) == {"repositories": ["docker-local/team/app"]}


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_is_compared_without_case(client: Client, scheme: str) -> None:
    value = basic("admin", ADMIN_PASSWORD).replace("Basic", scheme)
    assert client.get("/v2/", {"Authorization": value}).status_code == 200
    token = get_token(client)
    assert client.get("/v2/", {"Authorization": f"bearer {token}"}).status_code == 200


def test_a_password_may_contain_colons_and_umlauts(client: Client, instance: Instance) -> None:
    password = "a:b:c-grüße"
    instance.users.add("bob", password)
    assert client.as_user("bob", password).get("/v2/").status_code == 200
    assert client.as_user("bob", "a").get("/v2/").status_code == 401


def test_unknown_user_and_wrong_password_look_alike(client: Client) -> None:
    wrong = client.as_user("admin", "not-the-password").get("/v2/")
    unknown = client.as_user("nobody-here", "not-the-password").get("/v2/")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.data == unknown.data
    assert dict(wrong.headers) == dict(unknown.headers)


def test_empty_basic_credentials_count_as_none(client: Client) -> None:
    answer = client.get(f"{IMAGE}/tags/list", {"Authorization": "Basic Og=="})
    assert challenge_of(answer)["scope"] == "repository:docker-local/team/app:pull"
    assert "error" not in challenge_of(answer)


MALFORMED = {
    "nothing": "",
    "only a scheme": "Basic",
    "no base64": "Basic !!!",
    "no colon": "Basic " + base64.b64encode(b"admin").decode(),
    "no UTF-8": "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
    "zero byte": "Basic " + base64.b64encode(b"admin\0:admin-password").decode(),
    "traversal": "Basic " + base64.b64encode(b"../users/admin:admin-password").decode(),
    "upper case": basic("ADMIN", ADMIN_PASSWORD),
    "trailing newline in the name": basic("admin\n", ADMIN_PASSWORD),
    "other scheme": "Digest username=admin",
    "two at once": f"{basic('admin', ADMIN_PASSWORD)}, {basic('admin', ADMIN_PASSWORD)}",
    "empty bearer": "Bearer ",
    "garbage bearer": "Bearer abc.def.ghi",
    "unsigned JWT": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    "many dots": "Bearer " + "." * 5000,
    "long password": basic("admin", "x" * 5000),
}


@pytest.mark.parametrize("value", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_credentials_are_401(client: Client, value: str) -> None:
    answer = client.get(f"{IMAGE}/tags/list", {"Authorization": value})
    challenge_of(answer)
    assert codes(answer) == ["UNAUTHORIZED"]


def test_an_oversized_header_is_refused(client: Client) -> None:
    answer = client.get("/v2/", {"Authorization": "Basic " + "A" * 1_000_000})
    assert answer.status_code in (400, 401)
    codes(answer)


def test_expired_token(client: Client, instance: Instance) -> None:
    admin = instance.users.get("admin")
    token = Tokens(instance.keys).issue("admin", admin.credential, {}, -3600)
    answer = client.with_token(token).get("/v2/")
    assert challenge_of(answer)["error"] == "invalid_token"


def test_a_token_ends_with_its_user_and_with_a_new_password(
    client: Client, instance: Instance
) -> None:
    instance.users.add("bob", "first-password")
    bob = client.as_user("bob", "first-password")
    token = client.with_token(get_token(bob, "repository:docker-local/team/app:pull"))
    assert token.get("/v2/").status_code == 200
    instance.users.set_password("bob", "second-password")
    assert challenge_of(token.get("/v2/"))["error"] == "invalid_token"
    assert bob.get("/v2/").status_code == 401

    fresh = client.with_token(get_token(client.as_user("bob", "second-password")))
    instance.users.remove("bob")
    assert challenge_of(fresh.get("/v2/"))["error"] == "invalid_token"


def test_a_user_made_again_does_not_revive_old_tokens(client: Client, instance: Instance) -> None:
    instance.users.add("bob", "first-password")
    token = client.with_token(get_token(client.as_user("bob", "first-password")))
    instance.users.remove("bob")
    instance.users.add("bob", "first-password")
    assert challenge_of(token.get("/v2/"))["error"] == "invalid_token"


def test_rotation_keeps_tokens_of_the_last_keys(client: Client, instance: Instance) -> None:
    token = client.with_token(get_token(client))
    instance.keys.rotate()
    assert token.get("/v2/").status_code == 200
    for _ in range(5):
        instance.keys.rotate()
    assert challenge_of(token.get("/v2/"))["error"] == "invalid_token"


def test_every_altered_character_makes_a_token_invalid(client: Client) -> None:
    token = get_token(client, "repository:docker-local/team/app:pull")
    for position, character in enumerate(token):
        # Far apart in the base64 alphabet, so that the decoded bytes differ in the last place, too.
        other = "A" if character != "A" else "z"
        altered = f"{token[:position]}{other}{token[position + 1 :]}"
        answer = client.with_token(altered).get("/v2/")
        assert answer.status_code == 401, (position, character)


def test_unknown_paths_are_404_in_json(client: Client) -> None:
    for path in ("/v2/nothing", "/v2/docker-local/app", "/v2/a/b/c/d", "/nothing", "/", "//v2/"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert json.loads(answer.data)["errors"], path


def test_query_parameters_that_mean_nothing_are_ignored(client: Client) -> None:
    assert client.get("/v2/?ns=docker.io&x=%00").status_code == 200
    push_image(client)
    assert client.get(f"{IMAGE}/manifests/1.0?ns=registry.example").status_code == 200


def test_no_answer_is_compressed(client: Client) -> None:
    push_image(client)
    for path in ("/v2/", "/v2/_catalog", f"{IMAGE}/manifests/1.0", f"{IMAGE}/tags/list"):
        answer = client.get(path, {"Accept-Encoding": "gzip, deflate, br"})
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer.headers


KNOWN_PATHS = (
    ("/v2/", "POST"),
    ("/v2/_catalog", "POST"),
    (f"{IMAGE}/tags/list", "POST"),
    (f"{IMAGE}/manifests/1.0", "POST"),
    (f"{IMAGE}/manifests/1.0", "PATCH"),
    (f"{IMAGE}/blobs/sha256:{'0' * 64}", "PUT"),
    (f"{IMAGE}/blobs/uploads/{'0' * 32}", "POST"),
    (f"{IMAGE}/blobs/uploads/", "PUT"),
    (f"{IMAGE}/referrers/sha256:{'0' * 64}", "DELETE"),
)


@pytest.mark.parametrize(("path", "method"), KNOWN_PATHS)
def test_an_unknown_method_on_a_known_path_is_405(client: Client, path: str, method: str) -> None:
    answer = client.request(method, path)
    assert_error(answer, 405, "UNSUPPORTED")
    assert "GET" in answer.headers["Allow"] or "POST" in answer.headers["Allow"]
    assert method not in answer.headers["Allow"]
