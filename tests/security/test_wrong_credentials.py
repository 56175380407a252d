"""A17 to A20: malformed credentials, the first start, who is told what, and comparing secrets."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from registry.access import passwords
from registry.access.user_documents import UserFields
from registry.config import Config
from registry.services.instance import Instance
from registry.services.setup import set_up
from registry.web.application import make_application
from tests.architecture.sources import REGISTRY, name_of, tree
from tests.conftest import ADMIN_PASSWORD, Client, basic, opened

BOBS = "password-of-bob"
PATHS = ("/v2/", "/v2/token", "/artifactory/api/repositories", "/access/api/v1/tokens")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def bob(client: Client, instance: Instance) -> Client:
    instance.users.add("bob", BOBS)
    return client.as_user("bob", BOBS)


A17 = {
    "an empty header": "",
    "no scheme": "admin",
    "another scheme": "Digest username=admin",
    "nothing after the scheme": "Basic",
    "blanks after the scheme": "Basic   ",
    "no base64": "Basic !!!",
    "base64 that is cut off": "Basic YWRtaW46YWRtaW4tcGFzc3dvcm",
    "no colon": "Basic " + encoded(b"admin"),
    "no UTF-8": "Basic " + encoded(b"admin:\xff\xfe"),
    "a zero byte in the name": "Basic " + encoded(b"admin\0:" + ADMIN_PASSWORD.encode()),
    "a zero byte in the password": "Basic " + encoded(b"admin:" + ADMIN_PASSWORD.encode() + b"\0"),
    "an empty name": basic("", ADMIN_PASSWORD),
    "an empty password": basic("admin", ""),
    "a name in capitals": basic("ADMIN", ADMIN_PASSWORD),
    "a path for a name": basic("../users/admin", ADMIN_PASSWORD),
    "the token user with a password": basic("_token", ADMIN_PASSWORD),
    "two headers in one": basic("admin", ADMIN_PASSWORD) + ", " + basic("bob", "x"),
    "a megabyte": basic("admin", "x" * 1_000_000),
    "a long name": basic("x" * 5000, ADMIN_PASSWORD),
    "an empty bearer": "Bearer ",
    "a bearer of nonsense": "Bearer x.y.z",
    "a bearer with alg none": "Bearer " + ".".join(
        [encoded(b'{"alg":"none"}'), encoded(b'{"sub":"x/users/admin","jti":"x"}'), ""]
    ),
    "the password as a bearer": f"Bearer {ADMIN_PASSWORD}",
}  # fmt: skip


@pytest.mark.parametrize("header", A17.values(), ids=A17.keys())
def test_a17_malformed_credentials_are_refused(client: Client, header: str) -> None:
    for path in PATHS:
        answer = client.request("GET", path, {"Authorization": header})
        expected = 400 if len(header) > 8192 else 401
        assert answer.status_code == expected, (path, answer.text)
        assert json.loads(answer.data)["errors"]


@pytest.mark.parametrize(
    "password", ["with:colon:s", "with blank s", "ünïcödé-pässwörd", "🐳🐳🐳🐳🐳🐳🐳🐳", "x" * 1024]
)
def test_a17_unusual_passwords_are_taken(client: Client, instance: Instance, password: str) -> None:
    instance.users.add("alice", password)
    for scheme in ("Basic", "basic", "BASIC"):
        header = scheme + basic("alice", password).removeprefix("Basic")
        answer = client.request("GET", "/v2/", {"Authorization": header})
        assert answer.status_code == 200


def test_a18_the_first_start_has_no_password_that_anybody_knows(tmp_path: Path) -> None:
    found = set()
    for number in range(2):
        for instance in opened(Config(storage_root=str(tmp_path / str(number)))):
            done = set_up(instance, None)
            assert done.generated_password
            assert len(done.generated_password) >= 20
            found.add(done.generated_password)
            client = Client(make_application(instance))
            for name, password in (
                ("admin", "password"), ("admin", "admin"), ("admin", ""), ("anonymous", ""),
                ("access-admin", "password"), ("_internal", "b6a50c8a15ece8753e37cbe5700bf84f"),
            ):  # fmt: skip
                assert client.as_user(name, password).get("/v2/").status_code == 401
            assert client.request("GET", "/api/repositories", anonymous=True).status_code == 401
    assert len(found) == 2


def prepare(instance: Instance) -> None:
    instance.users.add("bob", BOBS)
    instance.users.create("disabled", UserFields(password=BOBS, disabled=True))
    instance.users.create("barred", UserFields(password=BOBS, internal_password_disabled=True))
    instance.users.create("tokens", UserFields(internal_password_disabled=True))


GIVEN = {
    "unknown": ("nobody", BOBS),
    "wrong password": ("bob", "wrong-password"),
    "disabled": ("disabled", BOBS),
    "takes no password": ("barred", BOBS),
    "has no password": ("tokens", ""),
}


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost of each scrypt that is computed."""
    seen: list[int] = []
    scrypt = hashlib.scrypt

    def counting(password: bytes, **options: Any) -> bytes:
        seen.append(options["n"] * options["r"] * options["p"])
        return scrypt(password, **options)

    monkeypatch.setattr(hashlib, "scrypt", counting)
    return seen


