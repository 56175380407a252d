"""A9 to A12: fields that give nothing, names of others, lists, and tokens in every place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from registry.access.groups import GroupFields
from registry.access.policies import Locking
from registry.access.principals import Action
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from registry.web.routing import Right
from tests.conftest import Client
from tests.http.matrix import BODIES
from tests.http.securing import GROUPS, USERS, V1, V2, send
from tests.http.support import ABSENT, digest_of, push_image, start, tree
from tests.security.rights import PASSWORD, allow, make_repository, make_user, shown

MINE, THEIRS = "docker-mine", "docker-theirs"
EVERYTHING = "read write annotate delete manage"


@dataclass
class Tenants:
    """Two users with a repository each, of which the one tries the names of the other."""

    mallory: Client
    theirs: dict[str, str]
    absent: dict[str, str]


@pytest.fixture
def tenants(cheap: None, client: Client, instance: Instance) -> Tenants:
    instance.secrets.policies.set_locking(Locking(enabled=False))
    made = {}
    for name, key, layer in (("mallory", MINE, b"mine"), ("victor", THEIRS, b"theirs")):
        make_repository(instance, key)
        made[name] = make_user(client, instance, name)
        instance.groups.create(f"group-of-{name}", GroupFields())
        allow(instance, name, EVERYTHING, key)
        push_image(made[name], f"of-{name}", f"/v2/{key}/{name}/app", layers=[layer])
    token = json.loads(made["victor"].request("POST", "/access/api/v1/tokens").data)["token_id"]
    upload = start(made["victor"], f"/v2/{THEIRS}/victor/app").rpartition("/")[2]
    theirs = {
        "key": THEIRS, "image": "victor/app", "reference": "of-victor",
        "digest": digest_of(b"theirs"), "upload_id": upload,
        "path": "victor/app/of-victor/manifest.json", "name": "victor", "token": token,
        "resource": "artifact", "uuid": "none", "rest": "none",
    }  # fmt: skip
    absent = theirs | {
        "key": "docker-absent", "image": "absent/app", "reference": "of-absent", "digest": ABSENT,
        "upload_id": "0" * 32, "path": "absent/app/of-absent/manifest.json", "name": "absent",
        "token": "0" * len(token),
    }  # fmt: skip
    return Tenants(made["mallory"], theirs, absent)


def mixes(tenants: Tenants) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield what to ask for of the other's, and the same of what there is not."""
    yield tenants.theirs, tenants.absent
    # The own repository with everything else of the other.
    own = {"key": MINE}
    yield tenants.theirs | own, tenants.absent | own
    own |= {"image": "mallory/app"}
    for names in (tenants.theirs, tenants.absent):
        own[names["name"]] = f"mallory/app/{names['reference']}/manifest.json"
    yield (tenants.theirs | own | {"path": own["victor"]},
           tenants.absent | own | {"path": own["absent"]})  # fmt: skip


def asked(app: Flask) -> Iterator[tuple[str, str, Right]]:
    for rule in app.url_map.iter_rules():
        right = getattr(app.view_functions[rule.endpoint], "right", None)
        assert isinstance(right, Right)
        if rule.arguments and right is not Right.PUBLIC:
            for method in sorted((rule.methods or set()) - {"OPTIONS"}):
                yield method, rule.rule, right


def filled(rule: str, names: dict[str, str]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: names[found[1]], rule)


def body_for(rule: str, method: str, names: dict[str, str]) -> bytes:
    if "/manifests/" in rule and method == "PUT":
        part = {"mediaType": "x/y", "digest": names["digest"], "size": 6}
        kind = "application/vnd.oci.image.manifest.v1+json"
        document = {"schemaVersion": 2, "mediaType": kind, "config": part, "layers": [part]}
        return json.dumps(document).encode()
    if rule.endswith("/promote"):
        document = {"targetRepo": names["key"], "dockerRepository": names["image"],
                    "tag": names["reference"], "targetTag": "other", "copy": True}  # fmt: skip
        return json.dumps(document).encode()
    if method not in ("POST", "PUT", "PATCH"):
        return b""
    return next((body for end, body in BODIES.items() if rule.endswith(end)), b"")


