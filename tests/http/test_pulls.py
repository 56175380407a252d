"""Which requests are downloads of a manifest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.config import Config
from registry.services.instance import Instance
from registry.web.application import make_application
from tests.conftest import Client, opened
from tests.http.support import ABSENT, IMAGE, KEY, digest_of, push_image

MANIFEST = f"{IMAGE}/manifests/1.0"


def counts(instance: Instance) -> dict[tuple[str, str | None, str], int]:
    """Return how often each manifest was pulled, by which tag, and by whom last."""
    found: dict[tuple[str, str | None, str], int] = {}
    for day in instance.store.pulls.days():
        for what, pulled in instance.store.pulls.day(day).pulls.items():
            assert (what.repository, what.image) == (KEY, "team/app")
            name = (what.digest, what.tag, pulled.principal)
            found[name] = found.get(name, 0) + pulled.count
    return found


def test_a_get_is_a_pull_by_tag_or_by_digest(client: Client, instance: Instance) -> None:
    digest = digest_of(push_image(client))
    assert counts(instance) == {}
    for form in (f"/v2/{KEY}", f"/artifactory/api/docker/{KEY}/v2", f"/api/docker/{KEY}/v2"):
        assert client.get(f"{form}/team/app/manifests/1.0").status_code == 200
    assert client.get(f"{IMAGE}/manifests/{digest}").status_code == 200
    assert counts(instance) == {(digest, "1.0", "admin"): 3, (digest, None, "admin"): 1}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", MANIFEST, 200),
        ("GET", f"{IMAGE}/manifests/2.0", 404),
        ("GET", f"{IMAGE}/manifests/{ABSENT}", 404),
        ("GET", f"{IMAGE}/manifests/.x", 400),
        ("GET", f"/v2/{KEY}/other/manifests/1.0", 404),
        ("GET", "/v2/none/team/app/manifests/1.0", 404),
        ("GET", f"{IMAGE}/tags/list", 200),
        ("GET", f"{IMAGE}/referrers/{ABSENT}", 200),
        ("DELETE", MANIFEST, 202),
    ],
)
def test_everything_else_is_none(
    client: Client, instance: Instance, method: str, path: str, status: int
) -> None:
    push_image(client)
    assert client.request(method, path).status_code == status
    assert counts(instance) == {}


def test_what_the_client_has_already_is_no_pull(client: Client, instance: Instance) -> None:
    digest = digest_of(push_image(client))
    answer = client.request("GET", MANIFEST, {"If-None-Match": f'"{digest}"'})
    assert answer.status_code == 304
    assert counts(instance) == {}


def test_who_may_not_pull_is_not_counted(client: Client, instance: Instance) -> None:
    push_image(client)
    assert client.request("GET", MANIFEST, anonymous=True).status_code == 401
    assert counts(instance) == {}


def test_each_pull_says_who(client: Client, instance: Instance) -> None:
    digest = digest_of(push_image(client))
    instance.users.add("bob", "password-of-bob")
    client.as_user("bob", "password-of-bob").get(MANIFEST)
    assert counts(instance) == {(digest, "1.0", "bob"): 1}


@pytest.fixture
def public(config: Config) -> Iterator[Instance]:
    """The registry where anybody may pull."""
    yield from opened(Config(storage_root=config.storage_root, anonymous_pull=True))


def test_anybody_is_anonymous(client: Client, public: Instance) -> None:
    digest = digest_of(push_image(client))
    everybody = Client(make_application(public))
    assert everybody.request("GET", MANIFEST, anonymous=True).status_code == 200
    assert counts(public) == {(digest, "1.0", "anonymous"): 1}
