"""Artifactory's own clients in Python manage users, groups and permissions on a live server."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from artifactory import ArtifactoryPath
from dohq_artifactory import Group, PermissionTarget, RepositoryLocal, User
from pydantic import SecretStr

from tests.support.live import LiveServer

with warnings.catch_warnings():
    # Its models are written for an older pydantic, which the present one tells of.
    warnings.simplefilter("ignore")
    import pyartifactory
    from pyartifactory.exception import (
        GroupNotFoundError,
        PermissionNotFoundError,
        UserAlreadyExistsError,
        UserNotFoundError,
    )
    from pyartifactory.models import Group as PyaGroup
    from pyartifactory.models import NewUser, Permission, PermissionV2
    from pyartifactory.models import User as PyaUser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server of this file's own, because permission targets decide for everybody."""
    with LiveServer(tmp_path_factory.mktemp("security") / "storage", workers=2) as made:
        yield made


@pytest.fixture
def dohq(server: LiveServer) -> ArtifactoryPath:
    return ArtifactoryPath(f"{server.url}/artifactory", auth=("admin", server.admin_password))


@pytest.fixture(params=[1, 2])
def pya(server: LiveServer, request: pytest.FixtureRequest) -> Any:
    """The server as pyartifactory sees it; permissions are those of either version."""
    return pyartifactory.Artifactory(
        url=f"{server.url}/artifactory",
        auth=("admin", SecretStr(server.admin_password)),
        api_version=request.param,
    )


class TestDohq:
    def test_a_user_comes_changes_and_goes(self, dohq: ArtifactoryPath) -> None:
        group = Group(dohq, "testers")
        group.create()
        user = User(dohq, "dora", "dora@corp.example", "long-enough")
        assert not user.read()
        user.create()
        assert (user.realm, user.last_logged_in, user.groups) == ("internal", None, [])
        user.add_to_group(group)
        user.email = "other@corp.example"
        user.update()
        found = dohq.find_user("dora")
        assert (found.email, found.groups[0].name) == ("other@corp.example", "testers")
        user.disable_ui_access = True
        user.groups = []
        user.update()
        assert dohq.find_user("dora").groups == []
        assert "dora" in user.list()
        user.delete()
        assert dohq.find_user("dora") is None
        group.delete()
        assert dohq.find_group("testers") is None

    def test_a_group_has_the_users_that_are_given(self, dohq: ArtifactoryPath) -> None:
        User(dohq, "dana", "dana@corp.example", "long-enough").create()
        group = Group(dohq, "those who test")
        group.description, group.users = "They test", ["dana"]
        group.create()
        assert dohq.find_group("those who test").description == "They test"
        assert [found.name for found in dohq.find_user("dana").groups] == ["those who test"]
        group.users = []
        group.update()
        assert dohq.find_user("dana").groups == []

    def test_a_permission_target_comes_changes_and_goes(self, dohq: ArtifactoryPath) -> None:
        User(dohq, "dirk", "dirk@corp.example", "long-enough").create()
        repository = RepositoryLocal(dohq, "docker-dohq", package_type="docker")
        repository.create()
        target = PermissionTarget(dohq, "dohq target")
        assert not target.read()
        target.add_repository(repository)
        group = Group(dohq, "deployers")
        group.create()
        target.add_user("dirk", PermissionTarget.ROLE_DEPLOY)
        target.add_group(group, PermissionTarget.ROLE_READ)
        target.includesPattern = "team/**"
        target.create()
        found = dohq.find_permission_target("dohq target")
        assert found.includesPattern == "team/**"
        assert [one.name for one in found.repositories] == ["docker-dohq"]
        assert [one.name for one in found.groups] == ["deployers"]
        target.add_user("dirk", (PermissionTarget.READ,))
        target.update()
        assert dohq.find_permission_target("dohq target").read()
        target.delete()
        assert dohq.find_permission_target("dohq target") is None
        group.delete()


class TestPyartifactory:
    def test_a_user_comes_changes_and_goes(self, pya: Any) -> None:
        with pytest.raises(UserNotFoundError):
            pya.users.get("pia")
        new = NewUser(name="pia", email="pia@corp.example", password=SecretStr("long-enough"))
        made = pya.users.create(new)
        assert (made.name, made.email, made.lastLoggedIn) == ("pia", "pia@corp.example", None)
        with pytest.raises(UserAlreadyExistsError):
            pya.users.create(new)
        changed = pya.users.update(PyaUser(name="pia", email="p@corp.example", admin=True))
        assert (changed.email, changed.admin) == ("p@corp.example", True)
        assert {user.name for user in pya.users.list()} >= {"admin", "anonymous", "pia"}
        for name in ("admin", "anonymous"):
            assert pya.users.get(name).email == f"{name}@example.com"
        pya.users.unlock("pia")
        pya.users.delete("pia")
        with pytest.raises(UserNotFoundError):
            pya.users.get("pia")

    def test_a_group_comes_changes_and_goes(self, pya: Any) -> None:
        with pytest.raises(GroupNotFoundError):
            pya.groups.get("pya")
        made = pya.groups.create(PyaGroup(name="pya", description="d", userNames=["admin"]))
        assert (made.description, made.userNames) == ("d", ["admin"])
        changed = pya.groups.update(PyaGroup(name="pya", description="e"))
        assert (changed.description, changed.userNames) == ("e", ["admin"])
        assert "pya" in [group.name for group in pya.groups.list()]
        pya.groups.delete("pya")
        with pytest.raises(GroupNotFoundError):
            pya.groups.get("pya")

    def test_a_permission_comes_changes_and_goes(self, pya: Any) -> None:
        with pytest.raises(PermissionNotFoundError):
            pya.permissions.get("pya")
        for words in (["read"], ["read", "write", "annotate", "delete", "manage"]):
            target = self.target(pya, words)
            change = pya.permissions.create if words == ["read"] else pya.permissions.update
            assert change(target) == target
            assert pya.permissions.get("pya") == target
        assert "pya" in [permission.name for permission in pya.permissions.list()]
        pya.permissions.delete("pya")
        with pytest.raises(PermissionNotFoundError):
            pya.permissions.get("pya")

    @staticmethod
    def target(pya: Any, words: list[str]) -> Any:
        if pya.permissions._uri.startswith("v2"):
            actions = {"users": {"admin": words}, "groups": {}}
            section = {"repositories": ["ANY"], "actions": actions}
            return PermissionV2.model_validate({"name": "pya", "repo": section})
        letters = [{"write": "w", "annotate": "n"}.get(word, word[0]) for word in words]
        principals = {"users": {"admin": letters}, "groups": {}}
        document = {"name": "pya", "repositories": ["ANY"], "principals": principals}
        return Permission.model_validate(document)