def test_a10_the_names_of_another_tenant_are_as_good_as_any(
    app: Flask, tenants: Tenants, storage: Path
) -> None:
    """CVE-2022-31667 and others of Harbor: each name in each place of each route is tried.

    What comes back is the same for names of others as for names that nobody has.
    """
    wrong, count = [], 0
    before = tree(storage / "artifacts" / THEIRS)
    for method, rule, _ in asked(app):
        for known, absent in mixes(tenants):
            answers = []
            for names in (absent, known):
                path = filled(rule, names)
                query = {
                    "mount": names["digest"], "from": f"{THEIRS}/{names['image']}",
                    "to": f"/{names['key']}/copied/1.0", "properties": "a=1",
                    "digest": names["digest"],
                }  # fmt: skip
                if not rule.endswith("/blobs/uploads/"):
                    del query["mount"]
                body = body_for(rule, method, names)
                answer = tenants.mallory.request(method, path, {}, body, query=query)
                secret = names["digest"], names["digest"].partition(":")[2]
                parts = [names["image"].partition("/")[0], *names.values(), names["name"]]
                plain = {*parts, *secret} - {"none", "artifact", MINE, "mallory/app"}
                answers.append(shown(answer, *(one for one in plain if len(one) > 5)))
                count += 1
            if answers[0][:2] != answers[1][:2]:
                wrong.append((method, rule, known["key"], *answers))
    assert count > 400
    assert tree(storage / "artifacts" / THEIRS) == before
    assert not wrong, "\n".join(map(str, wrong))


SEARCHES = [
    ("POST", "/artifactory/api/search/aql", b'items.find({"repo":{"$match":"*"},"type":"any"})'),
    ("POST", "/artifactory/api/search/aql", b'items.find({"@docker.repoName":{"$match":"*"}})'),
    ("GET", "/artifactory/api/search/artifact?name=*", b""),
    ("GET", f"/artifactory/api/search/artifact?name=*&repos={THEIRS}", b""),
    ("GET", "/artifactory/api/search/prop?docker.manifest=*", b""),
    ("GET", f"/artifactory/api/search/pattern?pattern={THEIRS}:victor/*/*/*", b""),
    ("GET", "/artifactory/api/search/creation?from=0", b""),
    ("GET", f"/artifactory/api/search/checksum?sha256={digest_of(b'theirs')[7:]}", b""),
    ("GET", "/artifactory/api/docker/search?q=v", b""),
]


def test_a10_no_list_and_no_search_has_a_name_of_another_tenant(
    app: Flask, tenants: Tenants
) -> None:
    lists = [
        ("GET", rule.rule, b"")
        for rule in app.url_map.iter_rules()
        if not rule.arguments and "GET" in (rule.methods or set())
    ]
    assert len(lists) > 50
    for method, path, body in [*lists, *SEARCHES]:
        answer = tenants.mallory.request(method, path, body=body)
        told = answer.text
        if "pattern=" in path:
            # What was asked for comes back.
            told = told.replace(f"{THEIRS}:victor/*/*/*", "").replace(f"/{THEIRS}", "")
        for name in ("victor", "theirs", digest_of(b"theirs")[7:]):
            assert name not in told, path


@pytest.mark.parametrize(
    "path",
    [
        "/v2/_catalog", "/v2/_catalog/", "//v2/_catalog", "/v2/./_catalog", "/v2/_catalog?n=1",
        "/v2/_catalog?n=1000000", "/v2/_catalog?last=docker-mine/zzz", "/v2/_catalog?last=",
        f"/artifactory/api/docker/{THEIRS}/v2/_catalog", f"/api/docker/{THEIRS}/_catalog",
        f"/api/docker/{THEIRS}/v2/_catalog", f"/artifactory/api/docker/{MINE}/v2/../v2/_catalog",
        f"/v2/{THEIRS}/victor/app/tags/list", f"/artifactory/api/docker/{MINE}/v2/_catalog",
    ],
)  # fmt: skip
def test_a11_no_form_of_the_catalog_has_more_than_may_be_read(tenants: Tenants, path: str) -> None:
    """CVE-2020-29662 of Harbor, where another path listed everything."""
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        answer = tenants.mallory.request(method, path)
        assert answer.status_code in (200, 404, 405), answer.text
        assert "victor" not in answer.text.replace('"name":"victor/app"', ""), method
        if answer.status_code == 200 and method == "GET" and "last=docker" not in path:
            named = "app" if MINE in path else f"{MINE}/mallory/app"
            assert named in answer.text


EXTRA = {
    "admin": True, "isAdmin": True, "adminPrivileges": True, "has_admin_role": True,
    "groups": ["administrators"], "userNames": ["mallory"], "owner": "mallory", "roles": ["admin"],
    "permissions": ["ANY"], "scope": "applied-permissions/admin", "subject": "admin",
    "realm": "internal", "principals": {"users": {"mallory": ["r", "w", "d", "m"]}},
}  # fmt: skip
RIGHTS = [(action, key) for action in Action for key in (MINE, THEIRS)]


def rights(instance: Instance) -> tuple[object, ...]:
    """Return what mallory is and may do."""
    principal = instance.authentication.by_password("mallory", PASSWORD)
    allowed = [
        instance.decisions.allows_in(principal, action, RepositoryKey(key))
        for action, key in RIGHTS
    ]
    return principal.admin, principal.groups, allowed


