"""Who may promote what: rights, patterns and kinds of repositories, on both sides."""

from __future__ import annotations

from typing import Any

import pytest

from registry.access.decision import Decisions
from registry.access.principals import Action
from registry.model.names import RepositoryKey
from registry.services.instance import Instance
from tests.conftest import Client
from tests.http.promoting import ONE, TARGET, THERE, WHOLE, promote, refused, tags
from tests.http.support import get_token, push_image


@pytest.fixture(autouse=True)
def target(instance: Instance) -> None:
    instance.definitions.create(RepositoryKey(TARGET), "local", {})


@pytest.mark.parametrize(
    ("granted", "copy", "allowed"),
    [
        ("docker-local/team/app:pull docker-prod/team/app:push", True, True),
        ("docker-local/team/app:pull docker-prod/team/app:push", False, False),
        ("docker-local/team/app:pull,delete docker-prod/team/app:push", False, True),
        ("docker-local/team/app:delete docker-prod/team/app:push", False, False),
        ("docker-local/team/app:pull docker-prod/team/app:pull", True, False),
        ("docker-local/team/app:pull docker-prod/team/other:push", True, False),
        ("docker-prod/team/app:pull,push,delete", True, False),
    ],
)
def test_rights_on_both_sides(client: Client, granted: str, copy: bool, allowed: bool) -> None:
    push_image(client)
    scopes = [f"repository:{scope}" for scope in granted.split()]
    limited = client.with_token(get_token(client, *scopes))
    answer = promote(limited, {**ONE, "copy": copy})
    assert answer.status_code == (200 if allowed else 401), answer.text
    if not allowed:
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert (tags(client), tags(client, THERE)) == (["1.0"], [])


def test_a4_to_replace_another_image_takes_the_right_to_delete(client: Client) -> None:
    push_image(client)
    push_image(client, image=THERE, layers=[b"before"])
    scope = ["repository:docker-local/team/app:pull", "repository:docker-prod/team/app:push"]
    limited = client.with_token(get_token(client, *scope))
    assert promote(limited, {**ONE, "copy": True}).status_code == 401
    scope[1] += ",delete"
    fuller = client.with_token(get_token(client, *scope))
    assert promote(fuller, {**ONE, "copy": True}).status_code == 200
    # The same image again replaces nothing.
    assert promote(limited, {**ONE, "copy": True}).status_code == 200


def test_a_known_user_without_the_right(
    client: Client, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_image(client)
    push_image(client, "2.0", layers=[b"second"])

    def allows(
        self: Decisions,
        principal: Any,
        action: Action,
        key: str,
        image: str,
        reference: Any = None,
    ) -> bool:
        return not (key == TARGET and action is Action.WRITE)

    monkeypatch.setattr(Decisions, "allows", allows)
    refused(promote(client, WHOLE), 403, "write", TARGET)
    assert tags(client) == ["1.0", "2.0"]


def test_patterns_and_blackout_count_on_both_sides(client: Client, instance: Instance) -> None:
    push_image(client)
    definitions = instance.definitions
    definitions.update(RepositoryKey(TARGET), {"excludesPattern": "team/**"})
    refused(promote(client, ONE), 403, "exclude")
    definitions.update(RepositoryKey(TARGET), {"excludesPattern": "", "blackedOut": True})
    refused(promote(client, ONE), 403, "blacked out")
    definitions.update(RepositoryKey(TARGET), {"blackedOut": False})
    definitions.update(RepositoryKey("docker-local"), {"excludesPattern": "team/app/1.*/**"})
    refused(promote(client, ONE), 404)
    definitions.update(RepositoryKey("docker-local"), {"excludesPattern": ""})
    assert tags(client) == ["1.0"]
    assert promote(client, ONE).status_code == 200


def test_only_local_repositories_take_part(client: Client, instance: Instance) -> None:
    push_image(client)
    key = RepositoryKey("docker-all")
    instance.definitions.create(key, "virtual", {"repositories": ["docker-local"]})
    refused(promote(client, {**ONE, "targetRepo": key}), 400, "virtual", "docker-all")
