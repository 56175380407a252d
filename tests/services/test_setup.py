from __future__ import annotations

from pathlib import Path

import pytest

from registry.access import passwords
from registry.access.defaults import READERS
from registry.access.principals import ANONYMOUS, Action, Principal
from registry.config import Config
from registry.model.errors import CredentialsWrong, StorageUnusable, UserInvalid
from registry.model.names import ImageName, RepositoryKey
from registry.repositories.upstream.names import is_hub
from registry.services.instance import Instance
from registry.services.setup import ADMIN, FIRST_REMOTE, FIRST_REPOSITORY, FIRST_VIRTUAL, set_up
from registry.storage import format as storage_format
from registry.wiring import build


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(passwords, "_N", 2**4)
    return build(Config(storage_root=str(tmp_path / "store")))


FIRST = [FIRST_VIRTUAL, FIRST_REPOSITORY, FIRST_REMOTE]
"""The repositories of a new storage folder, sorted."""


def keys(instance: Instance) -> list[str]:
    return [definition.key for definition in instance.definitions.all()]


def test_the_first_start_makes_an_admin_and_repositories(instance: Instance) -> None:
    done = set_up(instance, None)
    assert done.new
    assert done.generated_password is not None
    assert len(done.generated_password) >= 20
    assert instance.authentication.by_password(ADMIN, done.generated_password).admin
    assert keys(instance) == FIRST
    assert instance.keys.current()


def test_one_name_stands_for_what_is_pushed_here_and_for_docker_hub(instance: Instance) -> None:
    set_up(instance, None)
    virtual = instance.definitions.get(FIRST_VIRTUAL)
    assert virtual.fields["repositories"] == [FIRST_REPOSITORY, FIRST_REMOTE]
    assert virtual.text("defaultDeploymentRepo") == FIRST_REPOSITORY
    assert is_hub(instance.definitions.get(FIRST_REMOTE))


def test_a_given_password_is_used_and_not_told(instance: Instance) -> None:
    done = set_up(instance, "given-password")
    assert done.generated_password is None
    assert instance.authentication.by_password(ADMIN, "given-password").admin


def test_a_second_start_keeps_everything(instance: Instance) -> None:
    set_up(instance, "given-password")
    instance.definitions.create(RepositoryKey("mine"), "local", {})
    instance.definitions.remove(FIRST_REPOSITORY)
    secrets = instance.keys.current()
    done = set_up(instance, "another-password")
    assert (done.new, done.generated_password) == (False, None)
    assert keys(instance) == [FIRST_VIRTUAL, FIRST_REMOTE, "mine"]
    assert instance.keys.current() == secrets
    with pytest.raises(CredentialsWrong):
        instance.authentication.by_password(ADMIN, "another-password")


def test_an_admin_of_another_name_is_enough(instance: Instance) -> None:
    set_up(instance, None)
    instance.users.add("root", "given-password", admin=True)
    instance.users.remove(ADMIN)
    set_up(instance, None)
    assert [user.name for user in instance.users.all()] == ["root"]


def test_a_user_of_the_admins_name_is_not_made_an_admin(instance: Instance) -> None:
    storage_format.prepare(instance.store.layout)
    instance.users.add(ADMIN, "given-password")
    assert set_up(instance, None).generated_password is None
    assert not instance.users.get(ADMIN).admin


def test_a_password_that_cannot_be_used_is_said(instance: Instance) -> None:
    with pytest.raises(UserInvalid, match="8 to"):
        set_up(instance, "short")
    assert set_up(instance, "long-enough").generated_password is None
    assert keys(instance) == FIRST


def test_a_command_before_the_first_start_does_not_cost_the_repositories(
    instance: Instance,
) -> None:
    """`user list` makes the folder; the printed `docker push` line must work all the same."""
    storage_format.prepare(instance.store.layout)
    instance.keys.ensure()
    set_up(instance, None)
    assert keys(instance) == FIRST


@pytest.mark.parametrize("step", ["keys", "users", "definitions"])
def test_a_first_start_that_was_killed_is_gone_on_with(
    instance: Instance, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"keys": "ensure", "users": "add", "definitions": "create"}[step]

    def killed(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(type(getattr(instance, step)), name, killed)
        with pytest.raises(KeyboardInterrupt):
            set_up(instance, "given-password")
    set_up(instance, "given-password")
    assert instance.authentication.by_password(ADMIN, "given-password").admin
    assert keys(instance) == FIRST


def test_a_folder_that_cannot_serve_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnusable):
        set_up(build(Config(storage_root=str(tmp_path / "file"))), None)


def may(instance: Instance, principal: Principal, key: RepositoryKey = FIRST_REPOSITORY) -> str:
    """Return the letters of what somebody may do with an image."""
    image = ImageName("team/app")
    allowed = [a for a in Action if instance.decisions.allows(principal, a, key, image)]
    return " ".join(sorted(action.value for action in allowed))


def test_new_users_may_read_and_nothing_else(instance: Instance) -> None:
    """What Artifactory begins with, and its rights are asked for from the first request on."""
    set_up(instance, "given-password")
    targets = {target.name: target.repo for target in instance.permission_targets.all()}
    assert set(targets) == {"Anything", "Any Remote"}
    assert list(targets["Anything"].repositories) == ["ANY"]
    assert list(targets["Any Remote"].repositories) == ["ANY REMOTE"]
    assert instance.permission_targets.in_force()
    instance.users.add("alice", "password-of-alice")
    assert instance.users.get("alice").groups == (READERS,)
    alice = instance.authentication.by_password("alice", "password-of-alice")
    remote = RepositoryKey("hub")
    instance.definitions.create(remote, "remote", {"url": "https://registry.example"})
    assert may(instance, alice) == "read"
    assert may(instance, alice, remote) == "read write"
    admin = instance.authentication.by_password(ADMIN, "given-password")
    assert "delete" in may(instance, admin)


def test_a_user_who_leaves_the_readers_may_nothing(instance: Instance) -> None:
    set_up(instance, "given-password")
    assert may(instance, Principal("stranger")) == ""
    assert may(instance, Principal("member", groups=frozenset({READERS}))) == "read"


def test_a18_nobody_is_let_in_without_a_name_until_that_is_switched_on(tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    instance = build(Config(storage_root=root))
    set_up(instance, "given-password")
    assert may(instance, Principal(ANONYMOUS)) == ""
    assert not instance.decisions.allows_some(Principal(ANONYMOUS))
    opened = build(Config(storage_root=root, anonymous_pull=True))
    assert may(opened, Principal(ANONYMOUS)) == "read"


def test_a_folder_that_worked_by_roles_goes_on_to(instance: Instance) -> None:
    """Whoever updates must not find that nobody can push any more."""
    storage_format.prepare(instance.store.layout)
    storage_format.stamp(instance.store.layout)
    instance.users.add("alice", "password-of-alice")
    assert not set_up(instance, "given-password").new
    assert not instance.permission_targets.in_force()
    assert "write" in may(instance, Principal("alice"))


def test_a_second_start_brings_no_removed_target_back(instance: Instance) -> None:
    set_up(instance, "given-password")
    instance.permission_targets.remove("Anything")
    set_up(instance, None)
    names = [target.name for target in instance.permission_targets.all()]
    assert names == ["Any Remote"]