BUILDS = {"repositories": ["artifactory-build-info"], "actions": {"users": {"mallory": ["manage"]}}}
DOORS = [
    ("POST", "/artifactory/api/security/users/authorization/changePassword",
     {"userName": "mallory", "oldPassword": PASSWORD, "newPassword1": PASSWORD,
      "newPassword2": PASSWORD}),
    ("POST", f"{USERS}/mallory", {"email": "m@corp.example"}),
    ("PUT", f"{USERS}/mallory", {"email": "m@corp.example", "password": PASSWORD}),
    ("PATCH", "/access/api/v2/users/mallory", {"email": "m@corp.example"}),
    ("POST", "/artifactory/api/security/apiKey", {}),
    ("PUT", f"/artifactory/api/repositories/{MINE}", {"rclass": "local"}),
    ("POST", f"/artifactory/api/repositories/{MINE}", {"description": "x"}),
    ("PUT", f"{GROUPS}/administrators", {}),
    ("PUT", f"{V1}/more", {"repositories": [MINE]}),
    ("PUT", f"{V2}/more", {"repo": {"repositories": [MINE], "actions": {}}, "build": BUILDS}),
    ("PUT", f"{V2}/others", {"repo": {"repositories": [MINE, THEIRS],
                                      "actions": {"users": {"mallory": ["read"]}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "document"), DOORS, ids=[d[1][-24:] for d in DOORS])
def test_a9_fields_that_do_not_belong_there_give_nobody_a_right(
    tenants: Tenants, instance: Instance, method: str, path: str, document: dict[str, object]
) -> None:
    """CVE-2019-16097 of Harbor, where a new user could say of itself that it is an admin."""
    before = rights(instance)
    answer = send(tenants.mallory, method, path, document | EXTRA)
    assert answer.status_code < 500, answer.text
    assert rights(instance) == before


@pytest.mark.parametrize("path", [f"{USERS}/new", f"{GROUPS}/new", f"{V1}/new", f"{V2}/new",
                                  "/artifactory/api/repositories/docker-new"])  # fmt: skip
def test_a9_neither_do_they_if_an_admin_sends_them(
    client: Client, tenants: Tenants, instance: Instance, path: str
) -> None:
    """A form that somebody else filled in gives no more than the fields that there are."""
    strange = {name: EXTRA[name] for name in ("isAdmin", "has_admin_role", "owner", "roles",
                                              "permissions", "scope", "subject")}  # fmt: skip
    needed = {"email": "n@corp.example", "password": PASSWORD, "rclass": "local",
              "repositories": [MINE], "repo": {"repositories": [MINE], "actions": {}}}  # fmt: skip
    before = rights(instance)
    assert send(client, "PUT", path, needed | strange).status_code in (200, 201)
    assert rights(instance) == before
    for user in instance.users.all():
        assert user.admin is (user.name == "admin")
        assert "administrators" not in user.groups


def test_a12_a_limited_token_is_limited_in_every_place(tenants: Tenants, client: Client) -> None:
    """CVE-2025-68944 and others of Gitea: as Basic, Bearer, API key and cookie it is the same."""
    scope = f"applied-permissions/images:{MINE}/mallory/app:pull"
    made = tenants.mallory.request("POST", "/access/api/v1/tokens", body=f"scope={scope}".encode())
    token = json.loads(made.data)["access_token"]
    image, other = f"/v2/{MINE}/mallory/app", f"/v2/{THEIRS}/victor/app"
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": tenants.mallory.as_user("mallory", token).authorization},
        {"Authorization": tenants.mallory.as_user("_token", token).authorization},
        {"X-JFrog-Art-Api": token},
        {"Cookie": f"registry_session={token}"},
    ):
        pulled = client.request("GET", f"{image}/manifests/of-mallory", headers, anonymous=True)
        assert (pulled.status_code == 200) is ("Cookie" not in headers), headers
        for method, path in (
            ("DELETE", f"{image}/manifests/of-mallory"),
            ("POST", f"{image}/blobs/uploads/"),
            ("POST", f"/v2/{MINE}/mallory/other/blobs/uploads/"),
            ("GET", f"{other}/manifests/of-victor"),
            ("GET", V1),
            ("POST", "/artifactory/api/security/apiKey"),
            ("POST", "/access/api/v1/tokens"),
            ("PUT", f"/artifactory/api/storage/{MINE}/mallory/app/of-mallory?properties=a=b"),
            ("DELETE", f"/artifactory/{MINE}/mallory/app"),
            ("POST", f"/artifactory/api/move/{MINE}/mallory/app?to=/{MINE}/away"),
        ):
            answer = client.request(method, path, headers, anonymous=True)
            assert answer.status_code in (401, 403, 404), (headers, method, path)
