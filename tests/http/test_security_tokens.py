"""Access tokens by both REST APIs, as clients ask for them and with them."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from registry.services.instance import Instance
from tests.conftest import Client, basic
from tests.http.support import IMAGE, KEY, get_token, push_image

OLD = "/artifactory/api/security/token"
NEW = "/artifactory/access/api/v1/tokens"
BOBS = "password-of-bob"
PULL = f"applied-permissions/images:{KEY}/team/app:pull"


@pytest.fixture
def bob(client: Client, instance: Instance) -> Client:
    instance.users.add("bob", BOBS)
    return client.as_user("bob", BOBS)


def ask(
    client: Client, method: str, path: str, status: int = 200, form: Any = None, **more: Any
) -> Any:
    """Return the JSON of an answer; what is sent is a form, as the Python clients send it."""
    body = b"" if form is None else urlencode(form).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    answer = client.request(method, path, headers, body, **more)
    assert answer.status_code == status, answer.text
    return json.loads(answer.data) if answer.mimetype == "application/json" else answer.text


def token_of(client: Client, **form: Any) -> str:
    return str(ask(client, "POST", NEW, form=form)["access_token"])


class TestAsking:
    @pytest.mark.parametrize("path", [OLD, "/api/security/token"])
    def test_the_older_api(self, client: Client, path: str) -> None:
        form = {"username": "admin", "scope": "member-of-groups:* api:*"}
        answer = ask(client, "POST", path, form=form)
        token = answer.pop("access_token")
        assert answer == {"expires_in": 3600, "scope": form["scope"], "token_type": "Bearer"}
        payload = json.loads(base64.b64decode(token.split(".")[1] + "=="))
        assert payload["sub"].endswith("/users/admin")
        assert payload["jti"]

    @pytest.mark.parametrize("path", [NEW, "/access/api/v1/tokens", f"{NEW}/"])
    def test_the_platforms_api(self, client: Client, path: str) -> None:
        form = {"username": "admin", "expires_in": "3600", "refreshable": "False"}
        answer = ask(client, "POST", path, form=form)
        assert set(answer) == {"token_id", "access_token", "expires_in", "scope", "token_type"}
        assert (answer["expires_in"], answer["token_type"]) == (3600, "Bearer")
        assert answer["scope"] == "applied-permissions/user"

    def test_the_platforms_api_takes_json(self, client: Client) -> None:
        document = {
            "expires_in": 0, "refreshable": True, "include_reference_token": True, "scope": "",
            "description": "for tests", "project_key": "", "force_revocable": True,
        }  # fmt: skip
        body = json.dumps(document).encode()
        answer = client.request("POST", NEW, {"Content-Type": "application/json"}, body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        found = json.loads(answer.data)
        assert "expires_in" not in found
        assert len(found["reference_token"]) == 64
        assert found["refresh_token"]
        (listed,) = ask(client, "GET", NEW)["tokens"]
        assert listed["description"] == "for tests"
        assert "expiry" not in listed

    @pytest.mark.parametrize(
        ("form", "status", "error"),
        [
            ({"scope": "nothing"}, 400, "invalid_request"),
            ({"expires_in": "soon"}, 400, "invalid_request"),
            ({"grant_type": "password"}, 400, "invalid_request"),
            ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_request"),
            ({"username": "admin"}, 403, "access_denied"),
            ({"expires_in": "0"}, 403, "access_denied"),
            ({"scope": "applied-permissions/admin"}, 403, "access_denied"),
        ],
    )
    def test_errors_are_those_of_oauth(
        self, bob: Client, form: dict[str, str], status: int, error: str
    ) -> None:
        answer = ask(bob, "POST", OLD, status, form)
        assert set(answer) == {"error", "error_description"}
        assert answer["error"] == error
        errors = ask(bob, "POST", NEW, status, form)["errors"]
        assert set(errors[0]) == {"code", "message", "detail"}

    def test_without_credentials_there_is_none(self, client: Client) -> None:
        assert ask(client, "POST", OLD, 401, anonymous=True)["error"] == "invalid_client"
        assert ask(client, "POST", NEW, 401, anonymous=True)["errors"]
        wrong = client.as_user("admin", "wrong")
        assert ask(wrong, "POST", OLD, 401) == {
            "error": "invalid_client", "error_description": "Bad Credentials",
        }  # fmt: skip

    @pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 5000, b'{"scope": 7}', b"\xff"])
    def test_what_is_no_document_is_refused(self, client: Client, body: bytes) -> None:
        for path in (OLD, NEW):
            answer = client.request("POST", path, {"Content-Type": "application/json"}, body)
            assert answer.status_code == 400, answer.text

    @pytest.mark.parametrize("path", [OLD, NEW])
    def test_refreshing_needs_the_refresh_token_alone(self, client: Client, path: str) -> None:
        """jf sends no other credentials, for the ones before may have expired."""
        first = ask(client, "POST", path, form={"refreshable": "true"})
        form = {
            "grant_type": "refresh_token",
            "refresh_token": first["refresh_token"],
            "access_token": first["access_token"],
        }
        second = ask(client, "POST", path, form=form, anonymous=True)
        assert second["access_token"] != first["access_token"]
        for token in (first, second):
            assert client.with_token(token["access_token"]).get("/v2/").status_code == 200

    def test_other_identity_providers_are_not_known(self, client: Client) -> None:
        ask(client, "POST", "/access/api/v1/oidc/token", 404, form={"a": "b"})


class TestUsing:
    @pytest.mark.parametrize("kind", ["access_token", "reference_token"])
    def test_it_opens_every_api_in_every_form(self, client: Client, kind: str) -> None:
        token = ask(client, "POST", NEW, form={"include_reference_token": "true"})[kind]
        for path in ("/v2/", "/v2/_catalog", "/v2/token", "/api/repositories", "/api/system", NEW):
            for headers in (
                {"Authorization": f"Bearer {token}"},
                {"Authorization": basic("admin", token)},
                {"Authorization": basic("", token)},
                {"Authorization": basic("_token", token)},
                {"X-JFrog-Art-Api": token},
            ):
                answer = client.request("GET", path, headers, anonymous=True)
                assert answer.status_code == 200, (path, headers, answer.text)

    def test_under_the_name_of_somebody_else_it_opens_nothing(
        self, client: Client, bob: Client
    ) -> None:
        mixed = client.as_user("admin", token_of(bob))
        assert mixed.get("/v2/").status_code == 401
        assert "Token principal mismatch" in mixed.get("/api/repositories").text

    def test_an_expired_one_says_so(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("time.time", lambda: 1_000_000.0)
        token = client.with_token(token_of(client, expires_in=60))
        assert token.get("/api/repositories").status_code == 200
        monkeypatch.setattr("time.time", lambda: 1_000_060.0)
        answer = token.get("/api/repositories")
        assert answer.status_code == 401
        assert "Token failed verification: expired" in answer.text

    def test_a12_pull_only_is_that_through_every_door(self, client: Client) -> None:
        push_image(client)
        push_image(client, image="/v2/docker-local/other")
        secret = ask(client, "POST", NEW, form={"scope": PULL, "include_reference_token": "true"})
        doors = []
        for token in (secret["access_token"], secret["reference_token"]):
            limited = client.as_user("admin", token)
            scopes = [f"repository:{name}:pull,push,delete" for name in
                      (f"{KEY}/team/app", f"{KEY}/other", f"{KEY}/team/*", f"{KEY}/*")]  # fmt: skip
            doors += [limited, client.with_token(token)]
            doors.append(client.with_token(get_token(limited, *scopes)))
        for door in doors:
            assert door.get(f"{IMAGE}/manifests/1.0").status_code == 200
            assert door.get(f"/artifactory/{KEY}/team/app/1.0/manifest.json").status_code == 200
            for method, path in (
                ("GET", "/v2/docker-local/other/manifests/1.0"),
                ("GET", f"/artifactory/{KEY}/other/1.0/manifest.json"),
                ("POST", f"{IMAGE}/blobs/uploads/"),
                ("POST", "/v2/docker-local/new/blobs/uploads/"),
                ("DELETE", f"{IMAGE}/manifests/1.0"),
                ("DELETE", f"/artifactory/{KEY}/team/app"),
                ("PUT", f"/artifactory/api/storage/{KEY}/team/app/1.0?properties=a=b"),
                ("GET", "/artifactory/api/system"),
                ("POST", NEW),
                ("POST", OLD),
                ("GET", NEW),
                ("PUT", "/api/security/apiKey"),
            ):
                status = door.request(method, path).status_code
                assert status in (401, 403, 404), (method, path, status)
            assert json.loads(door.get("/v2/_catalog").data) == {
                "repositories": [f"{KEY}/team/app"]
            }
            items = b'items.find({"name":"manifest.json"})'
            found = json.loads(door.request("POST", "/api/search/aql", body=items).data)["results"]
            assert {item["path"] for item in found} == {"team/app/1.0"}

    def test_a12_the_scopes_of_dockers_token_are_reduced_and_never_refused(
        self, client: Client
    ) -> None:
        limited = client.as_user("_token", token_of(client, scope=PULL))
        scopes = [f"repository:{KEY}/team/app:pull,push", f"repository:{KEY}/other:pull"]
        answer = limited.request("GET", "/v2/token", query=[("scope", each) for each in scopes])
        assert answer.status_code == 200
        assert json.loads(answer.data)["scope"] == f"repository:{KEY}/team/app:pull"
        form = {"grant_type": "password", "username": "admin", "scope": " ".join(scopes)}
        form["password"] = token_of(client, scope=PULL)
        answer = ask(client, "POST", "/v2/token", form=form, anonymous=True)
        assert answer["scope"] == f"repository:{KEY}/team/app:pull"


class TestKeeping:
    def test_the_lists_tell_what_clients_read(self, client: Client) -> None:
        token = token_of(client, refreshable="true", description="x")
        (older,) = ask(client, "GET", OLD)["tokens"]
        assert set(older) == {
            "token_id", "issuer", "subject", "expiry", "refreshable", "issued_at",
        }  # fmt: skip
        (newer,) = ask(client, "GET", NEW)["tokens"]
        assert newer == older | {"scope": "applied-permissions/user", "description": "x"}
        assert older["subject"].endswith("/users/admin")
        assert older["refreshable"] is True
        mine = client.with_token(token)
        for path in (f"{NEW}/me", f"{NEW}/{older['token_id']}"):
            assert ask(mine, "GET", path)["token_id"] == older["token_id"]
        ask(client, "GET", f"{NEW}/me", 404)

    def test_the_list_can_be_limited_and_ordered(self, client: Client, bob: Client) -> None:
        token_of(client, description="a")
        token_of(client, description="b", refreshable="true", expires_in=0)
        token_of(bob, description="c", expires_in=60)

        def found(query: str = "") -> str:
            tokens = ask(client, "GET", f"{NEW}?{query}")["tokens"]
            return "".join(token["description"] for token in tokens)

        assert sorted(found()) == ["a", "b", "c"]
        assert found("username=bob") == "c"
        assert found("description=b") == found("refreshable=true") == "b"
        assert sorted(found("refreshable=False")) == ["a", "c"]
        assert found("order_by=expiry") == "cab"
        assert found("order_by=description&descending_order=true") == "cba"
        ask(client, "GET", f"{NEW}?order_by=secret", 400)
        assert [t["description"] for t in ask(bob, "GET", NEW)["tokens"]] == ["c"]
        assert len(ask(bob, "GET", OLD)["tokens"]) == 1

    @pytest.mark.parametrize("by", ["old id", "old token", "new id", "new token", "new json"])
    def test_a_revoked_one_is_refused_and_what_was_fetched_with_it(
        self, client: Client, by: str
    ) -> None:
        answer = ask(client, "POST", NEW, form={"expires_in": 60})
        token_id, token = answer["token_id"], answer["access_token"]
        docker = client.with_token(get_token(client.as_user("admin", token)))
        assert docker.get("/v2/").status_code == 200
        if by == "new id":
            ask(client, "DELETE", f"{NEW}/{token_id}")
        elif by == "new json":
            body = json.dumps({"token": token}).encode()
            headers = {"Content-Type": "application/json"}
            assert client.request("DELETE", f"{NEW}/revoke", headers, body).status_code == 200
        elif by == "new token":
            ask(client, "DELETE", f"{NEW}/revoke", form={"token": token})
        else:
            form = {"token_id": token_id} if by == "old id" else {"token": token}
            ask(client, "POST", f"{OLD}/revoke", form=form)
        for bearer in (client.with_token(token), client.as_user("admin", token), docker):
            assert bearer.get("/v2/").status_code == 401
        ask(client, "POST", f"{OLD}/revoke", 404, form={"token_id": token_id})
        ask(client, "DELETE", f"{NEW}/revoke", 404, form={"token": token})
        ask(client, "DELETE", f"{NEW}/{token_id}", 404)
        ask(client, "POST", f"{OLD}/revoke", 400, form={"x": "y"})

    def test_what_is_others_looks_like_nothing(self, client: Client, bob: Client) -> None:
        theirs = ask(client, "POST", NEW)["token_id"]
        for unknown in (theirs, "0" * 36, "x"):
            texts = {
                json.dumps(ask(bob, method, f"{NEW}/{unknown}", 404))
                for method in ("GET", "DELETE")
            }
            assert texts == {
                json.dumps(ask(bob, "GET", f"{NEW}/00000000-0000-0000-0000-000000000000", 404))
            }

    def test_the_usual_lifetime_can_be_set(self, client: Client, bob: Client) -> None:
        path = "/access/api/v1/config/token/default_expiry"
        assert ask(client, "GET", path) == {"default_token_expiration": 31536000}
        body = json.dumps({"default_token_expiration": 600}).encode()
        assert client.request("PUT", path, body=body).status_code == 200
        assert ask(bob, "POST", NEW)["expires_in"] == 600
        ask(bob, "POST", NEW, 403, form={"expires_in": 601})
        assert ask(client, "POST", NEW, form={"expires_in": 601})["expires_in"] == 601
        assert ask(bob, "POST", OLD)["expires_in"] == 600
        for wrong in (b"{}", b"[]", b'{"default_token_expiration": 0}', b"x"):
            assert client.request("PUT", path, body=wrong).status_code == 400
        ask(bob, "GET", path, 403)
