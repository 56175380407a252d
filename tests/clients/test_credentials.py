"""Real clients with API keys and access tokens in the place of a password."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from artifactory import ArtifactoryPath
from dohq_artifactory import Token
from dohq_artifactory import User as DohqUser
from pydantic import SecretStr

from tests.clients.conftest import User
from tests.clients.images import Layout
from tests.clients.programs import Docker, Program
from tests.support.live import LiveServer

with warnings.catch_warnings():
    # Its models are written for an older pydantic, which the present one tells of.
    warnings.simplefilter("ignore")
    import pyartifactory
    from pyartifactory.exception import InvalidTokenDataError

IMAGE = "docker-local/credentials/app"


def dohq(registry: LiveServer, **auth: Any) -> ArtifactoryPath:
    return ArtifactoryPath(f"{registry.url}/artifactory", **auth)


def pya(registry: LiveServer, name: str, secret: str) -> Any:
    return pyartifactory.Artifactory(
        url=f"{registry.url}/artifactory", auth=(name, SecretStr(secret)), api_version=1
    )


def may_list(path: ArtifactoryPath) -> bool:
    """Return whether the repositories can be seen."""
    found = [repository.name for repository in path.get_repositories()]
    return "docker-local" in found


@pytest.fixture
def alice(registry: LiveServer, user: User) -> Iterator[DohqUser]:
    """A user as dohq-artifactory has one, with the password known and no API key."""
    made = DohqUser(dohq(registry, auth=(user.name, user.password)), user.name)
    made.password = user.password
    yield made
    made.api_key.revoke()


class TestDohq:
    def test_an_api_key_is_made_asked_for_made_anew_and_revoked(
        self, registry: LiveServer, alice: DohqUser
    ) -> None:
        assert alice.api_key.get() == ""
        key = alice.api_key.create()
        assert str(alice.api_key) == key
        assert may_list(dohq(registry, apikey=key))
        other = alice.api_key.regenerate()
        assert other not in ("", key)
        assert may_list(dohq(registry, apikey=other))
        alice.api_key.revoke()
        assert alice.api_key.get() == ""

    def test_an_encrypted_password_stands_for_the_password(
        self, registry: LiveServer, alice: DohqUser
    ) -> None:
        text = alice.encrypted_password
        assert may_list(dohq(registry, auth=(alice.name, text)))

    def test_a_token_is_made_found_and_revoked(self, registry: LiveServer) -> None:
        root = dohq(registry, auth=("admin", registry.admin_password))
        token = Token(root, username="admin", scope="member-of-groups:* api:*", expires_in=600)
        token.create()
        assert token.token["token_type"] == "Bearer"
        assert may_list(dohq(registry, token=token.jwt_token))
        assert token.read() is not False
        assert token.token_id in token.tokens
        token.delete()
        token.tokens.clear()
        token.read()
        assert token.token_id not in token.tokens

    def test_what_is_refused_says_why(self, registry: LiveServer, user: User) -> None:
        path = dohq(registry, auth=(user.name, user.password))
        token = Token(path, username="admin", scope="applied-permissions/admin")
        with pytest.raises(Exception, match="only an admin can have a token for somebody else"):
            token.create()


class TestPya:
    def test_an_api_key_is_made_asked_for_made_anew_and_revoked(
        self, registry: LiveServer, user: User, alice: DohqUser
    ) -> None:
        security = pya(registry, user.name, user.password).security
        key = security.create_api_key().apiKey.get_secret_value()
        assert security.get_api_key().apiKey.get_secret_value() == key
        assert pya(registry, user.name, key).repositories.list()
        other = security.regenerate_api_key().apiKey.get_secret_value()
        assert other != key
        root = pya(registry, "admin", registry.admin_password).security
        root.revoke_user_api_key(user.name)
        with pytest.raises(Exception, match="401"):
            pya(registry, user.name, other).repositories.list()

    def test_a_token_is_made_and_revoked(self, registry: LiveServer, user: User) -> None:
        security = pya(registry, user.name, user.password).security
        made = security.create_access_token(user.name, expires_in=600)
        assert (made.token_type, made.expires_in) == ("Bearer", 600)
        assert pya(registry, user.name, made.access_token).repositories.list()
        assert security.revoke_access_token(made.access_token) is True
        assert security.revoke_access_token(made.access_token) is False
        with pytest.raises(InvalidTokenDataError):
            security.create_access_token("admin")


@pytest.fixture
def secrets(registry: LiveServer, user: User, alice: DohqUser) -> dict[str, str]:
    """What can take the place of the password, and a token that can pull one image alone."""
    session = pya(registry, user.name, user.password).security
    limited = session.create_access_token(
        user.name, scope=f"applied-permissions/images:{IMAGE}:pull"
    )
    return {
        "API key": alice.api_key.create(),
        "access token": session.create_access_token(user.name).access_token,
        "pull-only token": limited.access_token,
    }


@pytest.mark.parametrize("kind", ["API key", "access token"])
def test_skopeo_pushes_and_pulls_with_it(
    skopeo: Program, registry: LiveServer, user: User, layout: Layout, secrets: Any, kind: str
) -> None:
    target = f"docker://{registry.host}/{IMAGE}:1"
    creds = f"{user.name}:{secrets[kind]}"
    layout.image([{"file": b"content"}], {}, tag="1")
    push = ("copy", f"--dest-creds={creds}", "--dest-tls-verify=false")
    skopeo(*push, f"oci:{layout.folder}:1", target)
    skopeo("inspect", f"--creds={creds}", "--tls-verify=false", target)


def test_a12_skopeo_only_pulls_with_a_pull_only_token(
    skopeo: Program, registry: LiveServer, user: User, layout: Layout, secrets: Any
) -> None:
    layout.image([{"file": b"content"}], {}, tag="1")
    source = f"oci:{layout.folder}:1"
    target, other = (f"docker://{registry.host}/{name}:1" for name in (IMAGE, f"{IMAGE}-other"))
    for image in (target, other):
        skopeo("copy", f"--dest-creds={user.pair}", "--dest-tls-verify=false", source, image)
    limited = f"{user.name}:{secrets['pull-only token']}"
    skopeo("inspect", f"--creds={limited}", "--tls-verify=false", target)
    skopeo.fails("inspect", f"--creds={limited}", "--tls-verify=false", other)
    skopeo.fails("copy", f"--dest-creds={limited}", "--dest-tls-verify=false", source, target)
    skopeo.fails("delete", f"--creds={limited}", "--tls-verify=false", target)


@pytest.mark.parametrize("kind", ["API key", "access token", "pull-only token"])
def test_docker_logs_in_with_it(
    docker: Docker, registry: LiveServer, user: User, secrets: Any, kind: str
) -> None:
    assert "Login Succeeded" in docker.login(registry, user.name, secrets[kind])
    docker.login_fails(registry, user.name, secrets[kind][:-1] + "!")
