"""Copies and moves that are refused, or fail in their middle."""

from __future__ import annotations

from typing import Any

import pytest

from registry.model.errors import StorageFull
from registry.model.names import RepositoryKey
from registry.repositories.copying import Arrival
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.relocating import LOCAL, PROD, TARGET, images, refused, relocate
from tests.http.support import get_token, push_image


@pytest.fixture(autouse=True)
def target(instance: Instance) -> None:
    instance.definitions.create(RepositoryKey(TARGET), "local", {})


NOWHERE: list[tuple[str, str, int, tuple[str, ...]]] = [
    ("team/app/none", f"/{TARGET}/a/b", 404, ("Unable to find item",)),
    ("none", f"/{TARGET}/a/b", 404, ("Unable to find item",)),
    ("team/app/1.0/none.json", f"/{TARGET}/a/b", 404, ("Unable to find item",)),
    ("UPPER", f"/{TARGET}/a/b", 404, ("Unable to find item",)),
    ("team/app/1.0", "", 400, ("to=",)),
    ("team/app/1.0", "/", 400, ("to=",)),
    ("team/app/1.0", "/docker-none/a/b", 404, ()),
    ("team/app/1.0", f"/{TARGET}", 400, ("cannot be a tag",)),
    ("team/app/1.0", f"/{TARGET}/tag", 400, ("cannot be a tag",)),
    ("team/app/1.0", f"/{TARGET}/Team/tag", 400, ("cannot be an image",)),
    ("team/app/1.0", f"/{TARGET}/team/../tag", 400, ("cannot be",)),
    ("team/app/1.0", f"/{TARGET}/a/-b", 400, ("cannot be a tag",)),
    ("team/app", f"/{TARGET}/Team", 400, ("cannot be an image",)),
    ("team/app", f"/{TARGET}/{'x' * 260}", 400, ("cannot be an image",)),
    ("team/app/1.0", "/docker-local/team/app/1.0", 400, ("the same",)),
    ("team/app/1.0", "/docker-local/team/app/", 400, ("the same",)),
    ("team/app/1.0", "/docker-local/team/app", 400, ("the same",)),
    ("team/app/1.0/manifest.json", "/docker-local/team/app/1.0", 400, ("the same",)),
    ("team/app", "/docker-local/team/app/sub", 400, ("in the source",)),
    ("team/app/1.0", f"/{TARGET}/a/sha256:{'0' * 64}", 400, ("digest",)),
]


@pytest.mark.parametrize("verb", ["copy", "move"])
@pytest.mark.parametrize(("path", "to", "status", "words"), NOWHERE)
def test_what_cannot_be_done(
    client: Client, verb: str, path: str, to: str, status: int, words: tuple[str, ...]
) -> None:
    push_image(client)
    refused(relocate(client, verb, path, to), status, *words)
    refused(relocate(client, verb, path, to, dry="1"), status, *words)
    assert images(client) == {LOCAL: ["1.0"]}


def test_rights_on_both_sides(client: Client) -> None:
    push_image(client)
    push_image(client, "2.0", layers=[b"second"])
    read, write = "repository:docker-local/team/app:pull", "repository:docker-prod/team/app:push"
    limited = client.with_token(get_token(client, read, write))
    for path in ("team/app/1.0", "team/app"):
        for verb, status in (("copy", 200), ("move", 401)):
            answer = relocate(limited, verb, path, f"/{TARGET}/{path}", dry="1")
            assert answer.status_code == status, (verb, path, answer.text)
    for scopes in ([read], [write], [read, "repository:docker-prod/team/other:push"]):
        other = client.with_token(get_token(client, *scopes))
        answer = relocate(other, "copy", "team/app/1.0", f"/{PROD}/1.0")
        assert answer.status_code in (401, 404), scopes
    push_image(client, image=f"/v2/{PROD}", layers=[b"before"])
    file = "team/app/1.0/manifest.json"
    refused(relocate(limited, "copy", file, f"/{PROD}/1.0"), 401, "delete")
    assert images(client) == {LOCAL: ["1.0", "2.0"], PROD: ["1.0"]}


def test_patterns_of_the_target(client: Client, instance: Instance) -> None:
    push_image(client)
    push_image(client, "2.0", layers=[b"second"])
    instance.definitions.update(RepositoryKey(TARGET), {"excludesPattern": "team/app/2.0/**"})
    refused(relocate(client, "copy", "team", f"/{TARGET}/team"), 403, "exclude")
    assert PROD not in images(client)


@pytest.mark.parametrize(("fail_fast", "landed"), [("1", ["1.0"]), ("0", ["1.0", "3.0"])])
def test_what_fails_in_the_middle(
    client: Client, monkeypatch: pytest.MonkeyPatch, fail_fast: str, landed: list[str]
) -> None:
    for name in ("1.0", "2.0", "3.0"):
        push_image(client, name, layers=[name.encode()])
    bring, calls = Arrival.bring, list[int]()

    def full(self: Arrival, *arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise StorageFull("the disk is full")
        bring(self, *arguments)

    monkeypatch.setattr(Arrival, "bring", full)
    answer = relocate(client, "move", "team/app", f"/{PROD}", failFast=fail_fast)
    refused(answer, 507, "docker-local:team/app/2.0", "full")
    assert images(client)[PROD] == landed