def test_a19_who_is_refused_learns_nothing_by_text_or_time(
    client: Client, instance: Instance, worked: list[int]
) -> None:
    """The time is told by the work that is done: it is the same, and done once."""
    prepare(instance)
    # It is that of this test's cost, whatever tests were before.
    passwords.nobodys_hash.cache_clear()
    passwords.nobodys_hash()
    for path in PATHS:
        seen = set()
        for name, password in GIVEN.values():
            worked.clear()
            answer = client.as_user(name, password).get(path)
            seen.add((answer.status_code, answer.text, tuple(worked), *sorted(answer.headers)))
        assert len(seen) == 1, seen
        assert worked


def test_a19_neither_does_who_changes_a_password_or_logs_in_to_the_pages(
    client: Client, instance: Instance
) -> None:
    prepare(instance)
    for path, names in (
        ("/api/security/users/authorization/changePassword", ("userName", "oldPassword")),
        ("/ui/api/v1/auth/login", ("user", "password")),
    ):
        seen = set()
        for given in GIVEN.values():
            document = dict(zip(names, given, strict=True)) | {"newPassword1": "x"}
            headers = {"Content-Type": "application/json", "Origin": "http://localhost"}
            answer = client.request("POST", path, headers, json.dumps(document).encode())
            seen.add((answer.status_code, answer.text))
        assert len(seen) == 1, seen
        assert seen.pop()[0] == 401


WORDS = ("secret", "password", "credential", "signature", "digest(", "hash", "mark(", "_signed(")
"""In what an expression is called that must not be compared letter by letter."""


def compared_plainly(source: str) -> list[str]:
    """Return comparisons by ``==`` of something that sounds like a secret."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
            literal = any(side.startswith(("'", '"', "b'", 'b"')) for side in sides)
            if not literal and any(word in side for side in sides for word in WORDS):
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize(
    "path", [p for p in REGISTRY if "/access/" in str(p) or "/web/" in str(p)], ids=name_of
)
def test_a20_secrets_are_compared_in_constant_time(path: Path) -> None:
    allowed = {"new == old"}
    assert [one for one in compared_plainly(ast.unparse(tree(path))) if one not in allowed] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("password == given", 1), ("x if secret != y else z", 1), ("mark(key) == kept", 1),
        ("user.name == name", 0), ("scheme == 'password'", 0), ("compare_digest(secret, y)", 0),
    ],
)  # fmt: skip
def test_a20_the_rule_sees_what_it_is_for(source: str, found: int) -> None:
    assert len(compared_plainly(source)) == found
